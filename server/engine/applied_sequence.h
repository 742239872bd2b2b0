#ifndef SIMILE_SERVER_ENGINE_APPLIED_SEQUENCE_H_
#define SIMILE_SERVER_ENGINE_APPLIED_SEQUENCE_H_

#include <cstdint>
#include <set>

#include "server/engine/mutex.h"
#include "storage/store.h"

namespace simile {

// Tells up to which sequence all changes of a collection that the store has are in its index too,
// while requests are on their way from the one to the other.
//
// Thread safety: all methods may be called together.
class AppliedSequence {
 public:
  explicit AppliedSequence(const Store& store) : store_(store) {}

  // A request on its way: from before it is committed until the index has its changes.
  class Change {
   public:
    explicit Change(AppliedSequence& applied) : applied_(applied), begun_after_(applied.Begin()) {}
    ~Change() {
      if (!is_lost_) applied_.End(begun_after_);
    }
    Change(const Change&) = delete;
    Change& operator=(const Change&) = delete;

    // The index will not have it: what comes after it is never covered.
    void Lost() { is_lost_ = true; }

   private:
    AppliedSequence& applied_;
    const uint64_t begun_after_;
    bool is_lost_ = false;
  };

  // Every change of a lower or this sequence is in the index.
  uint64_t Covered() const {
    ReadLock lock(mutex_);
    // Whoever begins from now on gets a sequence above the store's last.
    return under_way_.empty() ? store_.LastSequence() : *under_way_.begin();
  }

  // Changes that ever began.
  uint64_t begun() const {
    ReadLock lock(mutex_);
    return begun_;
  }

 private:
  uint64_t Begin() {
    WriteLock lock(mutex_);
    ++begun_;
    return *under_way_.insert(store_.LastSequence());
  }

  void End(uint64_t begun_after) {
    WriteLock lock(mutex_);
    under_way_.erase(under_way_.find(begun_after));
  }

  const Store& store_;
  mutable Mutex mutex_;
  // The store's last sequence when each of them began: their own are above it.
  std::multiset<uint64_t> under_way_ ABSL_GUARDED_BY(mutex_);
  uint64_t begun_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace simile

#endif  // SIMILE_SERVER_ENGINE_APPLIED_SEQUENCE_H_

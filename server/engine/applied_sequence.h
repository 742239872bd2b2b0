#ifndef SIMILE_SERVER_ENGINE_APPLIED_SEQUENCE_H_
#define SIMILE_SERVER_ENGINE_APPLIED_SEQUENCE_H_

#include <algorithm>
#include <condition_variable>
#include <cstdint>
#include <limits>
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
    ~Change() { applied_.End(begun_after_, is_lost_); }
    Change(const Change&) = delete;
    Change& operator=(const Change&) = delete;

    // The index will not have it: what comes after it is never covered.
    void Lost() { is_lost_ = true; }

   private:
    AppliedSequence& applied_;
    const uint64_t begun_after_;
    bool is_lost_ = false;
  };

  // For as long as it lives no change is under way: it waits for those that are, and holds up those
  // that want to begin.
  class Pause {
   public:
    explicit Pause(AppliedSequence& applied) : applied_(applied) { applied_.Close(); }
    ~Pause() { applied_.Open(); }
    Pause(const Pause&) = delete;
    Pause& operator=(const Pause&) = delete;

   private:
    AppliedSequence& applied_;
  };

  // Every change of a lower or this sequence is in the index.
  uint64_t Covered() const {
    ReadLock lock(mutex_);
    // Whoever begins from now on gets a sequence above the store's last.
    return std::min(under_way_.empty() ? store_.LastSequence() : *under_way_.begin(), lost_after_);
  }

  // Changes that ever began.
  uint64_t begun() const {
    ReadLock lock(mutex_);
    return begun_;
  }

 private:
  uint64_t Begin() {
    WriteLock lock(mutex_);
    while (is_closed_) changed_.wait(mutex_);
    ++begun_;
    return *under_way_.insert(store_.LastSequence());
  }

  void End(uint64_t begun_after, bool is_lost) {
    WriteLock lock(mutex_);
    under_way_.erase(under_way_.find(begun_after));
    if (is_lost) lost_after_ = std::min(lost_after_, begun_after);
    if (under_way_.empty()) changed_.notify_all();
  }

  void Close() {
    WriteLock lock(mutex_);
    while (is_closed_) changed_.wait(mutex_);
    is_closed_ = true;
    while (!under_way_.empty()) changed_.wait(mutex_);
  }

  void Open() {
    WriteLock lock(mutex_);
    is_closed_ = false;
    changed_.notify_all();
  }

  const Store& store_;
  mutable Mutex mutex_;
  // The store's last sequence when each of them began: their own are above it.
  std::multiset<uint64_t> under_way_ ABSL_GUARDED_BY(mutex_);
  uint64_t begun_ ABSL_GUARDED_BY(mutex_) = 0;
  // As under_way_, of the first that was lost.
  uint64_t lost_after_ ABSL_GUARDED_BY(mutex_) = std::numeric_limits<uint64_t>::max();
  bool is_closed_ ABSL_GUARDED_BY(mutex_) = false;
  std::condition_variable_any changed_;
};

}  // namespace simile

#endif  // SIMILE_SERVER_ENGINE_APPLIED_SEQUENCE_H_

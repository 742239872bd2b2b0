#ifndef SIMILE_TESTS_CRASH_DOCUMENT_STATES_H_
#define SIMILE_TESTS_CRASH_DOCUMENT_STATES_H_

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>

namespace simile {

// What a document is. Everything in it follows from its id and these two numbers.
struct DocumentState {
  bool exists = false;
  int64_t version = 0;  // Of text and vector.
  int64_t mark = 0;     // Of the metadata alone.

  auto operator<=>(const DocumentState&) const = default;
};

// What the server has acknowledged of each document, and what it was asked since: after a crash
// either is right, and nothing else.
//
// Thread safety: all methods may be called together; one writer for each id.
class DocumentStates {
 public:
  // The last state that was acknowledged.
  DocumentState Acknowledged(const std::string& id) const {
    const std::lock_guard lock(mutex_);
    const auto found = known_.find(id);
    return found == known_.end() ? DocumentState() : found->second.acknowledged;
  }

  // Before the server is asked.
  void Ask(const std::string& id, const DocumentState& state) {
    const std::lock_guard lock(mutex_);
    known_[id].asked.insert(state);
  }

  // When it has acknowledged it: what was asked before no longer counts.
  void Acknowledge(const std::string& id, const DocumentState& state) {
    const std::lock_guard lock(mutex_);
    known_[id] = {.acknowledged = state, .asked = {}};
    ++acknowledged_count_;
  }

  // Whether a state may be what is there after a crash. It counts as acknowledged from now on, so
  // that what was lost is found once.
  bool Settle(const std::string& id, const DocumentState& found) {
    const std::lock_guard lock(mutex_);
    Known& known = known_[id];
    const bool is_right = found == known.acknowledged || known.asked.contains(found);
    known = {.acknowledged = found, .asked = {}};
    return is_right;
  }

  // Every id that was ever asked for.
  std::map<std::string, DocumentState> All() const {
    const std::lock_guard lock(mutex_);
    std::map<std::string, DocumentState> all;
    for (const auto& [id, known] : known_) all[id] = known.acknowledged;
    return all;
  }

  uint64_t acknowledged_count() const {
    const std::lock_guard lock(mutex_);
    return acknowledged_count_;
  }

 private:
  struct Known {
    DocumentState acknowledged;
    std::set<DocumentState> asked;
  };

  mutable std::mutex mutex_;
  std::map<std::string, Known> known_;
  uint64_t acknowledged_count_ = 0;
};

}  // namespace simile

#endif  // SIMILE_TESTS_CRASH_DOCUMENT_STATES_H_

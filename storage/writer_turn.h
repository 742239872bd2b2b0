#ifndef SIMILE_STORAGE_WRITER_TURN_H_
#define SIMILE_STORAGE_WRITER_TURN_H_

#include <condition_variable>
#include <optional>

#include "storage/mutex.h"

namespace simile {

// What a writer that queues waits for: that it leads, or that another has done its work. Each has a
// lock of its own: woken under one of all, it would have to sleep again until the others are told.
//
// Thread safety: one thread awaits, another one gives; who awaits may destroy it at once.
class WriterTurn {
 public:
  enum class Kind { kLead, kDone };

  // Returns what was given.
  Kind Await() {
    const storage_internal::MutexLock lock(mutex_);
    while (!given_.has_value()) changed_.wait(mutex_);
    return *given_;
  }

  // Once. Under the lock to the end, so that it is not destroyed meanwhile.
  void Give(Kind kind) {
    const storage_internal::MutexLock lock(mutex_);
    given_ = kind;
    changed_.notify_one();
  }

 private:
  storage_internal::Mutex mutex_;
  std::optional<Kind> given_ ABSL_GUARDED_BY(mutex_);
  std::condition_variable_any changed_;
};

}  // namespace simile

#endif  // SIMILE_STORAGE_WRITER_TURN_H_

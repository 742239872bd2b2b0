#ifndef SIMILE_SERVER_ENGINE_CHECKPOINTER_H_
#define SIMILE_SERVER_ENGINE_CHECKPOINTER_H_

#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "server/engine/collection.h"
#include "server/engine/mutex.h"

namespace simile {

// Has the indexes of all collections written to their files from time to time, so that a restart
// need not build them: each when it has changed and at most every `interval`, more seldom when that
// would take more than a twentieth of the time.
//
// Thread safety: none needed; it has a thread of its own.
class Checkpointer {
 public:
  using Collections = std::function<std::vector<std::shared_ptr<Collection>>()>;

  // An interval of 0 means never.
  Checkpointer(Collections collections, std::chrono::milliseconds interval);

  // Finishes the checkpoint that is being written.
  ~Checkpointer();
  Checkpointer(const Checkpointer&) = delete;
  Checkpointer& operator=(const Checkpointer&) = delete;

 private:
  using Clock = std::chrono::steady_clock;

  // Of a collection, by its id.
  struct Progress {
    Clock::time_point due;
    std::string last_error;  // Said once, not every time.
  };

  void Run();
  void WriteDue();

  const Collections collections_;
  const std::chrono::milliseconds interval_;
  std::map<uint32_t, Progress> progress_;  // Of the thread.

  Mutex mutex_;
  std::condition_variable_any closing_changed_;
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace simile

#endif  // SIMILE_SERVER_ENGINE_CHECKPOINTER_H_

#ifndef SIMILE_SERVER_RPC_WORK_POOL_H_
#define SIMILE_SERVER_RPC_WORK_POOL_H_

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace simile {

struct WorkPoolStatistics {
  size_t threads = 0;
  size_t queued = 0;  // Now.
  uint64_t completed = 0;
  uint64_t rejected = 0;  // Refused because the queue was full.
};

// Threads that take tasks from a bounded queue, first come first served.
//
// Thread safety: all methods may be called together; tasks may submit tasks.
class WorkPool {
 public:
  using Task = std::function<void()>;

  WorkPool(std::string name, size_t threads, size_t queue_max);

  // Runs what is queued, then ends the threads.
  ~WorkPool();
  WorkPool(const WorkPool&) = delete;
  WorkPool& operator=(const WorkPool&) = delete;

  // False when queue_max tasks wait already; the task is then dropped. A task must not throw.
  bool Submit(Task task);

  // The same for the next step of work that was admitted before: never refused.
  void SubmitAdmitted(Task task);

  const std::string& name() const { return name_; }
  size_t queue_max() const { return queue_max_; }
  WorkPoolStatistics Statistics() const;

 private:
  void Run();

  const std::string name_;
  const size_t queue_max_;

  mutable std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<Task> queue_;  // Guarded by mutex_, as all below.
  uint64_t completed_ = 0;
  uint64_t rejected_ = 0;
  bool closing_ = false;

  std::vector<std::thread> threads_;
};

}  // namespace simile

#endif  // SIMILE_SERVER_RPC_WORK_POOL_H_

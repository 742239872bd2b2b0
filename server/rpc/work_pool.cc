#include "server/rpc/work_pool.h"

#include <utility>

namespace simile {

WorkPool::WorkPool(std::string name, size_t threads, size_t queue_max)
    : name_(std::move(name)), queue_max_(queue_max) {
  for (size_t thread = 0; thread < threads; ++thread) threads_.emplace_back([this] { Run(); });
}

WorkPool::~WorkPool() {
  {
    std::lock_guard lock(mutex_);
    closing_ = true;
  }
  ready_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

bool WorkPool::Submit(Task task) {
  {
    std::lock_guard lock(mutex_);
    if (queue_.size() >= queue_max_) {
      ++rejected_;
      return false;
    }
    queue_.push_back(std::move(task));
  }
  ready_.notify_one();
  return true;
}

void WorkPool::SubmitAdmitted(Task task) {
  {
    std::lock_guard lock(mutex_);
    queue_.push_back(std::move(task));
  }
  ready_.notify_one();
}

void WorkPool::Run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    ready_.wait(lock, [this] { return closing_ || !queue_.empty(); });
    if (queue_.empty()) return;
    Task task = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    task();
    // What the task holds is released before the lock is taken again.
    task = nullptr;
    lock.lock();
    ++completed_;
  }
}

WorkPoolStatistics WorkPool::Statistics() const {
  std::lock_guard lock(mutex_);
  return {.threads = threads_.size(),
          .queued = queue_.size(),
          .completed = completed_,
          .rejected = rejected_};
}

}  // namespace simile

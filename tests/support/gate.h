#ifndef SIMILE_TESTS_SUPPORT_GATE_H_
#define SIMILE_TESTS_SUPPORT_GATE_H_

#include <condition_variable>
#include <mutex>

namespace simile {

// Holds up whoever passes while it is shut, so that a test decides when work goes on.
class Gate {
 public:
  void Shut() {
    std::lock_guard lock(mutex_);
    open_ = false;
  }

  void Open() {
    {
      std::lock_guard lock(mutex_);
      open_ = true;
    }
    changed_.notify_all();
  }

  void Pass() {
    std::unique_lock lock(mutex_);
    ++waiting_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return open_; });
    --waiting_;
  }

  // Returns once somebody, or so many, stand before the shut gate.
  void AwaitSomebody(int count = 1) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this, count] { return waiting_ >= count; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = true;
  int waiting_ = 0;
};

}  // namespace simile

#endif  // SIMILE_TESTS_SUPPORT_GATE_H_

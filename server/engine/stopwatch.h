#ifndef SIMILE_SERVER_ENGINE_STOPWATCH_H_
#define SIMILE_SERVER_ENGINE_STOPWATCH_H_

#include <chrono>

namespace simile {

// The time since it was made, by the clock that never jumps.
class Stopwatch {
 public:
  std::chrono::nanoseconds Elapsed() const { return std::chrono::steady_clock::now() - start_; }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace simile

#endif  // SIMILE_SERVER_ENGINE_STOPWATCH_H_

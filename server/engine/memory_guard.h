#ifndef SIMILE_SERVER_ENGINE_MEMORY_GUARD_H_
#define SIMILE_SERVER_ENGINE_MEMORY_GUARD_H_

#include <atomic>
#include <cstdint>

#include "absl/status/status.h"

namespace simile {

// Memory of this process that is its own, as the kernel counts it: without what is mapped from
// files, which the kernel takes back when it likes. 0 when the kernel does not tell.
uint64_t AnonymousBytes();

// Refuses documents once the process has as much memory as it may, so that the kernel need not end
// it. Reads and removals go on.
//
// Thread safety: all methods may be called together.
class MemoryGuard {
 public:
  // 0: without limit.
  explicit MemoryGuard(uint64_t bytes_max) : bytes_max_(bytes_max) {}

  // ResourceExhausted with the numbers when the limit is reached. Asks the kernel at most every
  // 100 ms.
  absl::Status Check();

 private:
  const uint64_t bytes_max_;
  std::atomic<int64_t> next_look_ms_{0};
  std::atomic<uint64_t> bytes_{0};
};

}  // namespace simile

#endif  // SIMILE_SERVER_ENGINE_MEMORY_GUARD_H_

#ifndef SIMILE_BASE_IN_PARALLEL_H_
#define SIMILE_BASE_IN_PARALLEL_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>

#include "absl/status/status.h"

namespace simile {

// Calls work(0) to work(count - 1) from `threads` threads, the caller's among them, until one fails
// or `stop`, which may be null, is true. Returns the first error; ResourceExhausted when there was
// no memory for the work.
absl::Status InParallel(uint64_t count, size_t threads, const std::atomic<bool>* stop,
                        const std::function<absl::Status(uint64_t)>& work);

}  // namespace simile

#endif  // SIMILE_BASE_IN_PARALLEL_H_

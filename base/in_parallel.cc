#include "base/in_parallel.h"

#include <algorithm>
#include <mutex>
#include <new>
#include <thread>
#include <vector>

namespace simile {
namespace {

absl::Status Guarded(const std::function<absl::Status(uint64_t)>& work, uint64_t at) {
  // An exception that leaves a thread ends the process.
  try {
    return work(at);
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError("no memory is left");
  }
}

}  // namespace

absl::Status InParallel(uint64_t count, size_t threads, const std::atomic<bool>* stop,
                        const std::function<absl::Status(uint64_t)>& work) {
  std::atomic<uint64_t> next{0};
  std::mutex mutex;
  absl::Status failure;
  const auto run = [&] {
    for (uint64_t at = next++; at < count && (stop == nullptr || !*stop); at = next++) {
      const absl::Status done = Guarded(work, at);
      if (done.ok()) continue;
      next = count;
      const std::lock_guard lock(mutex);
      failure.Update(done);
    }
  };
  std::vector<std::thread> others;
  for (size_t thread = 1; thread < std::min<uint64_t>(threads, count); ++thread) {
    others.emplace_back(run);
  }
  run();
  for (std::thread& other : others) other.join();
  return failure;
}

}  // namespace simile

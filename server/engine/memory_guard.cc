#include "server/engine/memory_guard.h"

#include <unistd.h>

#include <chrono>
#include <fstream>

#include "fmt/format.h"

namespace simile {
namespace {

constexpr int64_t kLookIntervalMs = 100;

int64_t NowMs() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

}  // namespace

uint64_t AnonymousBytes() {
  std::ifstream statm("/proc/self/statm");
  uint64_t total_pages = 0, resident_pages = 0, shared_pages = 0;
  if (!(statm >> total_pages >> resident_pages >> shared_pages)) return 0;
  return (resident_pages - shared_pages) * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

absl::Status MemoryGuard::Check() {
  if (bytes_max_ == 0) return absl::OkStatus();
  const int64_t now = NowMs();
  int64_t due = next_look_ms_.load();
  if (now >= due && next_look_ms_.compare_exchange_strong(due, now + kLookIntervalMs)) {
    bytes_ = AnonymousBytes();
  }
  const uint64_t bytes = bytes_;
  if (bytes < bytes_max_) return absl::OkStatus();
  return absl::ResourceExhaustedError(fmt::format(
      "the server holds {} bytes of memory, and --memory-bytes-max allows {}: raise it, "
      "or keep collections in fewer bytes (--codes sq4) or on another server",
      bytes, bytes_max_));
}

}  // namespace simile

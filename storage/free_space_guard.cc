#include "storage/free_space_guard.h"

#include <sys/statvfs.h>

#include <utility>

#include "fmt/format.h"

namespace simile {
namespace {

constexpr std::chrono::milliseconds kLookInterval{100};

}  // namespace

FreeSpaceGuard::FreeSpaceGuard(std::string path, uint64_t free_bytes_min)
    : path_(std::move(path)), free_bytes_min_(free_bytes_min) {}

absl::Status FreeSpaceGuard::Check() {
  if (free_bytes_min_ == 0) return absl::OkStatus();
  const auto now = std::chrono::steady_clock::now();
  if (now >= next_look_) {
    next_look_ = now + kLookInterval;
    struct statvfs file_system {};
    // A file system that does not answer is left to the write itself.
    if (statvfs(path_.c_str(), &file_system) != 0) return absl::OkStatus();
    free_bytes_ = file_system.f_bavail * file_system.f_frsize;
  }
  if (free_bytes_ >= free_bytes_min_) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      fmt::format("the disk of {} has {} bytes free and writes need at least {}: make room, or "
                  "lower --free-disk-bytes-min",
                  path_, free_bytes_, free_bytes_min_));
}

}  // namespace simile

#include "storage/free_space_guard.h"

#include <sys/statvfs.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "fmt/format.h"

namespace simile {
namespace {

constexpr std::chrono::milliseconds kLookInterval{100};
// Some batches of removals in the log, and what the database notes about its files.
constexpr uint64_t kRemovalBytesMin = 4ull << 20;

uint64_t FreeBytes(const std::string& path) {
  struct statvfs file_system {};
  // A file system that does not answer is left to the write itself.
  if (statvfs(path.c_str(), &file_system) != 0) return std::numeric_limits<uint64_t>::max();
  return file_system.f_bavail * file_system.f_frsize;
}

}  // namespace

FreeSpaceGuard::FreeSpaceGuard(std::string path, uint64_t free_bytes_min, Ballast& ballast)
    : path_(std::move(path)), free_bytes_min_(free_bytes_min), ballast_(ballast) {}

void FreeSpaceGuard::PrepareStart() {
  if (FreeBytes(path_) < ballast_.bytes()) ballast_.GiveUpForStart();
}

void FreeSpaceGuard::FinishStart() {
  next_look_ = {};
  Look();
}

absl::Status FreeSpaceGuard::Check() {
  if (free_bytes_min_ == 0) return absl::OkStatus();
  Look();
  if (free_bytes_ >= free_bytes_min_) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      fmt::format("the disk of {} has {} bytes free and writes need at least {}: make room, or "
                  "lower --free-disk-bytes-min",
                  path_, free_bytes_, free_bytes_min_));
}

absl::Status FreeSpaceGuard::CheckRemoval() {
  if (free_bytes_min_ == 0 || ballast_.is_there()) return absl::OkStatus();
  Look();
  const uint64_t needed = std::min(free_bytes_min_, kRemovalBytesMin);
  if (free_bytes_ >= needed) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      fmt::format("the disk of {} has {} bytes free and even removals need {}: make room", path_,
                  free_bytes_, needed));
}

void FreeSpaceGuard::Look() {
  const auto now = std::chrono::steady_clock::now();
  const uint64_t given_up = ballast_.times_given_up();
  if (now < next_look_ && given_up == seen_given_up_) return;
  next_look_ = now + kLookInterval;
  seen_given_up_ = given_up;
  free_bytes_ = FreeBytes(path_);
  // Below the minimum nobody writes, so the ballast takes what is left rather than nothing.
  const bool is_refusing = free_bytes_ < free_bytes_min_;
  ballast_.MakeIfThereIsRoom(free_bytes_, is_refusing ? kRemovalBytesMin : free_bytes_min_);
}

}  // namespace simile

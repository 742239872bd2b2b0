#include "storage/ballast.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace simile {

using storage_internal::MutexLock;

Ballast::Ballast(const std::string& directory, uint64_t bytes) : bytes_(bytes) {
  running_.path = directory + "/BALLAST";
  start_.path = directory + "/BALLAST.start";
  TakeOver(running_);
  TakeOver(start_);
}

void Ballast::TakeOver(Part& part) const {
  constexpr uint64_t kStatBlockBytes = 512;
  struct stat found {};
  // A copy of a data directory may have a hole instead.
  part.is_there = bytes_ > 0 && stat(part.path.c_str(), &found) == 0 &&
                  static_cast<uint64_t>(found.st_size) == bytes_ &&
                  static_cast<uint64_t>(found.st_blocks) * kStatBlockBytes >= bytes_;
  // One of another size is of other options.
  if (!part.is_there) unlink(part.path.c_str());
}

bool Ballast::GiveUp() {
  MutexLock lock(mutex_);
  if (!running_.is_there.exchange(false) || unlink(running_.path.c_str()) != 0) return false;
  ++times_given_up_;
  return true;
}

bool Ballast::GiveUpForStart() {
  MutexLock lock(mutex_);
  return start_.is_there.exchange(false) && unlink(start_.path.c_str()) == 0;
}

void Ballast::MakeIfThereIsRoom(uint64_t free_bytes, uint64_t spare_bytes) {
  if (bytes_ == 0 || (running_.is_there && start_.is_there)) return;
  MutexLock lock(mutex_);
  // The start's first: a store that has nothing to give up refuses writes, and can start.
  for (Part* part : {&start_, &running_}) {
    if (part->is_there) continue;
    if (free_bytes < spare_bytes || free_bytes - spare_bytes < bytes_ || !Make(*part)) return;
    free_bytes -= bytes_;
  }
}

bool Ballast::Make(Part& part) const {
  const int file = open(part.path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0) return false;
  part.is_there = posix_fallocate(file, 0, static_cast<off_t>(bytes_)) == 0;
  close(file);
  if (!part.is_there) unlink(part.path.c_str());
  return part.is_there;
}

}  // namespace simile

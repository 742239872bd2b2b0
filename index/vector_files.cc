#include "index/vector_files.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>

#include "base/durable_file.h"
#include "fmt/format.h"

namespace simile::index_internal {

std::string VectorFiles::PathOf(size_t chunk) const {
  return fmt::format("{}/vectors-{:05}", directory_, chunk);
}

absl::Status VectorFiles::Map(size_t chunk, size_t first_slot, size_t slot_count,
                              std::byte* address) const {
  const std::string path = PathOf(chunk);
  const int file = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0) return FileSystemError("opening " + path, errno);
  const auto offset = static_cast<off_t>(first_slot * vector_bytes_);
  const size_t bytes = slot_count * vector_bytes_;
  // Of a file that is too short, as after it was cut, the rest becomes zeros.
  const int reserved = posix_fallocate(file, offset, static_cast<off_t>(bytes));
  absl::Status status;
  if (reserved != 0) {
    status = FileSystemError(fmt::format("reserving {} bytes in {}", bytes, path), reserved);
  } else if (mmap(address, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file, offset) ==
             MAP_FAILED) {
    status = FileSystemError("mapping " + path, errno);
  }
  close(file);
  return status;
}

absl::Status VectorFiles::Sync(size_t chunk) const {
  const std::string path = PathOf(chunk);
  const int file = open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (file < 0) return FileSystemError("opening " + path, errno);
  const bool synced = fsync(file) == 0;
  const int reason = errno;
  close(file);
  return synced ? absl::OkStatus() : FileSystemError("syncing " + path, reason);
}

}  // namespace simile::index_internal

#include "base/file_range.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "base/durable_file.h"

namespace simile {

absl::StatusOr<std::string> ReadFileRange(const std::string& path, uint64_t offset,
                                          size_t bytes_max) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (file < 0) return FileSystemError("opening " + path, errno);
  std::string bytes(bytes_max, '\0');
  size_t done = 0;
  absl::Status failure;
  while (done < bytes_max) {
    const ssize_t got =
        pread(file, bytes.data() + done, bytes_max - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) failure = FileSystemError("reading " + path, errno);
    if (got <= 0) break;
    done += static_cast<size_t>(got);
  }
  close(file);
  if (!failure.ok()) return failure;
  bytes.resize(done);
  return bytes;
}

absl::Status WriteFileRange(const std::string& path, uint64_t offset, std::string_view bytes) {
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (file < 0) return FileSystemError("creating " + path, errno);
  absl::Status failure;
  while (failure.ok() && !bytes.empty()) {
    const ssize_t written = pwrite(file, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) {
      failure = FileSystemError("writing " + path, written < 0 ? errno : ENOSPC);
      continue;
    }
    offset += static_cast<uint64_t>(written);
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  if (close(file) != 0 && failure.ok()) failure = FileSystemError("writing " + path, errno);
  return failure;
}

}  // namespace simile

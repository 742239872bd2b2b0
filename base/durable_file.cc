#include "base/durable_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "base/kill_point.h"
#include "fmt/format.h"

namespace simile {
namespace {

namespace fs = std::filesystem;

// A descriptor that is closed with its life.
class File {
 public:
  File(const std::string& path, int flags) : number_(open(path.c_str(), flags | O_CLOEXEC, 0600)) {}
  ~File() {
    if (number_ >= 0) close(number_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  int number() const { return number_; }

 private:
  const int number_;
};

bool WriteAll(int file, std::string_view content) {
  while (!content.empty()) {
    const ssize_t written = write(file, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    content.remove_prefix(static_cast<size_t>(written));
  }
  return true;
}

absl::Status WriteAndSync(const std::string& path, std::string_view content) {
  const File file(path, O_WRONLY | O_CREAT | O_TRUNC);
  if (file.number() < 0) return FileSystemError("creating " + path, errno);
  const bool written = WriteAll(file.number(), content);
  KillPoint("file.before-sync");
  if (!written || fsync(file.number()) != 0) {
    return FileSystemError("writing " + path, errno);
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status FileSystemError(const std::string& doing, int reason) {
  const std::string message = fmt::format("{}: {}", doing, std::strerror(reason));
  if (reason == EACCES || reason == EPERM || reason == EROFS) {
    return absl::PermissionDeniedError(message);
  }
  if (reason == ENOSPC || reason == EDQUOT) return absl::ResourceExhaustedError(message);
  if (reason == ENOENT) return absl::NotFoundError(message);
  return absl::FailedPreconditionError(message);
}

absl::Status WriteDurably(const std::string& path, std::string_view content) {
  const std::string unfinished = path + ".new";
  if (absl::Status s = WriteAndSync(unfinished, content); !s.ok()) {
    unlink(unfinished.c_str());
    return s;
  }
  KillPoint("file.before-rename");
  if (std::rename(unfinished.c_str(), path.c_str()) != 0) {
    return FileSystemError("renaming " + unfinished, errno);
  }
  KillPoint("file.after-rename");
  // The name is durable only once the directory is.
  return SyncDirectory(fs::path(path).parent_path().string());
}

absl::Status SyncFile(const std::string& path) {
  const File file(path, O_RDONLY);
  if (file.number() < 0 || fsync(file.number()) != 0)
    return FileSystemError("syncing " + path, errno);
  return absl::OkStatus();
}

absl::Status SyncDirectory(const std::string& path) {
  const File directory(path, O_RDONLY | O_DIRECTORY);
  if (directory.number() < 0 || fsync(directory.number()) != 0) {
    return FileSystemError("syncing the directory " + path, errno);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> ReadWholeFile(const std::string& path, size_t bytes_max) {
  const File file(path, O_RDONLY);
  struct stat status {};
  if (file.number() < 0 || fstat(file.number(), &status) != 0) {
    return FileSystemError("opening " + path, errno);
  }
  const auto size = static_cast<size_t>(status.st_size);
  if (size > bytes_max) {
    return absl::ResourceExhaustedError(
        fmt::format("{} has {} bytes; at most {} are read", path, size, bytes_max));
  }
  std::string content(size, '\0');
  size_t done = 0;
  while (done < size) {
    const ssize_t got = read(file.number(), content.data() + done, size - done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return FileSystemError("reading " + path, errno);
    if (got == 0) break;
    done += static_cast<size_t>(got);
  }
  content.resize(done);
  return content;
}

}  // namespace simile

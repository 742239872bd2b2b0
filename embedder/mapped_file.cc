#include "embedder/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "fmt/format.h"

namespace simile {

absl::StatusOr<std::unique_ptr<MappedFile>> MappedFile::Open(const std::string& path) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) {
    const std::string message = fmt::format("cannot open {}: {}", path, std::strerror(errno));
    return errno == EACCES ? absl::PermissionDeniedError(message) : absl::NotFoundError(message);
  }
  struct stat information {};
  void* mapped = nullptr;
  size_t size = 0;
  const bool is_file = fstat(file, &information) == 0 && S_ISREG(information.st_mode);
  if (is_file) {
    size = static_cast<size_t>(information.st_size);
    if (size > 0) mapped = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file, 0);
  }
  close(file);
  if (!is_file) return absl::NotFoundError(fmt::format("{} is not a file", path));
  if (mapped == MAP_FAILED) {
    return absl::InternalError(fmt::format("cannot map {}: {}", path, std::strerror(errno)));
  }
  return std::unique_ptr<MappedFile>(
      new MappedFile(path, std::string_view(static_cast<const char*>(mapped), size)));
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) munmap(const_cast<char*>(bytes_.data()), bytes_.size());
}

void MappedFile::Forget() const {
  if (!bytes_.empty()) madvise(const_cast<char*>(bytes_.data()), bytes_.size(), MADV_DONTNEED);
}

}  // namespace simile

#include "tests/crash/disk_fill.h"

#include <fcntl.h>
#include <unistd.h>

#include <filesystem>
#include <vector>

namespace simile {

uint64_t DiskFill::Fill() {
  const int file = open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (file < 0) return 0;
  uint64_t total = 0;
  for (size_t block = 1 << 20; block > 0; block /= 2) {
    const std::vector<char> bytes(block, 'x');
    for (;;) {
      const ssize_t written = write(file, bytes.data(), bytes.size());
      if (written <= 0) break;
      total += static_cast<uint64_t>(written);
    }
  }
  // So that none of it is only promised.
  fsync(file);
  close(file);
  return total;
}

void DiskFill::Leave(uint64_t bytes) {
  const int file = open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (file < 0) return;
  const std::vector<char> block(1 << 20, 'x');
  std::error_code error;
  const std::filesystem::path directory = std::filesystem::path(path_).parent_path();
  while (std::filesystem::space(directory, error).available >= bytes + block.size() && !error) {
    if (write(file, block.data(), block.size()) <= 0) break;
    // What is only promised is not counted as taken.
    fdatasync(file);
  }
  close(file);
}

void DiskFill::Remove() { unlink(path_.c_str()); }

}  // namespace simile

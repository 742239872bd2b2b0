#include "tests/crash/disk_fill.h"

#include <fcntl.h>
#include <unistd.h>

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

void DiskFill::Remove() { unlink(path_.c_str()); }

}  // namespace simile

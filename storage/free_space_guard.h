#ifndef SIMILE_STORAGE_FREE_SPACE_GUARD_H_
#define SIMILE_STORAGE_FREE_SPACE_GUARD_H_

#include <chrono>
#include <cstdint>
#include <string>

#include "absl/status/status.h"

namespace simile {

// Refuses writes before the disk is full: Debian's RocksDB aborts the process when it really is.
//
// Thread safety: none; the committer owns it.
class FreeSpaceGuard {
 public:
  FreeSpaceGuard(std::string path, uint64_t free_bytes_min);

  // ResourceExhausted with the numbers when less than the minimum is free. Asks the file system at
  // most every 100 ms.
  absl::Status Check();

 private:
  const std::string path_;
  const uint64_t free_bytes_min_;
  std::chrono::steady_clock::time_point next_look_;
  uint64_t free_bytes_ = 0;
};

}  // namespace simile

#endif  // SIMILE_STORAGE_FREE_SPACE_GUARD_H_

#ifndef SIMILE_STORAGE_FREE_SPACE_GUARD_H_
#define SIMILE_STORAGE_FREE_SPACE_GUARD_H_

#include <chrono>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "storage/ballast.h"

namespace simile {

// Refuses writes before the disk is full: Debian's RocksDB aborts the process when it really is.
// And makes the ballast again once there is room.
//
// Thread safety: none; everyone has one of their own.
class FreeSpaceGuard {
 public:
  // `free_bytes_min` 0: nothing is ever refused.
  FreeSpaceGuard(std::string path, uint64_t free_bytes_min, Ballast& ballast);

  // Around the opening of the database. On a full disk it gets what the ballast keeps for it.
  void PrepareStart();
  void FinishStart();

  // ResourceExhausted with the numbers when less than the minimum is free. Asks the file system at
  // most every 100 ms, and at once when the ballast was given up.
  absl::Status Check();

  // For what frees space later and takes a little now: refuses only when there is no ballast that
  // could be given up for it, and next to nothing free.
  absl::Status CheckRemoval();

 private:
  void Look();

  const std::string path_;
  const uint64_t free_bytes_min_;
  Ballast& ballast_;
  std::chrono::steady_clock::time_point next_look_;
  uint64_t seen_given_up_ = 0;
  uint64_t free_bytes_ = 0;
};

}  // namespace simile

#endif  // SIMILE_STORAGE_FREE_SPACE_GUARD_H_

#ifndef SIMILE_STORAGE_LOG_RECOVERY_H_
#define SIMILE_STORAGE_LOG_RECOVERY_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "storage/logged_writes.h"

namespace simile {

// What a recovery does about one write-ahead log.
struct LogRecovery {
  std::string path;
  uint64_t file_bytes = 0;
  uint64_t bytes_kept = 0;  // From its beginning.
  uint64_t batches_kept = 0;
  uint64_t batches_dropped = 0;  // That could be read: they stand behind the damage.
  uint64_t damaged_parts = 0;
  uint64_t damaged_at = 0;  // The first of these.
  std::string damage;       // What is wrong there. Empty: nothing; damage of an older log ends it.

  bool is_whole() const { return bytes_kept == file_bytes; }
};

// Decides what is kept of the logs of a database, oldest first: everything before the first damage
// or gap, and nothing behind it, so that what is left is what the store once was. Errors as of
// FileSystemError.
absl::StatusOr<std::vector<LogRecovery>> PlanLogRecovery(const std::string& database_path);

// Reads what is dropped of `logs`, as far as it can be read.
absl::Status ReadDropped(const std::vector<LogRecovery>& logs, LoggedWrites& dropped);

}  // namespace simile

#endif  // SIMILE_STORAGE_LOG_RECOVERY_H_

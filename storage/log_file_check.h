#ifndef SIMILE_STORAGE_LOG_FILE_CHECK_H_
#define SIMILE_STORAGE_LOG_FILE_CHECK_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

namespace simile {

// What a file in RocksDB's log format holds: a write-ahead log, or a MANIFEST.
struct LogFileCheck {
  uint64_t file_bytes = 0;
  uint64_t records = 0;     // Whole ones before the damage, or in all.
  uint64_t damaged_at = 0;  // The byte where the damaged part begins.
  std::string damage;       // What is wrong there. Empty: nothing.
};

// Reads a log file up to its first damage (ReadLogRecords). A tail that is cut off is no damage.
// Errors as of FileSystemError.
absl::StatusOr<LogFileCheck> CheckLogFile(const std::string& path);

}  // namespace simile

#endif  // SIMILE_STORAGE_LOG_FILE_CHECK_H_

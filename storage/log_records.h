#ifndef SIMILE_STORAGE_LOG_RECORDS_H_
#define SIMILE_STORAGE_LOG_RECORDS_H_

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace simile {

// A whole record of a log file. The bytes live during the call they are given to.
struct LogRecord {
  std::string_view bytes;
  uint64_t offset = 0;  // Where it begins in the file.
  uint64_t end = 0;     // Behind its last byte.
};

// What is told of a log file, in the order of the file.
struct LogRecordVisitor {
  // False: nothing more is wanted.
  std::function<bool(const LogRecord& record)> on_record;
  // Where a damaged part begins, and what is wrong there. True: go on with the next record that can
  // be found behind it.
  std::function<bool(uint64_t offset, const std::string& what)> on_damage;
};

// Reads a file in RocksDB's log format, a write-ahead log or a MANIFEST, compares every checksum,
// and returns the bytes of the file. A tail that is cut off is no damage: an interrupted write
// leaves it. Errors as of FileSystemError. Cost: the file is read a block of 32 KiB at a time; the
// largest record is in memory.
//
// Source of the format: RocksDB's wiki, "Write Ahead Log File Format": blocks of 32 KiB; in them
// fragments of u32 masked CRC-32C over type and data, u16 length, u8 type, data.
absl::StatusOr<uint64_t> ReadLogRecords(const std::string& path, const LogRecordVisitor& visitor);

}  // namespace simile

#endif  // SIMILE_STORAGE_LOG_RECORDS_H_

#include "storage/log_file_check.h"

#include "storage/log_records.h"

namespace simile {

absl::StatusOr<LogFileCheck> CheckLogFile(const std::string& path) {
  LogFileCheck check;
  const auto bytes =
      ReadLogRecords(path, {.on_record = [&](const LogRecord&) { return ++check.records > 0; },
                            .on_damage =
                                [&](uint64_t offset, const std::string& what) {
                                  check.damaged_at = offset;
                                  check.damage = what;
                                  return false;
                                }});
  if (!bytes.ok()) return bytes.status();
  check.file_bytes = *bytes;
  return check;
}

}  // namespace simile

#include "storage/log_recovery.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <system_error>

#include "base/durable_file.h"
#include "fmt/format.h"
#include "storage/log_records.h"

namespace simile {
namespace {

class Plan {
 public:
  absl::Status Add(const std::string& path) {
    LogRecovery log{.path = path};
    const auto bytes = ReadLogRecords(path, {.on_record =
                                                 [&](const LogRecord& record) {
                                                   Take(record, log);
                                                   return true;
                                                 },
                                             .on_damage =
                                                 [&](uint64_t offset, const std::string& what) {
                                                   NoteDamage(offset, what, log);
                                                   return true;
                                                 }});
    if (!bytes.ok()) return bytes.status();
    log.file_bytes = *bytes;
    // With what may be reserved and not written behind the last record.
    if (!has_ended_) log.bytes_kept = log.file_bytes;
    logs.push_back(std::move(log));
    return absl::OkStatus();
  }

  std::vector<LogRecovery> logs;

 private:
  void NoteDamage(uint64_t offset, const std::string& what, LogRecovery& log) {
    if (++log.damaged_parts == 1) {
      log.damaged_at = offset;
      log.damage = what;
    }
    has_ended_ = true;
  }

  void Take(const LogRecord& record, LogRecovery& log) {
    if (!has_ended_) CheckNumbers(record, log);
    if (has_ended_) {
      ++log.batches_dropped;
      return;
    }
    ++log.batches_kept;
    log.bytes_kept = record.end;
  }

  void CheckNumbers(const LogRecord& record, LogRecovery& log) {
    const auto numbers = NumbersOfBatch(record.bytes);
    if (!numbers.has_value()) return NoteDamage(record.offset, "a record is no batch", log);
    if (next_.has_value() && numbers->first > *next_) {
      return NoteDamage(record.offset,
                        fmt::format("{} operations before it are missing", numbers->first - *next_),
                        log);
    }
    next_ = numbers->first + numbers->count;
  }

  std::optional<uint64_t> next_;  // RocksDB's number of the operation that must follow.
  bool has_ended_ = false;        // Nothing more is kept.
};

}  // namespace

absl::StatusOr<std::vector<LogRecovery>> PlanLogRecovery(const std::string& database_path) {
  std::vector<std::string> paths;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(database_path, error)) {
    if (entry.path().extension() == ".log") paths.push_back(entry.path().string());
  }
  if (error) return FileSystemError("reading " + database_path, error.value());
  // Their numbers have six digits.
  std::ranges::sort(paths);
  Plan plan;
  for (const std::string& path : paths) {
    if (absl::Status s = plan.Add(path); !s.ok()) return s;
  }
  return std::move(plan.logs);
}

absl::Status ReadDropped(const std::vector<LogRecovery>& logs, LoggedWrites& dropped) {
  for (const LogRecovery& log : logs) {
    if (log.is_whole()) continue;
    const auto read =
        ReadLogRecords(log.path, {.on_record =
                                      [&](const LogRecord& record) {
                                        if (record.end > log.bytes_kept) {
                                          dropped.Add(record.bytes);
                                        }
                                        return true;
                                      },
                                  .on_damage = [](uint64_t, const std::string&) { return true; }});
    if (!read.ok()) return read.status();
  }
  return absl::OkStatus();
}

}  // namespace simile

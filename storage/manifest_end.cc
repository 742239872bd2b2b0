#include "storage/manifest_end.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <string_view>
#include <system_error>
#include <vector>

#include "base/durable_file.h"
#include "storage/log_records.h"
#include "storage/logged_writes.h"

namespace simile {
namespace {

// The fields that stand first in a record of the MANIFEST, and how they are written. Source of the
// format: RocksDB's wiki, "MANIFEST".
enum Tag : uint64_t {
  kComparator = 1,  // A string; the next ones are numbers.
  kLogNumber = 2,
  kNextFileNumber = 3,
  kLastSequence = 4,
  kPreviousLogNumber = 9,
  kMinLogNumberToKeep = 10,
  kMaxColumnFamily = 203,
  kDatabaseId = 8193,  // A string.
};

class Fields {
 public:
  explicit Fields(std::string_view record) : rest_(record) {}

  // Seven bits a byte, the lowest first.
  std::optional<uint64_t> Number() {
    uint64_t number = 0;
    for (int shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
      const auto byte = static_cast<uint8_t>(rest_.front());
      rest_.remove_prefix(1);
      number |= static_cast<uint64_t>(byte & 0x7F) << shift;
      if (byte < 0x80) return number;
    }
    return std::nullopt;
  }

  bool SkipString() {
    const auto bytes = Number();
    if (!bytes.has_value() || *bytes > rest_.size()) return false;
    rest_.remove_prefix(*bytes);
    return true;
  }

 private:
  std::string_view rest_;
};

// None when a record has none before the fields of column families and tables.
std::optional<uint64_t> LastSequenceOf(std::string_view record) {
  Fields fields(record);
  for (auto tag = fields.Number(); tag.has_value(); tag = fields.Number()) {
    switch (*tag) {
      case kComparator:
      case kDatabaseId:
        if (!fields.SkipString()) return std::nullopt;
        break;
      case kLastSequence:
        return fields.Number();
      case kLogNumber:
      case kNextFileNumber:
      case kPreviousLogNumber:
      case kMinLogNumberToKeep:
      case kMaxColumnFamily:
        if (!fields.Number().has_value()) return std::nullopt;
        break;
      default:
        return std::nullopt;
    }
  }
  return std::nullopt;
}

// Of the oldest log that holds a batch; none when no log does.
absl::StatusOr<std::optional<uint64_t>> FirstLoggedOperation(const std::string& database_path) {
  std::vector<std::string> logs;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(database_path, error)) {
    if (entry.path().extension() == ".log") logs.push_back(entry.path().string());
  }
  std::ranges::sort(logs);
  std::optional<uint64_t> first;
  for (const std::string& log : logs) {
    const auto read =
        ReadLogRecords(log, {.on_record =
                                 [&first](const LogRecord& record) {
                                   const auto numbers = NumbersOfBatch(record.bytes);
                                   if (numbers.has_value()) first = numbers->first;
                                   return false;
                                 },
                             .on_damage = [](uint64_t, const std::string&) { return false; }});
    if (!read.ok()) return read.status();
    if (first.has_value()) break;
  }
  return first;
}

}  // namespace

absl::StatusOr<uint64_t> OperationsMissing(const std::string& manifest_path,
                                           const std::string& database_path) {
  std::optional<uint64_t> last;
  const auto read = ReadLogRecords(
      manifest_path, {.on_record =
                          [&last](const LogRecord& record) {
                            const auto sequence = LastSequenceOf(record.bytes);
                            if (sequence.has_value()) last = std::max(last.value_or(0), *sequence);
                            return true;
                          },
                      .on_damage = [](uint64_t, const std::string&) { return false; }});
  if (!read.ok()) return read.status();
  const auto first = FirstLoggedOperation(database_path);
  if (!first.ok()) return first.status();
  if (!last.has_value() || !first->has_value() || **first <= *last + 1) return 0;
  return **first - *last - 1;
}

}  // namespace simile

#include "server/offline_reports.h"

#include <vector>

#include "fmt/format.h"

namespace simile {
namespace {

std::string Joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

void PrintFile(const DamagedFile& file) {
  const std::string holds = Joined(file.collections);
  fmt::print("damaged: {}{}: {}\n", file.path,
             file.family.empty() ? ""
                                 : fmt::format(" ({}; may hold records of: {})", file.family,
                                               holds.empty() ? "no collection" : holds),
             file.reason);
}

void PrintLog(const LogRecovery& log) {
  const std::string reason =
      log.damage.empty()
          ? "it follows a damaged one"
          : fmt::format(
                "{} at byte {} ({} damaged in all)", log.damage, log.damaged_at,
                log.damaged_parts == 1 ? "one part" : fmt::format("{} parts", log.damaged_parts));
  fmt::print(
      "log: {}: {}; of {} bytes the first {} are kept ({} batches); {} batches behind can be read "
      "and are dropped\n",
      log.path, reason, log.file_bytes, log.bytes_kept, log.batches_kept, log.batches_dropped);
}

void PrintDropped(uint32_t id, const CollectionWrites& writes, const RecoveryReport& report) {
  const auto name = report.names.find(id);
  fmt::print("dropped of {}: {} documents put, {} removed{}\n",
             name == report.names.end() ? fmt::format("a collection with the id {}", id)
                                        : fmt::format("collection '{}'", name->second),
             writes.puts, writes.removals,
             writes.created_name.empty() ? "" : ", and its creation or a change of it");
  if (writes.ids.empty()) return;
  const uint64_t untold = writes.puts + writes.removals - writes.ids.size();
  fmt::print("  ids: {}{}\n", Joined(writes.ids),
             untold == 0 ? "" : fmt::format(", and {} more", untold));
}

void PrintRequests(const RecoveryReport& report) {
  if (report.logs.empty()) return;
  if (report.last_sequence_dropped.has_value() &&
      *report.last_sequence_dropped > report.last_sequence_left) {
    fmt::print(
        "requests {} to {} are dropped: {} in all; of those in damaged parts nothing more "
        "can be said\n",
        report.last_sequence_left + 1, *report.last_sequence_dropped,
        *report.last_sequence_dropped - report.last_sequence_left);
  } else {
    fmt::print("requests behind number {} are dropped: none of them can be read\n",
               report.last_sequence_left);
  }
}

}  // namespace

void PrintDamage(const DatabaseCheck& check) {
  for (const DamagedFile& file : check.files) PrintFile(file);
  for (const CollectionCheck& one : check.collections) {
    for (const std::string& finding : one.findings) {
      fmt::print("collection '{}': {}\n", one.name, finding);
    }
    fmt::print("collection '{}': {} of {} documents affected\n", one.name, one.affected_count,
               one.document_count);
  }
}

void PrintRecovery(const RecoveryReport& report, const std::string& data_directory) {
  if (!report.is_needed) {
    fmt::print("{} needs no recovery: nothing is damaged\n", data_directory);
    return;
  }
  const bool is_done = !report.kept_path.empty();
  for (const std::string& step : report.steps) fmt::print("{}\n", step);
  for (const LogRecovery& log : report.logs) PrintLog(log);
  PrintRequests(report);
  for (const auto& [id, writes] : report.dropped) PrintDropped(id, writes, report);
  fmt::print("what {} left:\n", is_done ? "is" : "would be");
  for (const CollectionCheck& one : report.left.collections) {
    fmt::print("  collection '{}': {} documents\n", one.name, one.document_count);
  }
  if (!report.left.is_good()) PrintDamage(report.left);
  if (is_done) {
    fmt::print("{} is recovered, and {}; the damaged database is kept in {}\n", data_directory,
               report.left.is_good() ? "good" : "still damaged as told above", report.kept_path);
  } else {
    fmt::print(
        "nothing was changed: simile-server recover --data-dir {} --apply does it, and "
        "keeps the damaged files\n",
        data_directory);
  }
}

}  // namespace simile

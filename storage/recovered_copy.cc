#include "storage/recovered_copy.h"

#include <algorithm>
#include <filesystem>
#include <set>
#include <system_error>
#include <utility>

#include "base/durable_file.h"
#include "fmt/format.h"
#include "fmt/ranges.h"
#include "storage/catalog.h"
#include "storage/database_check.h"
#include "storage/keys.h"
#include "storage/log_file_check.h"
#include "storage/log_replay.h"
#include "storage/rocksdb_status.h"
#include "storage/salvage.h"
#include "storage/settle_collection.h"

namespace simile {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kSpareBytes = 64ull << 20;

std::vector<fs::path> FilesOf(const std::string& directory) {
  std::vector<fs::path> paths;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(directory, error)) {
    if (entry.is_regular_file(error) || entry.is_symlink(error)) paths.push_back(entry.path());
  }
  // RocksDB's numbers have six digits.
  std::ranges::sort(paths);
  return paths;
}

uint64_t BytesOf(const std::string& directory, const std::string& extension) {
  uint64_t total = 0;
  std::error_code error;
  for (const fs::path& path : FilesOf(directory)) {
    if (path.extension() == extension) total += fs::file_size(path, error);
  }
  return total;
}

bool IsManifest(const fs::path& path) { return path.filename().string().starts_with("MANIFEST-"); }

// Tables on disk that the MANIFEST does not name.
bool HasUnnamedTables(const DatabaseFiles& files, const std::string& directory) {
  std::vector<rocksdb::LiveFileMetaData> tables;
  files.db().GetLiveFilesMetaData(&tables);
  std::set<std::string> named;
  for (const auto& table : tables) named.insert(fs::path(table.name).filename());
  return std::ranges::any_of(FilesOf(directory), [&](const fs::path& path) {
    return path.extension() == ".sst" && !named.contains(path.filename());
  });
}

std::map<uint32_t, std::string> FamiliesOf(const DatabaseFiles& files) {
  std::map<uint32_t, std::string> families;
  for (const rocksdb::ColumnFamilyHandle* handle : files.all()) {
    families[handle->GetID()] = handle->GetName();
  }
  return families;
}

// How logs number families whose numbers only tables tell: one without tables was made anew, and
// had the lowest number that is free, as families are made in one order.
std::map<uint32_t, std::string> FamiliesBefore(const DatabaseFiles& files,
                                               const std::vector<std::string>& with_tables) {
  std::map<uint32_t, std::string> families;
  for (const auto& [number, name] : FamiliesOf(files)) {
    if (std::ranges::count(with_tables, name) > 0) families[number] = name;
  }
  uint32_t number = 0;
  for (const rocksdb::ColumnFamilyHandle* handle : files.all()) {
    if (std::ranges::count(with_tables, handle->GetName()) > 0) continue;
    while (families.contains(number)) ++number;
    families[number] = handle->GetName();
  }
  return families;
}

std::string StepOf(const SalvagedCollection& one) {
  if (one.documents_lost == 0) {
    return fmt::format("collection '{}': all {} documents can be read", one.name,
                       one.documents_kept);
  }
  std::string step =
      fmt::format("collection '{}': {} of {} documents cannot be read and are dropped", one.name,
                  one.documents_lost, one.documents_lost + one.documents_kept);
  if (one.lost_ids.empty()) return step;
  step += fmt::format("; ids: {}", fmt::join(one.lost_ids, ", "));
  if (one.lost_ids.size() >= one.documents_lost) return step;
  return step + fmt::format(", and {} more", one.documents_lost - one.lost_ids.size());
}

absl::StatusOr<std::vector<SalvagedCollection>> SalvageFrom(const std::string& path,
                                                            const DatabaseFiles* to) {
  constexpr size_t kCacheBytes = size_t{256} << 20;
  const auto from = DatabaseFiles::OpenReadOnly(path, DamagePolicy::kServeAround, kCacheBytes);
  if (!from.ok()) return from.status();
  return Salvage(**from, to);
}

// What a check has found whole can be read, unless something else than damage is in the way.
absl::Status CheckCounts(const DatabaseCheck& check,
                         const std::vector<SalvagedCollection>& collections) {
  for (const SalvagedCollection& one : collections) {
    const auto found = std::ranges::find(check.collections, one.name, &CollectionCheck::name);
    if (found == check.collections.end()) continue;
    const uint64_t whole = found->document_count - found->affected_count;
    if (one.documents_kept >= whole) continue;
    return absl::InternalError(
        fmt::format("of collection '{}' {} documents were whole a moment ago, and now {} can be "
                    "read: see to the limits of open files and of memory, and try again",
                    one.name, whole, one.documents_kept));
  }
  return absl::OkStatus();
}

void TellOfDamage(RecoveryReport& report) {
  for (const DamagedFile& file : report.left.files) {
    report.steps.push_back(fmt::format(
        "table {} ({}) is damaged: what can be read of all tables is copied to new ones ({})",
        fs::path(file.path).filename().string(), file.family, file.reason));
  }
  if (!report.left.files.empty()) return;
  for (const CollectionCheck& one : report.left.collections) {
    for (const std::string& finding : one.findings) {
      report.steps.push_back(fmt::format("collection '{}': {}", one.name, finding));
    }
  }
}

}  // namespace

RecoveredCopy::RecoveredCopy(std::string source, std::string target, Purpose purpose)
    : source_(std::move(source)), target_(std::move(target)), purpose_(purpose) {}

absl::Status RecoveredCopy::Make(RecoveryReport& report) {
  if (absl::Status s = MakeOfLogs(report); !s.ok()) return s;
  report.left = Check();
  return report.left.is_good() ? absl::OkStatus() : MakeOfWhatCanBeRead(report);
}

// Tables stay as they are.
absl::Status RecoveredCopy::MakeOfLogs(RecoveryReport& report) {
  auto logs = PlanLogRecovery(source_);
  if (!logs.ok()) return logs.status();
  logs_ = *std::move(logs);
  for (const LogRecovery& log : logs_) {
    if (!log.is_whole()) report.logs.push_back(log);
  }
  std::error_code error;
  fs::create_directories(target_, error);
  if (error) return FileSystemError("creating " + target_, error.value());
  // What logs hold is written once more as it is and once as tables.
  if (absl::Status s = CheckSpace(2 * BytesOf(source_, ".log")); !s.ok()) return s;
  if (absl::Status s = CopyFiles(); !s.ok()) return s;
  const auto has_manifest = FindManifest(report);
  if (!has_manifest.ok()) return has_manifest.status();
  if (!*has_manifest) return Rebuild(report);
  if (absl::Status s = CopyLogs(); !s.ok()) return s;
  const auto files = DatabaseFiles::Open(target_, {}, DamagePolicy::kRecover);
  if (!files.ok()) return files.status();
  return Settle(**files, FamiliesOf(**files), /*is_table_left_out=*/false, report);
}

absl::Status RecoveredCopy::MakeOfWhatCanBeRead(RecoveryReport& report) const {
  const std::string path = target_ + ".salvaged";
  std::unique_ptr<DatabaseFiles> to;
  if (purpose_ == Purpose::kUse) {
    // Compactions of the copy need some beside.
    const uint64_t bytes = BytesOf(target_, ".sst");
    if (absl::Status s = CheckSpace(bytes + bytes / 2); !s.ok()) {
      if (report.logs.empty() && report.steps.empty()) return s;
      report.steps.push_back(fmt::format("tables stay as they are: {}", std::string(s.message())));
      return absl::OkStatus();
    }
    auto opened = DatabaseFiles::Open(path, {});
    if (!opened.ok()) return opened.status();
    to = *std::move(opened);
  }
  const auto collections = SalvageFrom(target_, to.get());
  if (!collections.ok()) return collections.status();
  if (to != nullptr) {
    if (absl::Status s = CheckCounts(report.left, *collections); !s.ok()) return s;
  }
  TellOfDamage(report);
  for (const SalvagedCollection& one : *collections) report.steps.push_back(StepOf(one));
  if (to != nullptr) {
    if (absl::Status s = Replace(std::move(to), path); !s.ok()) return s;
    report.left = Check();
    return absl::OkStatus();
  }
  report.left = DatabaseCheck();
  for (const SalvagedCollection& one : *collections) {
    report.left.collections.push_back({.name = one.name, .document_count = one.documents_kept});
  }
  return absl::OkStatus();
}

// Puts a copy that is at `path` at the target.
absl::Status RecoveredCopy::Replace(std::unique_ptr<DatabaseFiles> copy,
                                    const std::string& path) const {
  const rocksdb::Status flushed = copy->db().Flush({}, copy->all());
  if (!flushed.ok()) return FromRocksDb(flushed, "writing tables to " + path);
  copy.reset();
  std::error_code error;
  fs::remove_all(target_, error);
  if (!error) fs::rename(path, target_, error);
  return error ? FileSystemError("renaming " + path, error.value()) : absl::OkStatus();
}

// Of what is there, under the paths that it is to have.
DatabaseCheck RecoveredCopy::Check() const {
  DatabaseCheck check = CheckDatabaseFiles(target_);
  const auto rename = [this](std::string& text) {
    for (size_t at = 0; (at = text.find(target_, at)) != std::string::npos; at += source_.size()) {
      text.replace(at, target_.size(), source_);
    }
  };
  for (DamagedFile& file : check.files) {
    rename(file.path);
    rename(file.reason);
  }
  return check;
}

absl::Status RecoveredCopy::CheckSpace(uint64_t bytes) const {
  std::error_code error;
  const uint64_t free_bytes = fs::space(target_, error).available;
  if (error) return FileSystemError("asking for the free space of " + target_, error.value());
  const uint64_t needed = bytes + kSpareBytes;
  if (free_bytes >= needed) return absl::OkStatus();
  return absl::ResourceExhaustedError(fmt::format(
      "{} has {} bytes free, and a recovery needs {}{}", target_, free_bytes, needed,
      purpose_ == Purpose::kTrial ? ": set TMPDIR to a directory with more" : ": make room"));
}

absl::Status RecoveredCopy::CopyFiles() const {
  for (const fs::path& path : FilesOf(source_)) {
    const std::string name = path.filename();
    const fs::path copy = fs::path(target_) / name;
    std::error_code error;
    if (path.extension() == ".sst") {
      purpose_ == Purpose::kTrial ? fs::create_symlink(fs::absolute(path), copy, error)
                                  : fs::create_hard_link(path, copy, error);
    } else if (IsManifest(path) || name == "CURRENT" || name == "IDENTITY" ||
               name.starts_with("OPTIONS-")) {
      fs::copy_file(path, copy, error);
    }
    if (error) return FileSystemError("copying " + path.string(), error.value());
  }
  return absl::OkStatus();
}

absl::Status RecoveredCopy::CopyLogs() const {
  for (const LogRecovery& log : logs_) {
    if (log.bytes_kept == 0) continue;
    const fs::path copy = fs::path(target_) / fs::path(log.path).filename();
    std::error_code error;
    fs::copy_file(log.path, copy, error);
    if (!error) fs::resize_file(copy, log.bytes_kept, error);
    if (error) return FileSystemError("copying " + log.path, error.value());
  }
  return absl::OkStatus();
}

// False when there is none to go by.
absl::StatusOr<bool> RecoveredCopy::FindManifest(RecoveryReport& report) const {
  std::string damaged;
  for (const DamagedFile& file : FindDamagedLogs(source_)) {
    if (fs::path(file.path).extension() != ".log") damaged = file.path;
  }
  if (damaged.empty()) return true;
  if (fs::path(damaged).filename() != "CURRENT") return false;
  const std::vector<fs::path> paths = FilesOf(target_);
  for (auto path = paths.rbegin(); path != paths.rend(); ++path) {
    if (!IsManifest(*path)) continue;
    const auto check = CheckLogFile(path->string());
    if (!check.ok() || !check->damage.empty() || check->records == 0) continue;
    const std::string name = path->filename();
    if (absl::Status s = WriteDurably(target_ + "/CURRENT", name + "\n"); !s.ok()) return s;
    if (!NamesAllTables()) continue;
    report.steps.push_back(
        fmt::format("CURRENT is made anew for {}, which is whole and names all tables", name));
    return true;
  }
  return false;
}

// Looked at with the logs as they are: MANIFEST may know how long they must be.
bool RecoveredCopy::NamesAllTables() const {
  std::vector<fs::path> links;
  std::error_code error;
  for (const LogRecovery& log : logs_) {
    links.push_back(fs::path(target_) / fs::path(log.path).filename());
    fs::create_symlink(fs::absolute(log.path), links.back(), error);
  }
  const auto files = DatabaseFiles::OpenReadOnly(target_, DamagePolicy::kServeAround);
  const bool names_all = files.ok() && !HasUnnamedTables(**files, target_);
  for (const fs::path& link : links) fs::remove(link, error);
  return names_all;
}

absl::Status RecoveredCopy::Rebuild(RecoveryReport& report) const {
  if (absl::Status s = DatabaseFiles::RebuildManifest(target_); !s.ok()) return s;
  report.steps.push_back(fmt::format("MANIFEST is made anew of {} tables",
                                     std::ranges::count_if(FilesOf(target_), [](const auto& path) {
                                       return path.extension() == ".sst";
                                     })));
  bool is_table_left_out = false;
  for (const fs::path& path : FilesOf(target_ + "/lost")) {
    if (path.extension() != ".sst") continue;
    is_table_left_out = true;
    report.steps.push_back(
        fmt::format("table {} cannot be read and is left out", path.filename().string()));
  }
  std::vector<std::string> with_tables;
  const rocksdb::Status listed =
      rocksdb::DB::ListColumnFamilies(rocksdb::DBOptions(), target_, &with_tables);
  if (!listed.ok()) return FromRocksDb(listed, "listing the column families of " + target_);
  const auto files = DatabaseFiles::Open(target_, {}, DamagePolicy::kRecover);
  if (!files.ok()) return files.status();
  const std::map<uint32_t, std::string> families = FamiliesBefore(**files, with_tables);
  if (absl::Status s = ReplayLogs(logs_, families, **files); !s.ok()) return s;
  for (rocksdb::ColumnFamilyHandle* family : (*files)->all()) {
    // To look at it, the small one of the catalog is enough: what is only scanned needs no order,
    // and where a table is damaged besides, what is told is an estimate.
    if (purpose_ == Purpose::kTrial && family != (*files)->meta()) continue;
    const rocksdb::Status compacted = (*files)->db().CompactRange({}, family, nullptr, nullptr);
    if (!compacted.ok()) return FromRocksDb(compacted, "compacting " + family->GetName());
  }
  return Settle(**files, families, is_table_left_out, report);
}

// A family is written to tables when a new log begins. So none holds what stands behind the cut
// when that is in the newest log, behind a batch that is kept.
bool RecoveredCopy::MayBeAhead() const {
  const bool is_any_cut =
      std::ranges::any_of(logs_, [](const LogRecovery& log) { return !log.is_whole(); });
  return is_any_cut && (logs_.back().is_whole() || logs_.back().batches_kept == 0);
}

// Says what the catalog and the dropped part of the logs tell, makes up for what was dropped, and
// leaves all in tables, so that there is no log any more.
absl::Status RecoveredCopy::Settle(const DatabaseFiles& files,
                                   const std::map<uint32_t, std::string>& families,
                                   bool is_table_left_out, RecoveryReport& report) const {
  const auto catalog = Catalog::Load(files);
  if (!catalog.ok()) {
    return absl::DataLossError(
        fmt::format("the catalog of collections cannot be read, so this cannot be recovered: "
                    "restore a snapshot ({})",
                    std::string(catalog.status().message())));
  }
  LoggedWrites dropped(families);
  if (absl::Status s = ReadDropped(logs_, dropped); !s.ok()) return s;
  report.dropped = dropped.collections();
  report.last_sequence_left = (*catalog)->State().last_sequence;
  report.last_sequence_dropped = dropped.last_sequence();
  for (const auto& [id, writes] : report.dropped) {
    if (!writes.created_name.empty()) report.names[id] = writes.created_name;
  }
  for (const CollectionRecord& record : (*catalog)->Collections()) {
    report.names[record.id] = record.name;
    if (!MayBeAhead()) continue;
    const auto settled = SettleCollection(files, **catalog, record.id, dropped, is_table_left_out);
    if (!settled.ok()) return settled.status();
    if (settled->newer_kept > 0) {
      report.steps.push_back(fmt::format(
          "collection '{}': {} documents of dropped requests are kept, as tables hold them whole",
          record.name, settled->newer_kept));
    }
    if (settled->removed == 0) continue;
    report.steps.push_back(
        fmt::format("collection '{}': {} documents are removed, as only a part of them is left or "
                    "a part is of a dropped request",
                    record.name, settled->removed));
  }
  if (!report.logs.empty()) {
    if (absl::Status s = ForgetSessions(files); !s.ok()) return s;
  }
  return FromRocksDb(files.db().Flush({}, files.all()), "writing tables to " + target_);
}

// A client that comes back begins again, instead of behind documents that are dropped. As a range,
// since not all may be readable; and behind it one by one, since scans do not see what is removed
// as a range. Before it they would go with it when tables are written.
absl::Status RecoveredCopy::ForgetSessions(const DatabaseFiles& files) const {
  const KeyRange all{.first = CollectionPrefix(0), .end = CollectionPrefix(UINT32_MAX)};
  rocksdb::WriteBatch batch;
  batch.DeleteRange(files.sessions(), all.first, all.end);
  const auto forget = [&](std::string_view key, std::string_view /*value*/) {
    batch.Delete(files.sessions(), key);
    return absl::OkStatus();
  };
  files.Scan(files.sessions(), all, forget).IgnoreError();
  return FromRocksDb(files.db().Write({}, &batch), "forgetting ingest sessions");
}

}  // namespace simile

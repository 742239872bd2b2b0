#include "storage/database_check.h"

#include <rocksdb/sst_file_reader.h>

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "base/durable_file.h"
#include "fmt/format.h"
#include "storage/catalog.h"
#include "storage/collection_check.h"
#include "storage/data_directory.h"
#include "storage/database_files.h"
#include "storage/keys.h"
#include "storage/log_file_check.h"
#include "storage/manifest_end.h"

namespace simile {
namespace {

namespace fs = std::filesystem;

// The collections between the smallest and the largest key; all for the catalog's own tables.
void NameCollections(const rocksdb::LiveFileMetaData& table, const Catalog& catalog,
                     DamagedFile& damaged) {
  const bool is_catalog = table.column_family_name == "default";
  const uint32_t first = CollectionOfKey(table.smallestkey);
  uint32_t last = CollectionOfKey(table.largestkey);
  // The end of a range that was deleted, which it does not hold.
  if (table.largestkey.size() == kCollectionPrefixBytes && last > first) --last;
  for (const CollectionRecord& record : catalog.Collections()) {
    if (!is_catalog && (record.id < first || record.id > last)) continue;
    damaged.collections.push_back(record.name);
    damaged.collection_ids.push_back(record.id);
  }
}

// Empty when the table is good.
std::string ReasonOf(const rocksdb::LiveFileMetaData& table, const std::string& path, bool whole) {
  std::error_code error;
  const uint64_t bytes = fs::file_size(path, error);
  if (error) return fmt::format("it cannot be opened: {}", error.message());
  if (bytes != table.size) {
    return fmt::format("it has {} bytes and was written with {}", bytes, table.size);
  }
  if (!whole) return "";
  rocksdb::SstFileReader reader{rocksdb::Options()};
  rocksdb::Status status = reader.Open(path);
  if (status.ok()) status = reader.VerifyChecksum(rocksdb::ReadOptions());
  return status.ok() ? "" : status.ToString();
}

// Records the damage of a log file.
void AddIfDamaged(const std::string& path, std::vector<DamagedFile>& damaged) {
  const auto check = CheckLogFile(path);
  if (!check.ok()) {
    damaged.push_back({.path = path, .reason = std::string(check.status().message())});
  } else if (!check->damage.empty()) {
    damaged.push_back(
        {.path = path,
         .reason = fmt::format("{} at byte {} of {}, behind {} good records", check->damage,
                               check->damaged_at, check->file_bytes, check->records)});
  }
}

}  // namespace

bool DatabaseCheck::is_good() const {
  return files.empty() && std::ranges::all_of(collections, [](const CollectionCheck& collection) {
           return collection.findings.empty();
         });
}

std::vector<DamagedFile> FindDamagedManifest(const std::string& database_path) {
  constexpr size_t kCurrentBytesMax = 4'096;
  std::vector<DamagedFile> damaged;
  const std::string current_path = database_path + "/CURRENT";
  const auto current = ReadWholeFile(current_path, kCurrentBytesMax);
  std::error_code error;
  if (!current.ok()) {
    damaged.push_back({.path = current_path, .reason = std::string(current.status().message())});
  } else if (!current->starts_with("MANIFEST-") || !current->ends_with('\n') ||
             !fs::exists(database_path + "/" + current->substr(0, current->size() - 1), error)) {
    damaged.push_back(
        {.path = current_path, .reason = "it does not name a MANIFEST that is there"});
  } else {
    const std::string name = current->substr(0, current->size() - 1);
    const std::string manifest = database_path + "/" + name;
    AddIfDamaged(manifest, damaged);
    std::string reason = CheckManifestEnd(database_path, name);
    if (damaged.empty() && !reason.empty()) {
      damaged.push_back({.path = manifest, .reason = std::move(reason)});
    }
  }
  return damaged;
}

std::vector<DamagedFile> FindDamagedLogs(const std::string& database_path) {
  std::vector<DamagedFile> damaged = FindDamagedManifest(database_path);
  std::error_code error;
  std::vector<std::string> logs;
  for (const auto& entry : fs::directory_iterator(database_path, error)) {
    if (entry.path().extension() == ".log") logs.push_back(entry.path().string());
  }
  std::ranges::sort(logs);
  for (const std::string& log : logs) AddIfDamaged(log, damaged);
  return damaged;
}

std::optional<DamagedFile> CheckTable(const rocksdb::LiveFileMetaData& table,
                                      const Catalog& catalog, bool whole) {
  const std::string path = table.db_path + table.name;
  const std::string reason = ReasonOf(table, path, whole);
  if (reason.empty()) return std::nullopt;
  DamagedFile damaged{.path = path, .family = table.column_family_name, .reason = reason};
  NameCollections(table, catalog, damaged);
  return damaged;
}

TableCheck CheckTables(const DatabaseFiles& files, const Catalog& catalog, bool whole) {
  std::vector<rocksdb::LiveFileMetaData> tables;
  files.db().GetLiveFilesMetaData(&tables);
  TableCheck check;
  for (const rocksdb::LiveFileMetaData& table : tables) {
    ++check.tables;
    check.bytes += table.size;
    if (auto damaged = CheckTable(table, catalog, whole); damaged.has_value()) {
      check.damaged.push_back(*std::move(damaged));
    }
  }
  return check;
}

DatabaseCheck CheckDatabaseFiles(const std::string& path) {
  DatabaseCheck check;
  check.files = FindDamagedLogs(path);
  const auto files = DatabaseFiles::OpenReadOnly(path, DamagePolicy::kServeAround);
  if (!files.ok()) {
    check.files.push_back({.path = path, .reason = std::string(files.status().message())});
    return check;
  }
  const auto catalog = Catalog::Load(**files);
  // Without it the tables still tell which of them is to blame.
  const Catalog unknown;
  TableCheck tables = CheckTables(**files, catalog.ok() ? **catalog : unknown, /*whole=*/true);
  std::ranges::move(tables.damaged, std::back_inserter(check.files));
  check.tables_read = tables.tables;
  check.bytes_read = tables.bytes;
  if (!catalog.ok()) {
    check.files.push_back({.path = path, .reason = std::string(catalog.status().message())});
    return check;
  }
  for (const CollectionRecord& record : (*catalog)->Collections()) {
    check.collections.push_back(CheckCollection(**files, record, (*catalog)->Counters(record.id)));
  }
  return check;
}

absl::StatusOr<DatabaseCheck> CheckDatabase(const std::string& data_directory) {
  const auto directory = DataDirectory::OpenExisting(data_directory);
  if (!directory.ok()) return directory.status();
  const std::string path = (*directory)->database_path();
  std::error_code error;
  // A first start that was interrupted.
  if (!fs::exists(path, error)) return DatabaseCheck();
  return CheckDatabaseFiles(path);
}

}  // namespace simile

#include "storage/database_files.h"

#include <rocksdb/convenience.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/table.h>
#include <rocksdb/utilities/checkpoint.h>

#include <algorithm>
#include <cstdarg>
#include <thread>
#include <utility>

#include "storage/rocksdb_status.h"

namespace simile {
namespace {

constexpr double kBloomBitsPerKey = 10;
constexpr int kOpenFilesMax = 512;
constexpr uint64_t kLogBytesMax = 512ull << 20;
constexpr uint64_t kSyncBytes = 1ull << 20;
constexpr size_t kInfoLogBytesMax = 1 << 20;

// The order of DatabaseFiles' accessors.
const char* const kFamilyNames[] = {"default", "ids",      "documents",
                                    "vectors", "sessions", "changes"};

// So that a database which is only looked at gets no file of messages.
class SilentLog final : public rocksdb::Logger {
 public:
  using rocksdb::Logger::Logv;
  void Logv(const char* /*format*/, va_list /*arguments*/) override {}
};

rocksdb::DBOptions DatabaseOptionsOf(DamagePolicy policy) {
  rocksdb::DBOptions options;
  options.create_if_missing = true;
  options.create_missing_column_families = true;
  // RocksDB's default drops acknowledged writes in silence after one damaged byte of the log.
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
  options.track_and_verify_wals_in_manifest = policy != DamagePolicy::kRecover;
  options.paranoid_checks = policy == DamagePolicy::kRefuse;
  options.max_total_wal_size = kLogBytesMax;
  options.wal_bytes_per_sync = kSyncBytes / 2;
  options.bytes_per_sync = kSyncBytes;
  options.max_open_files = kOpenFilesMax;
  options.max_background_jobs =
      std::max(2, static_cast<int>(std::thread::hardware_concurrency() / 2));
  options.keep_log_file_num = 4;
  options.max_log_file_size = kInfoLogBytesMax;
  return options;
}

rocksdb::ColumnFamilyOptions FamilyOptions(const std::string& name, const StoreOptions& options,
                                           const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = cache;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(kBloomBitsPerKey));
  table.cache_index_and_filter_blocks = true;
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  table.optimize_filters_for_memory = true;
  table.format_version = 5;
  rocksdb::ColumnFamilyOptions family;
  family.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  family.write_buffer_size = options.memtable_bytes;
  family.level_compaction_dynamic_level_bytes = true;
  const std::vector<rocksdb::CompressionType> supported = rocksdb::GetSupportedCompressions();
  const bool has_lz4 = std::ranges::count(supported, rocksdb::kLZ4Compression) > 0;
  // Floats do not compress, so vectors are not worth the time.
  family.compression =
      name == "documents" && has_lz4 ? rocksdb::kLZ4Compression : rocksdb::kNoCompression;
  return family;
}

}  // namespace

absl::StatusOr<std::unique_ptr<DatabaseFiles>> DatabaseFiles::Open(const std::string& path,
                                                                   const StoreOptions& options,
                                                                   DamagePolicy policy) {
  const std::shared_ptr<rocksdb::Cache> cache = rocksdb::NewLRUCache(options.block_cache_bytes);
  std::vector<rocksdb::ColumnFamilyDescriptor> families;
  for (const char* name : kFamilyNames) {
    families.emplace_back(name, FamilyOptions(name, options, cache));
    families.back().options.disable_auto_compactions = policy != DamagePolicy::kRefuse;
  }
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* raw = nullptr;
  const auto damage = std::make_shared<CompactionDamage>();
  rocksdb::DBOptions database_options = DatabaseOptionsOf(policy);
  database_options.listeners.push_back(damage);
  const rocksdb::Status opened =
      rocksdb::DB::Open(database_options, path, families, &handles, &raw);
  if (!opened.ok()) return FromRocksDb(opened, "opening the database " + path);
  return std::unique_ptr<DatabaseFiles>(
      new DatabaseFiles(std::unique_ptr<rocksdb::DB>(raw), std::move(handles), damage));
}

absl::StatusOr<std::unique_ptr<DatabaseFiles>> DatabaseFiles::OpenReadOnly(const std::string& path,
                                                                           DamagePolicy policy) {
  rocksdb::DBOptions options = DatabaseOptionsOf(policy);
  options.create_if_missing = false;
  options.create_missing_column_families = false;
  options.info_log = std::make_shared<SilentLog>();
  std::vector<rocksdb::ColumnFamilyDescriptor> families;
  const StoreOptions defaults;
  for (const char* name : kFamilyNames) {
    families.emplace_back(name, FamilyOptions(name, defaults, rocksdb::NewLRUCache(1 << 20)));
  }
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* raw = nullptr;
  const rocksdb::Status opened =
      rocksdb::DB::OpenForReadOnly(options, path, families, &handles, &raw);
  if (!opened.ok()) return FromRocksDb(opened, "opening the database " + path);
  return std::unique_ptr<DatabaseFiles>(new DatabaseFiles(
      std::unique_ptr<rocksdb::DB>(raw), std::move(handles), std::make_shared<CompactionDamage>()));
}

absl::Status DatabaseFiles::RebuildManifest(const std::string& path) {
  rocksdb::DBOptions options = DatabaseOptionsOf(DamagePolicy::kRecover);
  options.info_log = std::make_shared<SilentLog>();
  std::vector<rocksdb::ColumnFamilyDescriptor> families;
  const StoreOptions defaults;
  for (const char* name : kFamilyNames) {
    families.emplace_back(name, FamilyOptions(name, defaults, rocksdb::NewLRUCache(1 << 20)));
  }
  return FromRocksDb(rocksdb::RepairDB(path, options, families), "making a MANIFEST in " + path);
}

absl::Status DatabaseFiles::LinkTo(const std::string& path) const {
  rocksdb::Checkpoint* raw = nullptr;
  rocksdb::Status s = rocksdb::Checkpoint::Create(db_.get(), &raw);
  const std::unique_ptr<rocksdb::Checkpoint> checkpoint(raw);
  // 0: what is in memory goes to files first, so that no log has to be copied and read again.
  if (s.ok()) s = checkpoint->CreateCheckpoint(path, /*log_size_for_flush=*/0);
  return FromRocksDb(s, "linking the database to " + path);
}

DatabaseFiles::DatabaseFiles(std::unique_ptr<rocksdb::DB> db,
                             std::vector<rocksdb::ColumnFamilyHandle*> handles,
                             std::shared_ptr<CompactionDamage> damage)
    : damage_(std::move(damage)), db_(std::move(db)), handles_(std::move(handles)) {}

void DatabaseFiles::StopCompactionsIfDamaged() const {
  if (!damage_->TakeMet()) return;
  for (rocksdb::ColumnFamilyHandle* handle : handles_) {
    // One that cannot be told goes on trying, which harms nobody soon.
    db_->SetOptions(handle, {{"disable_auto_compactions", "true"}}).PermitUncheckedError();
  }
}

DatabaseFiles::~DatabaseFiles() {
  db_->SyncWAL();
  rocksdb::CancelAllBackgroundWork(db_.get(), /*wait=*/true);
  for (rocksdb::ColumnFamilyHandle* handle : handles_) db_->DestroyColumnFamilyHandle(handle);
  db_->Close();
}

absl::StatusOr<std::string> DatabaseFiles::Get(rocksdb::ColumnFamilyHandle* family,
                                               const std::string& key,
                                               const rocksdb::Snapshot* snapshot) const {
  rocksdb::ReadOptions options;
  options.snapshot = snapshot;
  std::string value;
  const rocksdb::Status got = db_->Get(options, family, key, &value);
  if (got.IsNotFound()) return absl::NotFoundError("");
  if (!got.ok()) return FromRocksDb(got, "reading from column family " + family->GetName());
  return value;
}

}  // namespace simile

#include "storage/database_files.h"

#include <rocksdb/convenience.h>
#include <rocksdb/env.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/slice_transform.h>
#include <rocksdb/sst_partitioner.h>
#include <rocksdb/table.h>
#include <rocksdb/utilities/checkpoint.h>

#include <algorithm>
#include <cstdarg>
#include <thread>
#include <utility>

#include "storage/keys.h"
#include "storage/manifest_end.h"
#include "storage/rocksdb_status.h"

namespace simile {
namespace {

constexpr double kBloomBitsPerKey = 10;
// Of what a memtable of ids may take: about ten bits for each, so that an id that is new is nearly
// always seen to be so without a search.
constexpr double kIdsBloomShare = 0.02;
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

// RocksDB resumes by itself when there is space for tables again. Not behind a log or a MANIFEST
// that failed: it would write to that log once more, which an assertion does not allow, keep half
// of a batch, and acknowledge what may be lost.
class ResumePolicy final : public rocksdb::EventListener {
 public:
  explicit ResumePolicy(std::shared_ptr<const DatabaseFileSystem> file_system)
      : file_system_(std::move(file_system)) {}

  void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason reason, rocksdb::Status /*error*/,
                            bool* resume) override {
    const bool is_of_log = reason == rocksdb::BackgroundErrorReason::kWriteCallback;
    if (is_of_log || file_system_->has_failed()) *resume = false;
  }

 private:
  const std::shared_ptr<const DatabaseFileSystem> file_system_;
};

rocksdb::Status NoMoreWrites() {
  return rocksdb::Status::TryAgain(
      "a write or a sync failed before: see to the disk and restart the server");
}

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
  options.max_bgerror_resume_count = 0;
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
  if (name != "default") {
    family.sst_partitioner_factory =
        rocksdb::NewSstPartitionerFixedPrefixFactory(kCollectionPrefixBytes);
  }
  // Every commit puts newer counters; without a hint they would be looked for among all that came
  // before.
  if (name == "default") {
    family.memtable_insert_with_hint_prefix_extractor.reset(
        rocksdb::NewCappedPrefixTransform(CountersKey(0).size()));
  }
  if (name == "ids") {
    family.memtable_prefix_bloom_size_ratio = kIdsBloomShare;
    family.memtable_whole_key_filtering = true;
  }
  // Floats do not compress, so vectors are not worth the time.
  family.compression =
      name == "documents" && has_lz4 ? rocksdb::kLZ4Compression : rocksdb::kNoCompression;
  return family;
}

}  // namespace

absl::StatusOr<std::unique_ptr<DatabaseFiles>> DatabaseFiles::Open(const std::string& path,
                                                                   const StoreOptions& options,
                                                                   DamagePolicy policy,
                                                                   Ballast* ballast) {
  const std::shared_ptr<rocksdb::Cache> cache = rocksdb::NewLRUCache(options.block_cache_bytes);
  std::vector<rocksdb::ColumnFamilyDescriptor> families;
  for (const char* name : kFamilyNames) {
    families.emplace_back(name, FamilyOptions(name, options, cache));
    families.back().options.disable_auto_compactions = policy != DamagePolicy::kRefuse;
  }
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* raw = nullptr;
  Surroundings surroundings;
  surroundings.file_system = std::make_shared<DatabaseFileSystem>(
      options.file_system != nullptr ? options.file_system : rocksdb::FileSystem::Default(), path,
      ballast);
  surroundings.env = rocksdb::NewCompositeEnv(surroundings.file_system);
  rocksdb::DBOptions database_options = DatabaseOptionsOf(policy);
  database_options.env = surroundings.env.get();
  const auto manifest_end = std::make_shared<ManifestEnd>(path);
  database_options.listeners = {
      surroundings.damage, std::make_shared<ResumePolicy>(surroundings.file_system), manifest_end};
  const rocksdb::Status opened =
      rocksdb::DB::Open(database_options, path, families, &handles, &raw);
  if (!opened.ok()) return FromRocksDb(opened, "opening the database " + path);
  // Of tables that were made of the logs nobody is told.
  manifest_end->Note();
  std::optional<FreeSpaceGuard> guard;
  if (ballast != nullptr) {
    guard.emplace(options.data_directory, options.free_disk_bytes_min, *ballast);
  }
  return std::unique_ptr<DatabaseFiles>(
      new DatabaseFiles(std::unique_ptr<rocksdb::DB>(raw), std::move(handles),
                        std::move(surroundings), std::move(guard)));
}

absl::StatusOr<std::unique_ptr<DatabaseFiles>> DatabaseFiles::OpenReadOnly(const std::string& path,
                                                                           DamagePolicy policy,
                                                                           size_t cache_bytes) {
  rocksdb::DBOptions options = DatabaseOptionsOf(policy);
  options.create_if_missing = false;
  options.create_missing_column_families = false;
  options.info_log = std::make_shared<SilentLog>();
  std::vector<rocksdb::ColumnFamilyDescriptor> families;
  const std::shared_ptr<rocksdb::Cache> cache = rocksdb::NewLRUCache(cache_bytes);
  for (const char* name : kFamilyNames) {
    families.emplace_back(name, FamilyOptions(name, StoreOptions(), cache));
  }
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* raw = nullptr;
  const rocksdb::Status opened =
      rocksdb::DB::OpenForReadOnly(options, path, families, &handles, &raw);
  if (!opened.ok()) return FromRocksDb(opened, "opening the database " + path);
  return std::unique_ptr<DatabaseFiles>(new DatabaseFiles(
      std::unique_ptr<rocksdb::DB>(raw), std::move(handles), Surroundings{}, std::nullopt));
}

rocksdb::Status DatabaseFiles::Write(const rocksdb::WriteOptions& options,
                                     rocksdb::WriteBatch* batch) const {
  storage_internal::MutexLock lock(write_mutex_);
  if (has_failed()) return NoMoreWrites();
  if (guard_.has_value()) {
    if (const absl::Status s = guard_->CheckRemoval(); !s.ok()) {
      return rocksdb::Status::NoSpace(std::string(s.message()));
    }
  }
  const uint64_t appends_before = surroundings_.file_system->log_appends();
  rocksdb::Status written = db_->Write(options, batch);
  if (written.ok()) return written;
  // RocksDB goes on by itself once there is space, and the log knows nothing of this write.
  const bool is_untouched = written.IsNoSpace() &&
                            surroundings_.file_system->log_appends() == appends_before &&
                            written.severity() < rocksdb::Status::kFatalError;
  if (!is_untouched) has_failed_ = true;
  return written;
}

rocksdb::Status DatabaseFiles::SyncLog() const {
  // Not beside a write: should that fail, syncing its log again would end the process.
  storage_internal::MutexLock lock(write_mutex_);
  if (has_failed()) return NoMoreWrites();
  rocksdb::Status synced = db_->SyncWAL();
  if (!synced.ok()) has_failed_ = true;
  return synced;
}

bool DatabaseFiles::has_failed() const {
  return has_failed_ ||
         (surroundings_.file_system != nullptr && surroundings_.file_system->has_failed());
}

absl::Status DatabaseFiles::RebuildManifest(const std::string& path) {
  rocksdb::DBOptions options = DatabaseOptionsOf(DamagePolicy::kRecover);
  options.info_log = std::make_shared<SilentLog>();
  std::vector<rocksdb::ColumnFamilyDescriptor> families;
  const std::shared_ptr<rocksdb::Cache> cache = rocksdb::NewLRUCache(size_t{1} << 20);
  for (const char* name : kFamilyNames) {
    families.emplace_back(name, FamilyOptions(name, StoreOptions(), cache));
  }
  return FromRocksDb(rocksdb::RepairDB(path, options, families), "making a MANIFEST in " + path);
}

absl::Status DatabaseFiles::LinkTo(const std::string& path) const {
  // Flushing would wait for what never comes.
  if (has_failed()) return FromRocksDb(NoMoreWrites(), "linking the database to " + path);
  rocksdb::Checkpoint* raw = nullptr;
  rocksdb::Status s = rocksdb::Checkpoint::Create(db_.get(), &raw);
  const std::unique_ptr<rocksdb::Checkpoint> checkpoint(raw);
  // 0: what is in memory goes to files first, so that no log has to be copied and read again.
  if (s.ok()) s = checkpoint->CreateCheckpoint(path, /*log_size_for_flush=*/0);
  return FromRocksDb(s, "linking the database to " + path);
}

DatabaseFiles::DatabaseFiles(std::unique_ptr<rocksdb::DB> db,
                             std::vector<rocksdb::ColumnFamilyHandle*> handles,
                             Surroundings surroundings, std::optional<FreeSpaceGuard> guard)
    : surroundings_(std::move(surroundings)),
      guard_(std::move(guard)),
      db_(std::move(db)),
      handles_(std::move(handles)) {}

void DatabaseFiles::StopCompactionsIfDamaged() const {
  if (!surroundings_.damage->TakeMet()) return;
  storage_internal::MutexLock lock(compactions_mutex_);
  are_compactions_stopped_ = true;
  for (rocksdb::ColumnFamilyHandle* handle : handles_) {
    // One that cannot be told goes on trying, which harms nobody soon.
    db_->SetOptions(handle, {{"disable_auto_compactions", "true"}}).PermitUncheckedError();
  }
}

void DatabaseFiles::ResumeCompactions() const {
  storage_internal::MutexLock lock(compactions_mutex_);
  if (!are_compactions_stopped_) return;
  are_compactions_stopped_ = false;
  for (rocksdb::ColumnFamilyHandle* handle : handles_) {
    // One that cannot be told compacts again after the next start.
    db_->SetOptions(handle, {{"disable_auto_compactions", "false"}}).PermitUncheckedError();
  }
}

void DatabaseFiles::Rewrite(const rocksdb::LiveFileMetaData& table) const {
  const auto family =
      std::ranges::find(handles_, table.column_family_name, &rocksdb::ColumnFamilyHandle::GetName);
  if (family == handles_.end() || has_failed()) return;
  const rocksdb::Options family_options = db_->GetOptions(*family);
  if (family_options.disable_auto_compactions) return;
  // As the compactions write it: the defaults are Snappy and one file.
  rocksdb::CompactionOptions options;
  options.compression = rocksdb::kDisableCompressionOption;
  options.output_file_size_limit = family_options.target_file_size_base;
  const rocksdb::Status rewritten = db_->CompactFiles(options, *family, {table.name}, table.level);
  // Damage that is met here need not end the compactions of other tables. Should it have been one
  // of those that met it, it does so again.
  if (!rewritten.ok()) surroundings_.damage->TakeMet();
}

DatabaseFiles::~DatabaseFiles() {
  if (surroundings_.file_system != nullptr) SyncLog().PermitUncheckedError();
  rocksdb::CancelAllBackgroundWork(db_.get(), /*wait=*/true);
  for (rocksdb::ColumnFamilyHandle* handle : handles_) db_->DestroyColumnFamilyHandle(handle);
  db_->Close();
}

rocksdb::ReadOptions DatabaseFiles::ScanOptions() {
  rocksdb::ReadOptions options;
  // RocksDB 7.8 frees an iterator twice, and ends the process, when it goes through a deleted range
  // and a table cannot be opened.
  options.ignore_range_deletions = true;
  return options;
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

absl::Status DatabaseFiles::Scan(rocksdb::ColumnFamilyHandle* family, const KeyRange& range,
                                 const Visit& visit, const rocksdb::Snapshot* snapshot) const {
  const rocksdb::Slice end(range.end);
  rocksdb::ReadOptions options = ScanOptions();
  options.iterate_upper_bound = &end;
  options.fill_cache = false;
  options.snapshot = snapshot;
  const std::unique_ptr<rocksdb::Iterator> found(db_->NewIterator(options, family));
  for (found->Seek(range.first); found->Valid(); found->Next()) {
    absl::Status visited = visit(found->key().ToStringView(), found->value().ToStringView());
    if (!visited.ok()) return visited;
  }
  return FromRocksDb(found->status(), "scanning column family " + family->GetName());
}

}  // namespace simile

#include "storage/store.h"

#include <rocksdb/cache.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "base/durable_file.h"
#include "base/kill_point.h"
#include "fmt/format.h"
#include "storage/ballast.h"
#include "storage/catalog.h"
#include "storage/catalog_codec.h"
#include "storage/change_log.h"
#include "storage/collection_copy.h"
#include "storage/collection_reaper.h"
#include "storage/committer.h"
#include "storage/data_directory.h"
#include "storage/database_check.h"
#include "storage/database_files.h"
#include "storage/document_reader.h"
#include "storage/free_space_guard.h"
#include "storage/keys.h"
#include "storage/live_check.h"
#include "storage/rocksdb_status.h"

namespace simile {
namespace {

// Of each of the two files. Enough for a few memtables of the usual size; less on small disks.
uint64_t BallastBytes(const StoreOptions& options) {
  constexpr uint64_t kBallastBytesMax = 64ull << 20;
  return std::min(options.free_disk_bytes_min / 4, kBallastBytesMax);
}

// The reaper removes whole files, which no snapshot holds. So what a read found is worth nothing
// when the collection was dropped meanwhile, be it an error or half of the documents.
template <typename Result>
Result UnlessDropped(const Catalog& catalog, uint32_t collection_id, Result result) {
  if (catalog.Find(collection_id).has_value()) return result;
  return absl::NotFoundError("the collection was deleted");
}

absl::Status Refused(const absl::Status& status, const std::string& reason) {
  return absl::DataLossError(
      fmt::format("{}{}; simile-server check --data-dir DIR says more, and simile-server recover "
                  "--data-dir DIR what can be done",
                  std::string(status.message()), reason));
}

// RocksDB would begin an empty database beside the tables, and take them away when it is opened
// next.
absl::Status CheckCurrent(const std::string& path) {
  std::error_code error;
  if (std::filesystem::exists(path + "/CURRENT", error)) {
    // Nor does it see that the end of a MANIFEST is missing.
    const std::vector<DamagedFile> damaged = FindDamagedManifest(path);
    if (damaged.empty()) return absl::OkStatus();
    return Refused(
        absl::DataLossError(fmt::format("opening the database {}", path)),
        fmt::format(" ({} is damaged: {})", damaged.front().path, damaged.front().reason));
  }
  for (const auto& entry : std::filesystem::directory_iterator(path, error)) {
    const std::string extension = entry.path().extension();
    if (extension != ".sst" && extension != ".log") continue;
    return Refused(absl::DataLossError(fmt::format("opening the database {}", path)),
                   ": there are tables or logs, and CURRENT is missing");
  }
  return absl::OkStatus();
}

// A database with tables that are missing or too short opens too: what needs them is DataLoss, the
// rest serves. The catalog must be whole, and so must the log: without RocksDB's strictness its
// damage would not be seen.
absl::StatusOr<std::unique_ptr<DatabaseFiles>> OpenFiles(const std::string& path,
                                                         const StoreOptions& options,
                                                         Ballast& ballast,
                                                         std::vector<DamagedFile>& damaged) {
  if (absl::Status s = CheckCurrent(path); !s.ok()) return s;
  auto strict = DatabaseFiles::Open(path, options, DamagePolicy::kRefuse, &ballast);
  if (strict.ok() || strict.status().code() != absl::StatusCode::kDataLoss) return strict;
  if (const std::vector<DamagedFile> logs = FindDamagedLogs(path); !logs.empty()) {
    return Refused(strict.status(),
                   fmt::format(" ({} is damaged: {})", logs.front().path, logs.front().reason));
  }
  auto around = DatabaseFiles::Open(path, options, DamagePolicy::kServeAround, &ballast);
  if (!around.ok()) return Refused(strict.status(), "");
  const auto catalog = Catalog::Load(**around);
  if (!catalog.ok()) return Refused(strict.status(), "");
  damaged = CheckTables(**around, **catalog, /*whole=*/false).damaged;
  const bool has_catalog_table =
      std::ranges::any_of(damaged, [](const auto& table) { return table.family == "default"; });
  if (damaged.empty() || has_catalog_table) return Refused(strict.status(), "");
  return around;
}

}  // namespace

// The parts, in the order they need each other.
class Store::State {
 public:
  State(std::unique_ptr<DataDirectory> opened_directory, std::unique_ptr<Ballast> opened_ballast,
        std::unique_ptr<DatabaseFiles> opened_files, std::unique_ptr<Catalog> loaded_catalog,
        uint64_t free_bytes_min)
      : free_disk_bytes_min(free_bytes_min),
        directory(std::move(opened_directory)),
        ballast(std::move(opened_ballast)),
        files(std::move(opened_files)),
        catalog(std::move(loaded_catalog)),
        reader(*files),
        change_log(*files),
        snapshots(directory->snapshots_path()),
        snapshot_uploads(snapshots, free_disk_bytes_min),
        reaper(*files, directory->derived_path()),
        committer(*files, *catalog,
                  FreeSpaceGuard(directory->path(), free_disk_bytes_min, *ballast)) {}

  // Puts a database into `path`/rocksdb, as long as the guard lets it.
  using Fill = std::function<absl::Status(const std::string& path, FreeSpaceGuard& guard)>;

  absl::StatusOr<SnapshotManifest> MakeSnapshot(SnapshotManifest manifest, const Fill& fill,
                                                const std::function<absl::Status()>& check) {
    const NameTurns::Turn turn(snapshot_turns, manifest.name);
    if (absl::Status s = turn.Check("snapshot"); !s.ok()) return s;
    FreeSpaceGuard guard(directory->path(), free_disk_bytes_min, *ballast);
    if (absl::Status s = guard.Check(); !s.ok()) return s;
    const std::string unfinished = snapshots.UnfinishedPathOf(manifest.name);
    std::error_code error;
    if (std::filesystem::exists(snapshots.PathOf(manifest.name), error)) {
      return absl::AlreadyExistsError(
          fmt::format("there is a snapshot '{}' already", manifest.name));
    }
    std::filesystem::create_directories(unfinished, error);
    if (error) return FileSystemError("creating " + unfinished, error.value());
    absl::Status made = fill(unfinished, guard);
    if (made.ok()) made = Describe(unfinished, manifest);
    KillPoint("snapshot.after-link");
    if (made.ok()) {
      made = FinishSnapshot(unfinished, snapshots.PathOf(manifest.name), manifest, check);
    }
    if (!made.ok()) {
      std::filesystem::remove_all(unfinished, error);
      return made;
    }
    return snapshots.Read(manifest.name);
  }

  // Puts what the database in `path` holds into `manifest`: read from there, so that it is of that
  // moment, and opens.
  static absl::Status Describe(const std::string& path, SnapshotManifest& manifest) {
    const auto linked = DatabaseFiles::OpenReadOnly(path + "/rocksdb");
    if (!linked.ok()) return linked.status();
    const auto linked_catalog = Catalog::Load(**linked);
    if (!linked_catalog.ok()) return linked_catalog.status();
    manifest.last_sequence = (*linked_catalog)->State().last_sequence;
    for (const CollectionRecord& record : (*linked_catalog)->Published()) {
      manifest.collections.push_back(
          {.name = record.name,
           .document_count = (*linked_catalog)->Counters(record.id).document_count,
           .dimension = record.dimension,
           .model_name = record.model_name,
           .model_fingerprint = record.model_fingerprint});
    }
    return absl::OkStatus();
  }

  const uint64_t free_disk_bytes_min;
  const std::unique_ptr<DataDirectory> directory;
  const std::unique_ptr<Ballast> ballast;
  const std::unique_ptr<DatabaseFiles> files;
  const std::unique_ptr<Catalog> catalog;
  std::vector<DamagedFile> damaged;  // When it was opened.
  const DocumentReader reader;
  const ChangeLog change_log;
  const Snapshots snapshots;
  SnapshotUploads snapshot_uploads;
  NameTurns snapshot_turns;
  CollectionReaper reaper;
  Committer committer;
};

absl::StatusOr<std::unique_ptr<Store>> Store::Open(const StoreOptions& options) {
  auto directory = DataDirectory::Open(options.data_directory);
  if (!directory.ok()) return directory.status();
  std::vector<DamagedFile> damaged;
  auto ballast = std::make_unique<Ballast>(options.data_directory, BallastBytes(options));
  FreeSpaceGuard guard(options.data_directory, options.free_disk_bytes_min, *ballast);
  guard.PrepareStart();
  auto files = OpenFiles((*directory)->database_path(), options, *ballast, damaged);
  if (!files.ok()) return files.status();
  auto catalog = Catalog::Load(**files);
  if (!catalog.ok()) return catalog.status();
  guard.FinishStart();
  auto state = std::make_unique<State>(*std::move(directory), std::move(ballast), *std::move(files),
                                       *std::move(catalog), options.free_disk_bytes_min);
  state->damaged = std::move(damaged);
  if (absl::Status s = state->snapshots.RemoveUnfinished(); !s.ok()) return s;
  std::unique_ptr<Store> store(new Store(std::move(state)));
  for (const CollectionRecord& record : store->state_->catalog->Collections()) {
    // Nobody sees it, so a disk that takes no write now only delays it.
    if (!record.is_published()) store->DropCollection(record.id).IgnoreError();
  }
  return store;
}

Store::Store(std::unique_ptr<State> state) : state_(std::move(state)) {}

Store::~Store() = default;

absl::StatusOr<CollectionRecord> Store::CreateCollection(const CollectionRecord& record) {
  return state_->committer.CreateCollection(record);
}

absl::Status Store::UpdateCollection(const CollectionRecord& record) {
  return state_->committer.UpdateCollection(record);
}

absl::Status Store::DropCollection(uint32_t collection_id) {
  if (absl::Status s = state_->committer.DropCollection(collection_id); !s.ok()) return s;
  KillPoint("drop.before-reaping");
  state_->reaper.Reap(collection_id);
  return absl::OkStatus();
}

absl::Status Store::PublishCollections(std::span<const Publication> publications) {
  if (absl::Status s = state_->committer.PublishCollections(publications); !s.ok()) return s;
  for (const Publication& one : publications) {
    if (one.replaced_id.has_value()) state_->reaper.Reap(*one.replaced_id);
  }
  return absl::OkStatus();
}

std::vector<CollectionRecord> Store::Collections() const { return state_->catalog->Published(); }

absl::StatusOr<CommitResult> Store::Write(WriteRequest request) {
  return state_->committer.Write(request);
}

absl::StatusOr<std::vector<std::optional<StoredDocument>>> Store::GetById(
    uint32_t collection_id, std::span<const std::string> ids, DocumentFields fields) const {
  return UnlessDropped(*state_->catalog, collection_id,
                       state_->reader.GetById(collection_id, ids, fields));
}

absl::StatusOr<std::vector<std::optional<StoredDocument>>> Store::GetByLabel(
    uint32_t collection_id, std::span<const uint64_t> labels, DocumentFields fields) const {
  return UnlessDropped(*state_->catalog, collection_id,
                       state_->reader.GetByLabel(collection_id, labels, fields));
}

absl::StatusOr<std::vector<StoredDocument>> Store::List(uint32_t collection_id,
                                                        uint64_t after_label, size_t limit,
                                                        DocumentFields fields) const {
  return UnlessDropped(*state_->catalog, collection_id,
                       state_->reader.List(collection_id, after_label, limit, fields));
}

absl::Status Store::ScanVectors(
    uint32_t collection_id, uint64_t first_label, uint64_t end_label,
    const std::function<absl::Status(uint64_t, std::span<const float>)>& visit) const {
  return UnlessDropped(*state_->catalog, collection_id,
                       state_->reader.ScanVectors(collection_id, first_label, end_label, visit));
}

absl::Status Store::ReadVectors(
    uint32_t collection_id, std::span<const uint64_t> labels,
    const std::function<absl::Status(uint64_t, std::span<const float>)>& visit) const {
  return UnlessDropped(*state_->catalog, collection_id,
                       state_->reader.ReadVectors(collection_id, labels, visit));
}

absl::StatusOr<std::vector<uint64_t>> Store::ChangedSince(uint32_t collection_id,
                                                          uint64_t sequence) const {
  return state_->change_log.LabelsAfter(collection_id, sequence);
}

absl::Status Store::ForgetChanges(uint32_t collection_id, uint64_t through_sequence) {
  return state_->change_log.Forget(collection_id, through_sequence);
}

absl::StatusOr<SnapshotManifest> Store::CreateSnapshot(const std::string& name,
                                                       int64_t created_unix_ms,
                                                       const std::string& program_version,
                                                       const std::function<absl::Status()>& check) {
  return state_->MakeSnapshot(
      {.name = name,
       .created_unix_ms = created_unix_ms,
       .format = static_cast<uint32_t>(kDataFormat),
       .program_version = program_version},
      [this](const std::string& path, FreeSpaceGuard&) {
        return state_->files->LinkTo(path + "/rocksdb");
      },
      check);
}

absl::StatusOr<SnapshotManifest> Store::CreateCollectionSnapshot(
    const std::string& name, uint32_t collection_id, int64_t created_unix_ms,
    const std::string& program_version, const std::function<absl::Status()>& check) {
  return state_->MakeSnapshot(
      {.name = name,
       .created_unix_ms = created_unix_ms,
       .format = static_cast<uint32_t>(kDataFormat),
       .program_version = program_version},
      [&](const std::string& path, FreeSpaceGuard& guard) {
        const auto check_all = [&] {
          if (absl::Status s = guard.Check(); !s.ok()) return s;
          return check();
        };
        return UnlessDropped(*state_->catalog, collection_id,
                             CopyCollection(*state_->files, collection_id, path, check_all));
      },
      check);
}

absl::Status Store::RemoveSnapshot(const std::string& name) {
  const NameTurns::Turn turn(state_->snapshot_turns, name);
  if (absl::Status s = turn.Check("snapshot"); !s.ok()) return s;
  return state_->snapshots.Remove(name);
}

const Snapshots& Store::snapshots() const { return state_->snapshots; }

const std::vector<DamagedFile>& Store::damaged_at_start() const { return state_->damaged; }

absl::StatusOr<LiveCheck> Store::CheckTables(const std::string& page_token,
                                             const std::function<absl::Status()>& go_on) const {
  return CheckLiveTables(*state_->files, *state_->catalog, page_token, go_on);
}

SnapshotUploads& Store::snapshot_uploads() { return state_->snapshot_uploads; }

absl::Status Store::SyncLog() { return FromRocksDb(state_->files->SyncLog(), "syncing the log"); }

uint64_t Store::LastSequence() const { return state_->catalog->State().last_sequence; }

std::string Store::DerivedDirectory(uint32_t collection_id) const {
  return CollectionReaper::DerivedDirectory(state_->directory->derived_path(), collection_id);
}

uint64_t Store::DocumentCount(uint32_t collection_id) const {
  return state_->catalog->Counters(collection_id).document_count;
}

uint64_t Store::EndLabel(uint32_t collection_id) const {
  return state_->catalog->Counters(collection_id).next_label;
}

absl::StatusOr<uint64_t> Store::IngestItemsHandled(uint32_t collection_id,
                                                   std::string_view session_id) const {
  const DatabaseFiles& files = *state_->files;
  const auto stored = files.Get(files.sessions(), SessionKey(collection_id, session_id));
  if (stored.status().code() == absl::StatusCode::kNotFound) return 0;
  if (!stored.ok()) return stored.status();
  const auto progress = DecodeIngestProgress(*stored);
  if (!progress.ok()) {
    return absl::DataLossError(fmt::format("the progress of ingest session '{}' is damaged: {}",
                                           session_id, std::string(progress.status().message())));
  }
  return progress->items_handled;
}

uint64_t Store::DiskBytes(uint32_t collection_id) const {
  const DatabaseFiles& files = *state_->files;
  const std::string first = CollectionPrefix(collection_id);
  const std::string end = CollectionPrefix(collection_id + 1);
  const rocksdb::Range range(first, end);
  rocksdb::SizeApproximationOptions options;
  options.include_memtables = true;
  options.include_files = true;
  uint64_t total = 0;
  for (rocksdb::ColumnFamilyHandle* family : files.all()) {
    uint64_t bytes = 0;
    if (family != files.meta() &&
        files.db().GetApproximateSizes(options, family, &range, 1, &bytes).ok()) {
      total += bytes;
    }
  }
  return total;
}

StoreStatistics Store::Statistics() const {
  const DatabaseFiles& files = *state_->files;
  StoreStatistics statistics{.last_sequence = state_->catalog->State().last_sequence,
                             .commits = state_->committer.commits(),
                             .requests_committed = state_->committer.requests_committed()};
  const auto sum_over_families = [&files](const std::string& property) {
    uint64_t total = 0;
    for (rocksdb::ColumnFamilyHandle* family : files.all()) {
      uint64_t value = 0;
      if (files.db().GetIntProperty(family, property, &value)) total += value;
    }
    return total;
  };
  rocksdb::VectorLogPtr logs;
  if (files.db().GetSortedWalFiles(logs).ok()) {
    for (const auto& log : logs) statistics.disk_bytes += log->SizeFileBytes();
  }
  statistics.disk_bytes += sum_over_families(rocksdb::DB::Properties::kTotalSstFilesSize);
  statistics.memory_bytes = sum_over_families(rocksdb::DB::Properties::kSizeAllMemTables) +
                            sum_over_families(rocksdb::DB::Properties::kEstimateTableReadersMem);
  uint64_t cached = 0;
  // All families share one cache.
  if (files.db().GetIntProperty(rocksdb::DB::Properties::kBlockCacheUsage, &cached)) {
    statistics.memory_bytes += cached;
  }
  return statistics;
}

}  // namespace simile

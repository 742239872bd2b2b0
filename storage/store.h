#ifndef SIMILE_STORAGE_STORE_H_
#define SIMILE_STORAGE_STORE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/collection_record.h"
#include "storage/document.h"
#include "storage/snapshot_uploads.h"
#include "storage/snapshots.h"
#include "storage/write.h"

namespace rocksdb {
class FileSystem;
}  // namespace rocksdb

namespace simile {

struct StoreOptions {
  std::string data_directory;
  size_t block_cache_bytes = 32 * 1024 * 1024;       // Of RocksDB, over all column families.
  size_t memtable_bytes = 32 * 1024 * 1024;          // Per column family before a flush.
  uint64_t free_disk_bytes_min = 256 * 1024 * 1024;  // Writes are refused below it.
  std::shared_ptr<rocksdb::FileSystem> file_system;  // Null: of the system. Tests have others.
};

// Which parts of a document to read; the vector lies apart from the rest.
struct DocumentFields {
  bool text_and_metadata = true;
  bool vector = false;
  // ResourceExhausted, before more is read, when the documents of a call have more bytes together.
  size_t bytes_max = SIZE_MAX;
};

struct DamagedFile;
struct LiveCheck;

struct StoreStatistics {
  uint64_t last_sequence = 0;
  uint64_t disk_bytes = 0;          // All files of the database.
  uint64_t memory_bytes = 0;        // Memtables, block cache and pinned blocks.
  uint64_t commits = 0;             // Batches written since start.
  uint64_t requests_committed = 0;  // Write requests in them; requests / commits is the group size.
};

// The durable truth: collections and their documents in one RocksDB, written by one committer
// thread that groups the waiting requests of all collections into one atomic, synced batch.
// storage/README.md documents every byte.
//
// Thread safety: all methods may be called together.
class Store {
 public:
  // Opens or creates the data directory and takes its lock. FailedPrecondition when another process
  // holds it, when its format is newer than this program's, or when it is not a data directory and
  // not empty; DataLoss when the log or a record is damaged (strict recovery: nothing acknowledged
  // is dropped in silence); PermissionDenied or ResourceExhausted as the file system says. The
  // message names the path.
  static absl::StatusOr<std::unique_ptr<Store>> Open(const StoreOptions& options);

  // Waits for running commits, syncs the log, closes the database and frees the lock.
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  // Adds a collection; `record.id` is ignored and given by the store. AlreadyExists when the name
  // is taken. Durable when it returns.
  absl::StatusOr<CollectionRecord> CreateCollection(const CollectionRecord& record);

  // Replaces what can change of a collection (index_ef_search, index_engine, index_codes,
  // query_prompt). NotFound when there is none.
  absl::Status UpdateCollection(const CollectionRecord& record);

  // Gives collections that were made under a name with kUnpublishedMark the names that are to be
  // seen, and drops those whose places they take; all of it or nothing, durable when it returns.
  // NotFound for an unknown id, AlreadyExists when a name is taken by another. A start drops what
  // was never published.
  absl::Status PublishCollections(std::span<const Publication> publications);

  // Removes a collection and all of its documents. NotFound when there is none. The space is
  // reclaimed in the background, also across a restart.
  absl::Status DropCollection(uint32_t collection_id);

  // All collections that are published, by name.
  std::vector<CollectionRecord> Collections() const;

  // Commits `request` together with whatever else waits, and returns once it has the durability
  // asked for. NotFound when there is no such collection; ResourceExhausted when the disk has less
  // than free_disk_bytes_min free (requests that only remove are let through while there are some
  // MiB); Unavailable after a failed write, until the store was reopened. On an error nothing of
  // the request is stored.
  absl::StatusOr<CommitResult> Write(WriteRequest request);

  // The documents of `ids`, in order; nullopt where there is none. One consistent view. NotFound,
  // like the other reads, when there is no such collection or it is dropped meanwhile.
  absl::StatusOr<std::vector<std::optional<StoredDocument>>> GetById(
      uint32_t collection_id, std::span<const std::string> ids, DocumentFields fields) const;

  // The same by label.
  absl::StatusOr<std::vector<std::optional<StoredDocument>>> GetByLabel(
      uint32_t collection_id, std::span<const uint64_t> labels, DocumentFields fields) const;

  // At most `limit` documents whose label is above `after_label`, by label.
  absl::StatusOr<std::vector<StoredDocument>> List(uint32_t collection_id, uint64_t after_label,
                                                   size_t limit, DocumentFields fields) const;

  // Calls `visit(label, vector)` for every document with first_label <= label < end_label, by
  // label. Stops at the first error of `visit` and returns it. The span lives during the call.
  absl::Status ScanVectors(
      uint32_t collection_id, uint64_t first_label, uint64_t end_label,
      const std::function<absl::Status(uint64_t, std::span<const float>)>& visit) const;

  // Calls `visit(label, vector)` for each of `labels`, in their order; the vector is empty where
  // there is none. Else as ScanVectors.
  absl::Status ReadVectors(
      uint32_t collection_id, std::span<const uint64_t> labels,
      const std::function<absl::Status(uint64_t, std::span<const float>)>& visit) const;

  // The labels whose vectors were put or removed by requests after `sequence`, ascending, each
  // once. OutOfRange when some of those changes are forgotten.
  absl::StatusOr<std::vector<uint64_t>> ChangedSince(uint32_t collection_id,
                                                     uint64_t sequence) const;

  // Nobody will ask for changes up to `through_sequence` any more.
  absl::Status ForgetChanges(uint32_t collection_id, uint64_t through_sequence);

  // Makes a snapshot of everything, of one moment, while reads and writes go on; safe from a power
  // cut when it returns. `name` must be one (Snapshots). AlreadyExists; ResourceExhausted when the
  // disk has less than free_disk_bytes_min free; Unavailable while another call makes or removes
  // the snapshot of that name.
  // `check` is asked now and then; its first error ends it, and nothing is left.
  absl::StatusOr<SnapshotManifest> CreateSnapshot(const std::string& name, int64_t created_unix_ms,
                                                  const std::string& program_version,
                                                  const std::function<absl::Status()>& check = {});
  // The same of one collection, which is copied, with no byte of the others. NotFound when there is
  // no such collection or it is dropped meanwhile; DataLoss when it cannot be read.
  absl::StatusOr<SnapshotManifest> CreateCollectionSnapshot(
      const std::string& name, uint32_t collection_id, int64_t created_unix_ms,
      const std::string& program_version, const std::function<absl::Status()>& check);
  absl::Status RemoveSnapshot(const std::string& name);

  // To read them.
  const Snapshots& snapshots() const;

  // Tables that were missing or of another size when the store was opened (database_check.h): it
  // was opened around them, without compactions, and reads that need them are DataLoss. Empty: the
  // store was opened strictly.
  const std::vector<DamagedFile>& damaged_at_start() const;

  // Reads some of the tables while they are in use, for damage; see CheckLiveTables.
  absl::StatusOr<LiveCheck> CheckTables(const std::string& page_token,
                                        const std::function<absl::Status()>& go_on) const;

  // Those that come from another machine.
  SnapshotUploads& snapshot_uploads();

  // All that was written, with whatever durability, survives a power cut when this returns.
  absl::Status SyncLog();

  // Of the newest request that is stored, over all collections.
  uint64_t LastSequence() const;

  // Where others may keep files that are derived from a collection, in a directory that is removed
  // with it. The directory may be missing.
  std::string DerivedDirectory(uint32_t collection_id) const;

  // Exact, in constant time. 0 for an unknown collection.
  uint64_t DocumentCount(uint32_t collection_id) const;

  // One above the highest label ever given in the collection.
  uint64_t EndLabel(uint32_t collection_id) const;

  // Items handled of an ingest session, 0 when it is unknown. Sessions are forgotten a week after
  // their last write.
  absl::StatusOr<uint64_t> IngestItemsHandled(uint32_t collection_id,
                                              std::string_view session_id) const;

  // Approximate bytes of a collection on disk.
  uint64_t DiskBytes(uint32_t collection_id) const;

  StoreStatistics Statistics() const;

 private:
  class State;
  explicit Store(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace simile

#endif  // SIMILE_STORAGE_STORE_H_

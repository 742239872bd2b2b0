#ifndef SIMILE_STORAGE_DATABASE_FILES_H_
#define SIMILE_STORAGE_DATABASE_FILES_H_

#include <rocksdb/db.h>

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "storage/ballast.h"
#include "storage/compaction_damage.h"
#include "storage/database_file_system.h"
#include "storage/free_space_guard.h"
#include "storage/keys.h"
#include "storage/mutex.h"
#include "storage/store.h"

namespace simile {

// What an opening does about damage.
enum class DamagePolicy {
  kRefuse,
  // Tables that are missing or damaged fail the reads that need them, and nothing else. Damage of
  // the log is not seen at all: look at the log before. No compactions: they would meet the tables.
  kServeAround,
  // As kServeAround, and logs that MANIFEST knows may be missing or cut. Not for OpenReadOnly:
  // RocksDB aborts there.
  kRecover,
};

// The open RocksDB and its column families.
//
// Thread safety: as RocksDB's: everything may be called together.
class DatabaseFiles {
 public:
  // Opens or creates the database at `path` with the options of storage/README.md. `ballast` is
  // given up when the disk is full, and without it next to no space is enough to refuse a write; it
  // may be null, and lives longer.
  static absl::StatusOr<std::unique_ptr<DatabaseFiles>> Open(const std::string& path,
                                                             const StoreOptions& options,
                                                             DamagePolicy policy = {},
                                                             Ballast* ballast = nullptr);

  // To look at, without writing anything. Who reads by key needs a cache for the filters of tables
  // at least; scans pass it by. Errors as of Open.
  static absl::StatusOr<std::unique_ptr<DatabaseFiles>> OpenReadOnly(const std::string& path,
                                                                     DamagePolicy policy = {},
                                                                     size_t cache_bytes = size_t{8}
                                                                                          << 20);

  // Makes a new MANIFEST of all tables in `path`, where no logs may lie. Old ones, and tables that
  // cannot be opened, go to `path`/lost. All tables are in level 0 then, in no order that reads
  // could rely on: compact before reading by key.
  static absl::Status RebuildManifest(const std::string& path);

  // The one way to write. NoSpace when there is next to none; later ones may be good. After a write
  // or a sync that failed nothing more is written until the next opening: TryAgain. One after the
  // other.
  rocksdb::Status Write(const rocksdb::WriteOptions& options, rocksdb::WriteBatch* batch) const;

  // What was written survives a power cut when this returns.
  rocksdb::Status SyncLog() const;

  // Whether the database takes no writes any more.
  bool has_failed() const;

  // A copy of the database, of one moment, in a new directory on the same file system: files are
  // linked where they do not change. Reads and writes go on. Not yet synced.
  absl::Status LinkTo(const std::string& path) const;

  // Ends compactions, when one has met a damaged table, until ResumeCompactions or the next
  // opening. To be called now and then, by who writes. Cost: nearly none when none has.
  void StopCompactionsIfDamaged() const;

  // Lets compactions go on that StopCompactionsIfDamaged has ended: the table may be gone.
  void ResumeCompactions() const;

  // Writes a table anew, in its level. Nothing when it cannot be read, when a compaction has it,
  // and where there are no compactions.
  void Rewrite(const rocksdb::LiveFileMetaData& table) const;

  // Syncs the log and closes.
  ~DatabaseFiles();
  DatabaseFiles(const DatabaseFiles&) = delete;
  DatabaseFiles& operator=(const DatabaseFiles&) = delete;

  rocksdb::DB& db() const { return *db_; }
  rocksdb::ColumnFamilyHandle* meta() const { return handles_[0]; }
  rocksdb::ColumnFamilyHandle* ids() const { return handles_[1]; }
  rocksdb::ColumnFamilyHandle* documents() const { return handles_[2]; }
  rocksdb::ColumnFamilyHandle* vectors() const { return handles_[3]; }
  rocksdb::ColumnFamilyHandle* sessions() const { return handles_[4]; }
  rocksdb::ColumnFamilyHandle* changes() const { return handles_[5]; }
  const std::vector<rocksdb::ColumnFamilyHandle*>& all() const { return handles_; }

  // For iterators over the keys of one collection. Ranges that were deleted are not asked for: they
  // are those of dropped collections, whose ids are never used again, and of changes below those
  // that may be read.
  static rocksdb::ReadOptions ScanOptions();

  // The value under `key`: NotFound, DataLoss, Internal.
  absl::StatusOr<std::string> Get(rocksdb::ColumnFamilyHandle* family, const std::string& key,
                                  const rocksdb::Snapshot* snapshot = nullptr) const;

  using Visit = std::function<absl::Status(std::string_view key, std::string_view value)>;

  // Calls `visit` for what is in `range` of a family, in the order of keys, until it returns an
  // error, which is returned. As of ScanOptions, and past the block cache: a scan of everything
  // would push out what queries read. DataLoss, Internal: what follows was not visited.
  absl::Status Scan(rocksdb::ColumnFamilyHandle* family, const KeyRange& range, const Visit& visit,
                    const rocksdb::Snapshot* snapshot = nullptr) const;

 private:
  // What there is before the database is open.
  struct Surroundings {
    std::shared_ptr<CompactionDamage> damage = std::make_shared<CompactionDamage>();
    std::shared_ptr<DatabaseFileSystem> file_system;  // Null when it is only looked at.
    std::unique_ptr<rocksdb::Env> env;
  };

  DatabaseFiles(std::unique_ptr<rocksdb::DB> db, std::vector<rocksdb::ColumnFamilyHandle*> handles,
                Surroundings surroundings, std::optional<FreeSpaceGuard> guard);

  const Surroundings surroundings_;
  mutable storage_internal::Mutex write_mutex_;
  mutable std::optional<FreeSpaceGuard> guard_ ABSL_GUARDED_BY(write_mutex_);
  mutable std::atomic<bool> has_failed_{false};
  mutable storage_internal::Mutex compactions_mutex_;
  mutable bool are_compactions_stopped_ ABSL_GUARDED_BY(compactions_mutex_) = false;
  std::unique_ptr<rocksdb::DB> db_;
  const std::vector<rocksdb::ColumnFamilyHandle*> handles_;  // Owned by db_.
};

}  // namespace simile

#endif  // SIMILE_STORAGE_DATABASE_FILES_H_

#ifndef SIMILE_STORAGE_DATABASE_FILE_SYSTEM_H_
#define SIMILE_STORAGE_DATABASE_FILE_SYSTEM_H_

#include <rocksdb/file_system.h>

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "storage/ballast.h"
#include "storage/mutex.h"

namespace simile {

// What RocksDB sees of the file system. Between the two for these reasons:
//
// A full disk. What Debian's RocksDB cannot do without (its log, its MANIFEST, tables made of
// memory) is tried again after the ballast was given up, so that it does not learn of it. Tables
// that a compaction writes, and files outside the database, are not worth the ballast.
//
// A sync that failed. Nobody knows then what the disk holds, and syncing again would say that all
// is well. So from then on, or from when a log or MANIFEST could not be appended to, nothing more
// is written to the database: RocksDB would go on with half of a batch. An older log that cannot be
// synced is not told to RocksDB, whose committing thread would be ended by an assertion when it
// comes by at the same time: the log that is written to, and MANIFEST, say it instead, before
// anything is acknowledged or a log forgotten.
//
// A table that cannot be written. Debian's RocksDB ends the process when that happens to one that
// is to hold nothing, as compactions of deleted ranges make them. So it learns of it when it opens
// the table, which it does before it puts one to use.
//
// RocksDB's diary, LOG, which it believes can always be written: what cannot be is left out.
//
// Thread safety: all methods may be called together.
class DatabaseFileSystem final : public rocksdb::FileSystemWrapper {
 public:
  // `ballast` may be null, and lives longer.
  DatabaseFileSystem(const std::shared_ptr<rocksdb::FileSystem>& target, std::string database_path,
                     Ballast* ballast);

  // Whether something failed that only another start can look into.
  bool has_failed() const { return has_failed_; }

  // Appends to logs that were tried. Who sees the same number before and after knows that no log
  // was touched.
  uint64_t log_appends() const { return log_appends_; }

  const char* Name() const override { return "simile"; }
  rocksdb::IOStatus NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* file,
                                    rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus NewRandomAccessFile(const std::string& path,
                                        const rocksdb::FileOptions& options,
                                        std::unique_ptr<rocksdb::FSRandomAccessFile>* file,
                                        rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus NewDirectory(const std::string& path, const rocksdb::IOOptions& options,
                                 std::unique_ptr<rocksdb::FSDirectory>* directory,
                                 rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus NewLogger(const std::string& path, const rocksdb::IOOptions& options,
                              std::shared_ptr<rocksdb::Logger>* logger,
                              rocksdb::IODebugContext* debug) override {
    // Writes by NewWritableFile, unlike that of the target.
    return rocksdb::FileSystem::NewLogger(path, options, logger, debug);
  }
  rocksdb::IOStatus RenameFile(const std::string& from, const std::string& to,
                               const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* debug) override;

 private:
  class Diary;
  class Directory;
  class WritableFile;

  bool IsOfDatabase(const std::string& path) const;

  // The result of `act`, after the ballast was given up when the disk is full.
  template <typename Act>
  rocksdb::IOStatus WithBallast(const Act& act);

  // Remember that something failed: with an essential file, or a sync of any.
  rocksdb::IOStatus NoteFailure(const std::string& path, rocksdb::IOStatus status);
  rocksdb::IOStatus NoteFailedSync(rocksdb::IOStatus status);

  // Why a table is not whole: to be said when it is opened. OK: it is new.
  void NoteTable(const std::string& path, const rocksdb::IOStatus& reason);

  const std::string database_path_;
  Ballast* const ballast_;
  std::atomic<bool> has_failed_{false};
  std::atomic<uint64_t> log_appends_{0};
  std::atomic<uint64_t> logs_made_{0};
  storage_internal::Mutex tables_mutex_;
  std::map<std::string, rocksdb::IOStatus> broken_tables_ ABSL_GUARDED_BY(tables_mutex_);
};

}  // namespace simile

#endif  // SIMILE_STORAGE_DATABASE_FILE_SYSTEM_H_

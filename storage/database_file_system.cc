#include "storage/database_file_system.h"

#include <utility>

namespace simile {

using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;

namespace {

// Files without which nobody knows what the database holds: logs, MANIFEST, CURRENT. Not tables,
// which can be made again, and what is only for people to read.
bool IsEssential(const std::string& path) {
  const std::string name = path.substr(path.rfind('/') + 1);
  return !name.ends_with(".sst") && !name.starts_with("OPTIONS") && !name.starts_with("LOG");
}

IOStatus Stopped(const std::string& path) {
  return IOStatus::IOError(path, "a sync or a write failed before; nothing is written any more");
}

}  // namespace

// A file of the database that is written from its beginning to its end.
class DatabaseFileSystem::WritableFile final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  WritableFile(std::unique_ptr<rocksdb::FSWritableFile> file, std::string path,
               DatabaseFileSystem& system)
      : FSWritableFileOwnerWrapper(std::move(file)),
        path_(std::move(path)),
        is_table_(path_.ends_with(".sst")),
        log_number_(path_.ends_with(".log") ? ++system.logs_made_ : 0),
        system_(system) {
    if (is_table_) system_.NoteTable(path_, IOStatus::OK());
  }

  IOStatus Append(const rocksdb::Slice& data, const IOOptions& options,
                  IODebugContext* debug) override {
    if (log_number_ > 0) ++system_.log_appends_;
    if (is_broken_) return IOStatus::OK();
    if (system_.has_failed()) return Answer(Stopped(path_));
    // At its place, so that a second try writes over what the first one left.
    const auto append = [&] { return target()->PositionedAppend(data, end_, options, debug); };
    const bool is_worth_it = GetIOPriority() != rocksdb::Env::IO_LOW;
    IOStatus appended = is_worth_it ? system_.WithBallast(append) : append();
    end_ += data.size();
    return Answer(is_table_ ? appended : system_.NoteFailure(path_, std::move(appended)));
  }
  IOStatus Append(const rocksdb::Slice& data, const IOOptions& options,
                  const rocksdb::DataVerificationInfo& /*verification*/,
                  IODebugContext* debug) override {
    return Append(data, options, debug);
  }

  IOStatus Sync(const IOOptions& options, IODebugContext* debug) override {
    return NoteSync([&] { return target()->Sync(options, debug); });
  }
  IOStatus Fsync(const IOOptions& options, IODebugContext* debug) override {
    return NoteSync([&] { return target()->Fsync(options, debug); });
  }
  IOStatus RangeSync(uint64_t offset, uint64_t bytes, const IOOptions& options,
                     IODebugContext* debug) override {
    return NoteSync([&] { return target()->RangeSync(offset, bytes, options, debug); });
  }

 private:
  template <typename Sync>
  IOStatus NoteSync(const Sync& sync) {
    if (is_broken_) return IOStatus::OK();
    IOStatus synced = system_.has_failed() ? Stopped(path_) : system_.NoteFailedSync(sync());
    const bool is_older_log = log_number_ > 0 && log_number_ < system_.logs_made_;
    return is_older_log ? IOStatus::OK() : Answer(synced);
  }

  // What RocksDB is told.
  IOStatus Answer(const IOStatus& status) {
    if (status.ok() || !is_table_) return status;
    system_.NoteTable(path_, status);
    is_broken_ = true;
    return IOStatus::OK();
  }

  const std::string path_;
  const bool is_table_;
  const uint64_t log_number_;  // Counts logs in the order they were made; 0: it is none.
  DatabaseFileSystem& system_;
  uint64_t end_ = 0;
  bool is_broken_ = false;  // A table of which something could not be written.
};

// Of which nothing is missed. `file` may be null.
class DatabaseFileSystem::Diary final : public rocksdb::FSWritableFile {
 public:
  explicit Diary(std::unique_ptr<rocksdb::FSWritableFile> file) : file_(std::move(file)) {}

  IOStatus Append(const rocksdb::Slice& data, const IOOptions& options,
                  IODebugContext* debug) override {
    if (file_ != nullptr) file_->Append(data, options, debug).PermitUncheckedError();
    bytes_ += data.size();
    return IOStatus::OK();
  }
  IOStatus Append(const rocksdb::Slice& data, const IOOptions& options,
                  const rocksdb::DataVerificationInfo& /*verification*/,
                  IODebugContext* debug) override {
    return Append(data, options, debug);
  }
  IOStatus Close(const IOOptions& options, IODebugContext* debug) override {
    if (file_ != nullptr) file_->Close(options, debug).PermitUncheckedError();
    return IOStatus::OK();
  }
  IOStatus Flush(const IOOptions& /*options*/, IODebugContext* /*debug*/) override {
    return IOStatus::OK();
  }
  IOStatus Sync(const IOOptions& /*options*/, IODebugContext* /*debug*/) override {
    return IOStatus::OK();
  }
  uint64_t GetFileSize(const IOOptions& /*options*/, IODebugContext* /*debug*/) override {
    return bytes_;
  }

 private:
  const std::unique_ptr<rocksdb::FSWritableFile> file_;
  uint64_t bytes_ = 0;
};

class DatabaseFileSystem::Directory final : public rocksdb::FSDirectoryWrapper {
 public:
  Directory(std::unique_ptr<rocksdb::FSDirectory> directory, std::string path,
            DatabaseFileSystem& system)
      : FSDirectoryWrapper(std::move(directory)), path_(std::move(path)), system_(system) {}

  IOStatus Fsync(const IOOptions& options, IODebugContext* debug) override {
    if (system_.has_failed()) return Stopped(path_);
    return system_.NoteFailedSync(FSDirectoryWrapper::Fsync(options, debug));
  }
  IOStatus FsyncWithDirOptions(const IOOptions& options, IODebugContext* debug,
                               const rocksdb::DirFsyncOptions& directory_options) override {
    if (system_.has_failed()) return Stopped(path_);
    return system_.NoteFailedSync(
        FSDirectoryWrapper::FsyncWithDirOptions(options, debug, directory_options));
  }

 private:
  const std::string path_;
  DatabaseFileSystem& system_;
};

DatabaseFileSystem::DatabaseFileSystem(const std::shared_ptr<rocksdb::FileSystem>& target,
                                       std::string database_path, Ballast* ballast)
    : FileSystemWrapper(target), database_path_(std::move(database_path)), ballast_(ballast) {}

IOStatus DatabaseFileSystem::NewWritableFile(const std::string& path,
                                             const rocksdb::FileOptions& options,
                                             std::unique_ptr<rocksdb::FSWritableFile>* file,
                                             IODebugContext* debug) {
  if (!IsOfDatabase(path)) return FileSystemWrapper::NewWritableFile(path, options, file, debug);
  rocksdb::FileOptions plain = options;
  // A mapped file has no place to append at.
  plain.use_mmap_writes = false;
  std::unique_ptr<rocksdb::FSWritableFile> made;
  if (path.ends_with("/LOG")) {
    FileSystemWrapper::NewWritableFile(path, plain, &made, debug).PermitUncheckedError();
    *file = std::make_unique<Diary>(std::move(made));
    return IOStatus::OK();
  }
  if (has_failed()) return Stopped(path);
  IOStatus status =
      WithBallast([&] { return FileSystemWrapper::NewWritableFile(path, plain, &made, debug); });
  if (!status.ok()) return status;
  *file = std::make_unique<WritableFile>(std::move(made), path, *this);
  return status;
}

IOStatus DatabaseFileSystem::NewRandomAccessFile(const std::string& path,
                                                 const rocksdb::FileOptions& options,
                                                 std::unique_ptr<rocksdb::FSRandomAccessFile>* file,
                                                 IODebugContext* debug) {
  {
    storage_internal::MutexLock lock(tables_mutex_);
    const auto broken = broken_tables_.find(path);
    if (broken != broken_tables_.end()) return broken->second;
  }
  return FileSystemWrapper::NewRandomAccessFile(path, options, file, debug);
}

IOStatus DatabaseFileSystem::NewDirectory(const std::string& path, const IOOptions& options,
                                          std::unique_ptr<rocksdb::FSDirectory>* directory,
                                          IODebugContext* debug) {
  std::unique_ptr<rocksdb::FSDirectory> made;
  IOStatus status = FileSystemWrapper::NewDirectory(path, options, &made, debug);
  if (!status.ok()) return status;
  if (IsOfDatabase(path)) {
    *directory = std::make_unique<Directory>(std::move(made), path, *this);
  } else {
    *directory = std::move(made);
  }
  return status;
}

IOStatus DatabaseFileSystem::RenameFile(const std::string& from, const std::string& to,
                                        const IOOptions& options, IODebugContext* debug) {
  const auto rename = [&] { return FileSystemWrapper::RenameFile(from, to, options, debug); };
  return IsOfDatabase(to) ? NoteFailure(to, WithBallast(rename)) : rename();
}

bool DatabaseFileSystem::IsOfDatabase(const std::string& path) const {
  return path.starts_with(database_path_) &&
         (path.size() == database_path_.size() || path[database_path_.size()] == '/');
}

template <typename Act>
IOStatus DatabaseFileSystem::WithBallast(const Act& act) {
  if (ballast_ == nullptr) return act();
  const uint64_t given_up_before = ballast_->times_given_up();
  IOStatus done = act();
  if (!done.IsNoSpace()) return done;
  // Another thread may have given it up meanwhile.
  if (!ballast_->GiveUp() && ballast_->times_given_up() == given_up_before) return done;
  return act();
}

void DatabaseFileSystem::NoteTable(const std::string& path, const IOStatus& reason) {
  storage_internal::MutexLock lock(tables_mutex_);
  broken_tables_.erase(path);
  if (!reason.ok()) broken_tables_.emplace(path, reason);
}

IOStatus DatabaseFileSystem::NoteFailure(const std::string& path, IOStatus status) {
  if (!status.ok() && IsEssential(path)) has_failed_ = true;
  return status;
}

IOStatus DatabaseFileSystem::NoteFailedSync(IOStatus status) {
  if (!status.ok()) has_failed_ = true;
  return status;
}

}  // namespace simile

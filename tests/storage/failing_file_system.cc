#include "tests/storage/failing_file_system.h"

#include <utility>

#include "fmt/format.h"

namespace simile {

using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;

std::string FaultPlan::Describe() const {
  constexpr const char* kNames[] = {"operations", "appends", "syncs", "changes of a name"};
  return fmt::format("{} {} to {} fail: {}", kNames[static_cast<int>(which)], first,
                     first + count - 1, is_full ? "no space" : "input/output error");
}

class FailingFileSystem::WritableFile final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  WritableFile(std::unique_ptr<rocksdb::FSWritableFile> file, std::string path,
               FailingFileSystem& system)
      : FSWritableFileOwnerWrapper(std::move(file)), path_(std::move(path)), system_(system) {}

  IOStatus Append(const rocksdb::Slice& data, const IOOptions& options,
                  IODebugContext* debug) override {
    return HalfOr(data, [&](const rocksdb::Slice& part) {
      return FSWritableFileOwnerWrapper::Append(part, options, debug);
    });
  }
  IOStatus PositionedAppend(const rocksdb::Slice& data, uint64_t offset, const IOOptions& options,
                            IODebugContext* debug) override {
    return HalfOr(data, [&](const rocksdb::Slice& part) {
      return FSWritableFileOwnerWrapper::PositionedAppend(part, offset, options, debug);
    });
  }
  IOStatus Sync(const IOOptions& options, IODebugContext* debug) override {
    IOStatus s = system_.Next(FaultPlan::Which::kSync, path_);
    return s.ok() ? FSWritableFileOwnerWrapper::Sync(options, debug) : s;
  }
  IOStatus Fsync(const IOOptions& options, IODebugContext* debug) override {
    IOStatus s = system_.Next(FaultPlan::Which::kSync, path_);
    return s.ok() ? FSWritableFileOwnerWrapper::Fsync(options, debug) : s;
  }

 private:
  template <typename AppendPart>
  IOStatus HalfOr(const rocksdb::Slice& data, const AppendPart& append) {
    IOStatus s = system_.Next(FaultPlan::Which::kAppend, path_);
    if (s.ok()) return append(data);
    append(rocksdb::Slice(data.data(), data.size() / 2)).PermitUncheckedError();
    return s;
  }

  const std::string path_;
  FailingFileSystem& system_;
};

class FailingFileSystem::Directory final : public rocksdb::FSDirectoryWrapper {
 public:
  Directory(std::unique_ptr<rocksdb::FSDirectory> directory, std::string path,
            FailingFileSystem& system)
      : FSDirectoryWrapper(std::move(directory)), path_(std::move(path)), system_(system) {}

  IOStatus Fsync(const IOOptions& options, IODebugContext* debug) override {
    IOStatus s = system_.Next(FaultPlan::Which::kSync, path_);
    return s.ok() ? FSDirectoryWrapper::Fsync(options, debug) : s;
  }
  IOStatus FsyncWithDirOptions(const IOOptions& options, IODebugContext* debug,
                               const rocksdb::DirFsyncOptions& directory_options) override {
    IOStatus s = system_.Next(FaultPlan::Which::kSync, path_);
    return s.ok() ? FSDirectoryWrapper::FsyncWithDirOptions(options, debug, directory_options) : s;
  }

 private:
  const std::string path_;
  FailingFileSystem& system_;
};

IOStatus FailingFileSystem::NewWritableFile(const std::string& path,
                                            const rocksdb::FileOptions& options,
                                            std::unique_ptr<rocksdb::FSWritableFile>* file,
                                            IODebugContext* debug) {
  IOStatus s = Next(FaultPlan::Which::kNameChange, path);
  std::unique_ptr<rocksdb::FSWritableFile> made;
  if (s.ok()) s = FileSystemWrapper::NewWritableFile(path, options, &made, debug);
  if (s.ok()) *file = std::make_unique<WritableFile>(std::move(made), path, *this);
  return s;
}

IOStatus FailingFileSystem::NewDirectory(const std::string& path, const IOOptions& options,
                                         std::unique_ptr<rocksdb::FSDirectory>* directory,
                                         IODebugContext* debug) {
  std::unique_ptr<rocksdb::FSDirectory> made;
  IOStatus s = FileSystemWrapper::NewDirectory(path, options, &made, debug);
  if (s.ok()) *directory = std::make_unique<Directory>(std::move(made), path, *this);
  return s;
}

IOStatus FailingFileSystem::CreateDir(const std::string& path, const IOOptions& options,
                                      IODebugContext* debug) {
  IOStatus s = Next(FaultPlan::Which::kNameChange, path);
  return s.ok() ? FileSystemWrapper::CreateDir(path, options, debug) : s;
}

IOStatus FailingFileSystem::RenameFile(const std::string& from, const std::string& to,
                                       const IOOptions& options, IODebugContext* debug) {
  IOStatus s = Next(FaultPlan::Which::kNameChange, to);
  return s.ok() ? FileSystemWrapper::RenameFile(from, to, options, debug) : s;
}

IOStatus FailingFileSystem::LinkFile(const std::string& from, const std::string& to,
                                     const IOOptions& options, IODebugContext* debug) {
  IOStatus s = Next(FaultPlan::Which::kNameChange, to);
  return s.ok() ? FileSystemWrapper::LinkFile(from, to, options, debug) : s;
}

IOStatus FailingFileSystem::Next(FaultPlan::Which which, const std::string& path) {
  if (plan_.which != FaultPlan::Which::kAny && plan_.which != which) return IOStatus::OK();
  const uint64_t number = ++operations_;
  const uint64_t first = first_;
  const bool fails = first > 0 && number >= first && number - first < plan_.count;
  if (!fails) return IOStatus::OK();
  ++faults_;
  const bool is_of_snapshot = path.find("/snapshots/") != path.npos;
  if (which == FaultPlan::Which::kSync && !is_of_snapshot) has_sync_failed_ = true;
  return plan_.is_full ? IOStatus::NoSpace(path, "injected") : IOStatus::IOError(path, "injected");
}

}  // namespace simile

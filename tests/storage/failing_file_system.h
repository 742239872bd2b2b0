#ifndef SIMILE_TESTS_STORAGE_FAILING_FILE_SYSTEM_H_
#define SIMILE_TESTS_STORAGE_FAILING_FILE_SYSTEM_H_

#include <rocksdb/file_system.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

namespace simile {

// Which operations fail, and how.
struct FaultPlan {
  enum class Which { kAny, kAppend, kSync, kNameChange };  // The last: made, linked or renamed.

  Which which = Which::kAny;
  uint64_t first = 0;    // Counted from 1 over the operations of that kind; 0: none fails.
  uint64_t count = 1;    // So many after another.
  bool is_full = false;  // Says that there is no space, else that input or output failed.

  std::string Describe() const;
};

// The system's files, of which some operations fail. An append that fails has written the first
// half. Thread safety: all methods may be called together.
class FailingFileSystem final : public rocksdb::FileSystemWrapper {
 public:
  explicit FailingFileSystem(const FaultPlan& plan)
      : FileSystemWrapper(rocksdb::FileSystem::Default()), plan_(plan), first_(plan.first) {}

  // Of the database: a snapshot whose files cannot be synced is none, and nothing else.
  bool has_sync_failed() const { return has_sync_failed_; }
  uint64_t operations() const { return operations_; }  // Of the kind of the plan.
  uint64_t faults() const { return faults_; }

  // What comes next works, or fails.
  void EndFaults() { first_ = 0; }
  void FailNext() { first_ = operations_ + 1; }

  const char* Name() const override { return "failing"; }
  rocksdb::IOStatus NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* file,
                                    rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus NewDirectory(const std::string& path, const rocksdb::IOOptions& options,
                                 std::unique_ptr<rocksdb::FSDirectory>* directory,
                                 rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus CreateDir(const std::string& path, const rocksdb::IOOptions& options,
                              rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus RenameFile(const std::string& from, const std::string& to,
                               const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus LinkFile(const std::string& from, const std::string& to,
                             const rocksdb::IOOptions& options,
                             rocksdb::IODebugContext* debug) override;

 private:
  class Directory;
  class WritableFile;

  // The error of the operation that comes now, or none.
  rocksdb::IOStatus Next(FaultPlan::Which which, const std::string& path);

  const FaultPlan plan_;
  std::atomic<uint64_t> operations_{0};
  std::atomic<uint64_t> faults_{0};
  std::atomic<bool> has_sync_failed_{false};
  std::atomic<uint64_t> first_;  // As in the plan.
};

}  // namespace simile

#endif  // SIMILE_TESTS_STORAGE_FAILING_FILE_SYSTEM_H_

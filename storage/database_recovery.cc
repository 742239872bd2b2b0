#include "storage/database_recovery.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <memory>
#include <system_error>

#include "base/durable_file.h"
#include "fmt/format.h"
#include "storage/data_directory.h"
#include "storage/database_check.h"
#include "storage/recovered_copy.h"

namespace simile {
namespace {

namespace fs = std::filesystem;

// A directory that goes with its owner.
class TrialDirectory {
 public:
  static absl::StatusOr<std::unique_ptr<TrialDirectory>> Make() {
    std::error_code error;
    std::string path = (fs::temp_directory_path(error) / "simile-recover-XXXXXX").string();
    if (error || mkdtemp(path.data()) == nullptr) {
      return FileSystemError("creating a temporary directory", error ? error.value() : errno);
    }
    return std::unique_ptr<TrialDirectory>(new TrialDirectory(path));
  }

  ~TrialDirectory() {
    std::error_code error;
    fs::remove_all(path_, error);
  }
  TrialDirectory(const TrialDirectory&) = delete;
  TrialDirectory& operator=(const TrialDirectory&) = delete;

  const std::string& path() const { return path_; }

 private:
  explicit TrialDirectory(std::string path) : path_(std::move(path)) {}

  const std::string path_;
};

bool IsNeeded(const std::string& path) {
  std::error_code error;
  if (!fs::exists(path, error)) return false;
  bool has_data = false;
  for (const auto& entry : fs::directory_iterator(path, error)) {
    const std::string extension = entry.path().extension();
    has_data = has_data || extension == ".sst" || extension == ".log";
  }
  // Without, it is a first start that was interrupted.
  return has_data && (!FindDamagedLogs(path).empty() || !CheckDatabaseFiles(path).is_good());
}

absl::Status Exchange(const std::string& one, const std::string& other) {
  if (renameat2(AT_FDCWD, one.c_str(), AT_FDCWD, other.c_str(), RENAME_EXCHANGE) == 0) {
    return absl::OkStatus();
  }
  if (errno == EINVAL || errno == ENOSYS) {
    return absl::FailedPreconditionError(
        fmt::format("the file system of {} cannot exchange two directories in one step: copy the "
                    "data directory to one that can (ext4, xfs, btrfs) and recover it there",
                    one));
  }
  return FileSystemError(fmt::format("exchanging {} and {}", one, other), errno);
}

// The copy takes the place of the database, and the files derived from it go. Indexes first:
// without them the server builds them anew, which harms nobody.
absl::Status PutInPlace(const DataDirectory& directory, const std::string& kept) {
  std::error_code error;
  if (fs::exists(directory.derived_path(), error)) {
    fs::rename(directory.derived_path(), kept + "/index", error);
    if (error) return FileSystemError("moving " + directory.derived_path(), error.value());
  }
  for (const std::string& path : {kept + "/rocksdb", kept, directory.path()}) {
    if (absl::Status s = SyncDirectory(path); !s.ok()) return s;
  }
  if (absl::Status s = Exchange(kept + "/rocksdb", directory.database_path()); !s.ok()) {
    fs::rename(kept + "/index", directory.derived_path(), error);
    return s;
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<RecoveryReport> PlanRecovery(const std::string& data_directory) {
  const auto directory = DataDirectory::OpenExisting(data_directory);
  if (!directory.ok()) return directory.status();
  const std::string path = (*directory)->database_path();
  RecoveryReport report{.is_needed = IsNeeded(path)};
  if (!report.is_needed) return report;
  const auto trial = TrialDirectory::Make();
  if (!trial.ok()) return trial.status();
  const std::string copy = (*trial)->path() + "/rocksdb";
  absl::Status made = RecoveredCopy(path, copy, RecoveredCopy::Purpose::kTrial).Make(report);
  if (!made.ok()) return made;
  return report;
}

absl::StatusOr<RecoveryReport> ApplyRecovery(const std::string& data_directory,
                                             int64_t now_unix_ms) {
  const auto directory = DataDirectory::OpenExisting(data_directory);
  if (!directory.ok()) return directory.status();
  const std::string path = (*directory)->database_path();
  RecoveryReport report{.is_needed = IsNeeded(path)};
  if (!report.is_needed) return report;
  const std::string kept = fmt::format("{}/recovered-{}", data_directory, now_unix_ms);
  const std::string copy = kept + "/rocksdb";
  std::error_code error;
  if (fs::exists(kept, error)) {
    return absl::FailedPreconditionError(fmt::format("{} is there already: try again", kept));
  }
  absl::Status made = RecoveredCopy(path, copy, RecoveredCopy::Purpose::kUse).Make(report);
  // It has records that an older program does not know.
  if (made.ok()) made = (*directory)->WriteFormat();
  if (made.ok()) made = PutInPlace(**directory, kept);
  if (!made.ok()) {
    fs::remove_all(kept, error);
    return made;
  }
  // From here on, what is kept is the database that was damaged.
  report.kept_path = kept;
  for (const std::string& changed : {kept, data_directory}) {
    if (absl::Status s = SyncDirectory(changed); !s.ok()) return s;
  }
  return report;
}

}  // namespace simile

#ifndef SIMILE_STORAGE_DATA_DIRECTORY_H_
#define SIMILE_STORAGE_DATA_DIRECTORY_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace simile {

// Raised whenever an older program could not read what a newer one writes. A directory of an older
// format becomes one of this format when it is opened.
inline constexpr int kDataFormat = 5;

// What the file FORMAT of a directory of that format holds.
std::string FormatText(int format);

// The directory everything lies in: created, versioned and locked for one process.
//
// Thread safety: none needed after Open.
class DataDirectory {
 public:
  // Errors as Store::Open says.
  static absl::StatusOr<std::unique_ptr<DataDirectory>> Open(const std::string& path);

  // To look at one that is there, and to change nothing but the lock. NotFound when it is none;
  // else errors as of Open.
  static absl::StatusOr<std::unique_ptr<DataDirectory>> OpenExisting(const std::string& path);

  // Makes FORMAT say the newest version; for one that is written to after OpenExisting.
  absl::Status WriteFormat() const;

  // Frees the lock.
  ~DataDirectory();
  DataDirectory(const DataDirectory&) = delete;
  DataDirectory& operator=(const DataDirectory&) = delete;

  const std::string& path() const { return path_; }
  std::string database_path() const { return path_ + "/rocksdb"; }
  std::string derived_path() const { return path_ + "/index"; }
  std::string snapshots_path() const { return path_ + "/snapshots"; }

 private:
  static absl::StatusOr<std::unique_ptr<DataDirectory>> Lock(const std::string& path);

  DataDirectory(std::string path, int lock) : path_(std::move(path)), lock_(lock) {}

  const std::string path_;
  const int lock_;  // Descriptor of the locked file.
};

}  // namespace simile

#endif  // SIMILE_STORAGE_DATA_DIRECTORY_H_

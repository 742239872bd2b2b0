#ifndef SIMILE_STORAGE_DATA_DIRECTORY_H_
#define SIMILE_STORAGE_DATA_DIRECTORY_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace simile {

// The directory everything lies in: created, versioned and locked for one process.
//
// Thread safety: none needed after Open.
class DataDirectory {
 public:
  // Errors as Store::Open says.
  static absl::StatusOr<std::unique_ptr<DataDirectory>> Open(const std::string& path);

  // Frees the lock.
  ~DataDirectory();
  DataDirectory(const DataDirectory&) = delete;
  DataDirectory& operator=(const DataDirectory&) = delete;

  const std::string& path() const { return path_; }
  std::string database_path() const { return path_ + "/rocksdb"; }
  std::string derived_path() const { return path_ + "/index"; }

 private:
  DataDirectory(std::string path, int lock) : path_(std::move(path)), lock_(lock) {}

  const std::string path_;
  const int lock_;  // Descriptor of the locked file.
};

}  // namespace simile

#endif  // SIMILE_STORAGE_DATA_DIRECTORY_H_

#ifndef SIMILE_EMBEDDER_MAPPED_FILE_H_
#define SIMILE_EMBEDDER_MAPPED_FILE_H_

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace simile {

// A file mapped for reading for as long as it lives.
//
// Thread safety: immutable.
class MappedFile {
 public:
  // NotFound, PermissionDenied or Internal; the message names the path.
  static absl::StatusOr<std::unique_ptr<MappedFile>> Open(const std::string& path);

  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::string_view bytes() const { return bytes_; }
  const std::string& path() const { return path_; }

  // Tells the system that the pages will not be needed soon.
  void Forget() const;

 private:
  MappedFile(std::string path, std::string_view bytes) : path_(std::move(path)), bytes_(bytes) {}

  const std::string path_;
  const std::string_view bytes_;
};

}  // namespace simile

#endif  // SIMILE_EMBEDDER_MAPPED_FILE_H_

#ifndef SIMILE_BASE_PARTIAL_DIRECTORY_H_
#define SIMILE_BASE_PARTIAL_DIRECTORY_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace simile {

// A file that is to be there.
struct PartialFile {
  std::string path;  // In the directory; IsPlainPath (base/plain_path.h).
  uint64_t bytes = 0;
  std::string sha256;
};

// A directory whose files come from elsewhere, piece by piece, over interruptions of any kind. The
// file UNFINISHED says what is to be there, in the words of the caller. Each other file holds the
// first bytes of what it will be, as many as it is long: so nothing has to be noted of how far it
// is. What an interruption left wrong is found at the end, by SHA-256, and dropped.
//
// Thread safety: none; one at a time works in a directory.
class PartialDirectory {
 public:
  explicit PartialDirectory(std::string path) : path_(std::move(path)) {}

  bool exists() const;

  // What Begin was given, also when Finish was interrupted after it had taken its final name
  // `contents_name`. NotFound when there is none; ResourceExhausted above `bytes_max`.
  absl::StatusOr<std::string> Contents(const std::string& contents_name, size_t bytes_max) const;

  // Makes the directory, its owner's only.
  absl::Status Begin(std::string_view contents) const;

  // How many bytes of a file are there. What cannot be the beginning of it is removed.
  absl::StatusOr<uint64_t> BytesHeld(const PartialFile& file) const;

  // Adds `bytes`, which lie at `offset` of the file, and returns how many are there then. What is
  // there already is skipped. InvalidArgument when they begin behind that or end behind the file.
  absl::StatusOr<uint64_t> Write(const PartialFile& file, uint64_t offset,
                                 std::string_view bytes) const;

  // Takes the whole file from `source`, by a hard link, if these are the bytes; where it cannot be
  // linked it is copied if `may_copy`. False: it was not taken, also when an error of `check`,
  // which is asked as in DigestOfFile, ended the reading. Cost: reads `source`.
  bool Adopt(const PartialFile& file, const std::string& source, bool may_copy,
             const std::function<absl::Status()>& check = {}) const;

  // When every file is what it should be, and nothing else is there: UNFINISHED gets the name
  // `contents_name` and the directory the name `target`, beside it; it survives a power cut.
  // FailedPrecondition when bytes are missing, DataLoss when a file had other bytes, which are
  // removed, or is none of these. `check` is asked as in DigestOfFile: its error is returned,
  // and Finish may be called again. Cost: reads every byte.
  absl::Status Finish(std::span<const PartialFile> files, const std::string& contents_name,
                      const std::string& target,
                      const std::function<absl::Status()>& check = {}) const;

  const std::string& path() const { return path_; }

 private:
  absl::Status CheckFiles(std::span<const PartialFile> files,
                          const std::function<absl::Status()>& check) const;
  absl::Status CheckNothingElse(std::span<const PartialFile> files,
                                const std::string& contents_name) const;
  absl::Status SyncAll(std::span<const PartialFile> files) const;
  std::string PathOf(std::string_view name) const;

  const std::string path_;
};

}  // namespace simile

#endif  // SIMILE_BASE_PARTIAL_DIRECTORY_H_

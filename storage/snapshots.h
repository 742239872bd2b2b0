#ifndef SIMILE_STORAGE_SNAPSHOTS_H_
#define SIMILE_STORAGE_SNAPSHOTS_H_

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/snapshot_manifest.h"

namespace simile {

// The file of a snapshot that says what is in it.
inline constexpr char kManifestName[] = "MANIFEST";

// What a look at every file of a snapshot has found.
struct SnapshotCheck {
  std::vector<std::string> problems;  // None: every file is what it was.
  uint64_t files_read = 0;
  uint64_t bytes_read = 0;
};

// Snapshots that lie in one directory, each in a directory of its name: MANIFEST and the files of a
// database (storage/README.md, "Snapshots"). A name is made of letters, digits, '_' and '-'.
//
// Thread safety: methods that only read may be called together; those that change need the owner
// to call them one after the other (Store does).
class Snapshots {
 public:
  explicit Snapshots(std::string directory) : directory_(std::move(directory)) {}

  // Removes what a snapshot that was never finished left. Uploads stay, to be gone on with.
  absl::Status RemoveUnfinished() const;

  // Every name that is there, in order.
  absl::StatusOr<std::vector<std::string>> Names() const;

  // NotFound; DataLoss or FailedPrecondition as of DecodeManifest, or when the directory has
  // another name than the manifest.
  absl::StatusOr<SnapshotManifest> Read(std::string_view name) const;

  // Errors of Read, and the first one of `check`, which is asked before each MiB. Cost: reads every
  // byte.
  absl::StatusOr<SnapshotCheck> Verify(std::string_view name,
                                       const std::function<absl::Status()>& check = {}) const;

  absl::Status Remove(std::string_view name) const;

  // At most `bytes_max` bytes of a file of a snapshot, from `offset` on. NotFound, also when its
  // manifest names no such file; InvalidArgument for an offset behind its end; DataLoss when it is
  // shorter than the manifest says. Cost: reads the manifest too.
  absl::StatusOr<std::string> ReadChunk(std::string_view name, std::string_view path,
                                        uint64_t offset, size_t bytes_max) const;

  // Uploads that are not finished (storage/snapshot_uploads.h), in order; and to remove one.
  absl::StatusOr<std::vector<std::string>> UploadNames() const;
  absl::Status RemoveUpload(std::string_view name) const;

  // Where a snapshot of that name lies, where it is put together, and where it is uploaded.
  std::string PathOf(std::string_view name) const;
  std::string UnfinishedPathOf(std::string_view name) const;
  std::string UploadPathOf(std::string_view name) const;

  const std::string& directory() const { return directory_; }

 private:
  absl::StatusOr<std::vector<std::string>> NamesWithEnding(std::string_view ending) const;
  absl::Status RemoveDirectory(const std::string& path, std::string_view name) const;

  const std::string directory_;
};

// Of a directory that holds one snapshot: what Read and Verify do.
absl::StatusOr<SnapshotManifest> ReadSnapshot(const std::string& path);
absl::StatusOr<SnapshotCheck> CheckSnapshot(const std::string& path,
                                            const SnapshotManifest& manifest,
                                            const std::function<absl::Status()>& check = {});

// Whether a snapshot may be restored: FailedPrecondition when it is of a newer format, DataLoss
// with what is wrong when a file is not what it was; the first error of `check`, as in Verify.
// Cost: reads every byte.
absl::Status CheckRestorable(const std::string& path, const SnapshotManifest& manifest,
                             const std::function<absl::Status()>& check = {});

// Everything in the directory `unfinished` that a manifest names is there: adds the files with
// their SHA-256 to `manifest`, writes it, and renames the directory to `path`; it survives a power
// cut. The first error of `check`, as in Verify.
absl::Status FinishSnapshot(const std::string& unfinished, const std::string& path,
                            SnapshotManifest manifest, const std::function<absl::Status()>& check);

// Makes a data directory of a snapshot, which is verified first. `data_directory` must be missing
// or empty: FailedPrecondition else, and for a snapshot of a newer format; DataLoss when the
// snapshot is damaged, with what is wrong. Until the end nothing is at `data_directory`; what an
// interrupted call left beside it is removed by the next.
absl::StatusOr<SnapshotManifest> RestoreSnapshot(const std::string& path,
                                                 const std::string& data_directory);

}  // namespace simile

#endif  // SIMILE_STORAGE_SNAPSHOTS_H_

#ifndef SIMILE_STORAGE_SNAPSHOT_UPLOADS_H_
#define SIMILE_STORAGE_SNAPSHOT_UPLOADS_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/mutex.h"
#include "storage/name_turns.h"
#include "storage/snapshots.h"

namespace simile {

// Of a snapshot that somebody sends: what is above was not made by this program, and sums of sizes
// below stay far from 2^64.
inline constexpr size_t kSnapshotFilesMax = 100'000;
inline constexpr uint64_t kSnapshotFileBytesMax = 1ull << 40;

// Begun and not finished, so that nobody fills a directory with beginnings.
inline constexpr size_t kSnapshotUploadsMax = 16;

// How far an upload is.
struct SnapshotUpload {
  SnapshotManifest manifest;
  std::vector<uint64_t> bytes_held;  // Of each of manifest.files, in their order.
  bool is_finished = false;          // There is this very snapshot.

  uint64_t total_bytes_held() const;
};

// Snapshots on their way from another machine (storage/README.md, "Snapshots"). One comes together
// in NAME.upload beside the finished ones, stays there over restarts, and becomes a snapshot when
// every byte of it is right. Nothing else is touched.
//
// Thread safety: all methods may be called together; of calls about one upload one works at a time,
// and the others are Unavailable.
class SnapshotUploads {
 public:
  // `snapshots` must outlive it. Bytes are refused when less than `free_bytes_min` would be free.
  SnapshotUploads(const Snapshots& snapshots, uint64_t free_bytes_min)
      : snapshots_(snapshots), free_bytes_min_(free_bytes_min) {}

  // Begins the upload of what `manifest` says under the name in it, which must be one, or goes on
  // with it. Files that finished snapshots have too are linked, after a look at every byte.
  // InvalidArgument for files that no snapshot has, AlreadyExists when a snapshot of that name is
  // another, FailedPrecondition when an unfinished upload is of another or the format is newer,
  // ResourceExhausted above kSnapshotUploadsMax or when not all of it fits on the disk, a new
  // one beside what other unfinished uploads have still to bring: then nothing was made. `check`,
  // if there is one, is asked before each MiB that is read; its first error ends the call and is
  // returned, and the upload may be gone on with.
  absl::StatusOr<SnapshotUpload> Begin(const SnapshotManifest& manifest,
                                       const std::function<absl::Status()>& check = {});

  // Adds bytes of one file; returns how many are there. What is there already is skipped.
  // NotFound when there is no such upload or file; InvalidArgument for a gap, or bytes behind the
  // end; ResourceExhausted when the disk is full.
  absl::StatusOr<uint64_t> Write(const std::string& name, const std::string& path, uint64_t offset,
                                 std::string_view bytes);

  // Makes a snapshot of it, safe from a power cut. NotFound; AlreadyExists; FailedPrecondition when
  // bytes are missing; DataLoss when a file had other bytes, which are removed. `check` as above.
  // Cost: reads all.
  absl::StatusOr<SnapshotManifest> Finish(const std::string& name,
                                          const std::function<absl::Status()>& check = {});

  // NotFound when there is none.
  absl::Status Remove(const std::string& name);

  // Those that are not finished, by name; what cannot be read has a manifest of its name only.
  absl::StatusOr<std::vector<SnapshotUpload>> List() const;

 private:
  using PathBySha256 = std::map<std::string, std::string>;

  absl::StatusOr<SnapshotUpload> BeginOrGoOn(const SnapshotManifest& manifest,
                                             const std::function<absl::Status()>& check);
  absl::StatusOr<SnapshotUpload> MakeOrRead(const SnapshotManifest& manifest,
                                            const PathBySha256& known);
  uint64_t BytesPromised(const PathBySha256& known) const;
  absl::StatusOr<SnapshotManifest> ManifestOf(const std::string& name) const;
  absl::StatusOr<SnapshotUpload> Read(const std::string& name) const;
  absl::Status CheckCount() const;
  absl::Status CheckFree(uint64_t bytes, std::string_view what) const;

  const Snapshots& snapshots_;
  const uint64_t free_bytes_min_;
  NameTurns turns_;

  // Held from the look at the free space until the upload it is promised to is there.
  storage_internal::Mutex promise_mutex_;
};

}  // namespace simile

#endif  // SIMILE_STORAGE_SNAPSHOT_UPLOADS_H_

#ifndef SIMILE_STORAGE_SNAPSHOT_MANIFEST_H_
#define SIMILE_STORAGE_SNAPSHOT_MANIFEST_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace simile {

struct SnapshotCollection {
  std::string name;
  uint64_t document_count = 0;
  uint32_t dimension = 0;
  std::string model_name;
  std::string model_fingerprint;

  bool operator==(const SnapshotCollection&) const = default;
};

struct SnapshotFile {
  std::string path;  // In the snapshot's directory: plain names with '/' between, none hidden.
  uint64_t bytes = 0;
  std::string sha256;

  bool operator==(const SnapshotFile&) const = default;
};

// What a snapshot holds; the file MANIFEST in its directory (storage/README.md, "Snapshots").
struct SnapshotManifest {
  std::string name;
  int64_t created_unix_ms = 0;
  uint64_t last_sequence = 0;
  uint32_t format = 0;  // Of the data directory it was made of.
  std::string program_version;
  std::vector<SnapshotCollection> collections;  // By name.
  std::vector<SnapshotFile> files;              // By path.

  uint64_t bytes() const;

  bool operator==(const SnapshotManifest&) const = default;
};

// Snapshots of more files are refused when they are read: a gigabyte of manifest is none.
inline constexpr size_t kManifestBytesMax = size_t{64} << 20;

std::string EncodeManifest(const SnapshotManifest& manifest);

// DataLoss when the checksum does not fit or a line does not parse, also for a path that leads out
// of the directory; FailedPrecondition for a version this program does not know.
absl::StatusOr<SnapshotManifest> DecodeManifest(std::string_view text);

}  // namespace simile

#endif  // SIMILE_STORAGE_SNAPSHOT_MANIFEST_H_

// Snapshots on their way to another machine and back; see database.h.
#include <algorithm>
#include <utility>

#include "fmt/format.h"
#include "server/engine/database.h"
#include "server/engine/errors.h"
#include "server/engine/limits.h"
#include "server/engine/validation.h"
#include "spdlog/spdlog.h"

namespace simile {

// A name that is there already counts once.
absl::Status Database::CheckSnapshotCount(const std::string& name) const {
  const auto names = store_->snapshots().Names();
  if (!names.ok()) return names.status();
  const auto uploads = store_->snapshots().UploadNames();
  if (!uploads.ok()) return uploads.status();
  const size_t count = names->size() + uploads->size();
  const bool is_known =
      std::ranges::binary_search(*names, name) || std::ranges::binary_search(*uploads, name);
  if (is_known || count < kSnapshotsMax) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      fmt::format("there are {} snapshots, {} of them uploads that are not finished; at most {} "
                  "are allowed: delete one",
                  count, uploads->size(), kSnapshotsMax));
}

absl::StatusOr<std::string> Database::ReadSnapshotChunk(const std::string& name,
                                                        const std::string& path, uint64_t offset,
                                                        uint64_t length) const {
  if (absl::Status s = CheckSnapshotName(name); !s.ok()) return s;
  if (length == 0 || length > kSnapshotChunkBytesMax) {
    return InvalidField("length", fmt::format("a chunk of {} bytes was asked for; one may have 1 "
                                              "to {}",
                                              length, kSnapshotChunkBytesMax));
  }
  return store_->snapshots().ReadChunk(name, path, offset, length);
}

absl::StatusOr<SnapshotUpload> Database::BeginSnapshotUpload(const std::string& name,
                                                             const std::string& text,
                                                             const CallContext& context) {
  auto manifest = DecodeManifest(text);
  if (manifest.status().code() == absl::StatusCode::kDataLoss) {
    return InvalidField("manifest", MessageOf(manifest.status()));
  }
  if (!manifest.ok()) return manifest.status();
  if (!name.empty()) manifest->name = name;
  if (absl::Status s = CheckSnapshotName(manifest->name); !s.ok()) return s;
  for (const SnapshotCollection& one : manifest->collections) {
    if (absl::Status s = CheckCollectionName(one.name); !s.ok()) return InField("manifest", s);
  }
  if (absl::Status s = CheckSnapshotCount(manifest->name); !s.ok()) return s;
  auto upload = store_->snapshot_uploads().Begin(*manifest, Watching(context));
  if (!upload.ok()) {
    spdlog::warn("upload of snapshot '{}' was refused: {}", manifest->name,
                 MessageOf(upload.status()));
    return upload;
  }
  spdlog::info("upload of snapshot '{}': {} of {} bytes are here", manifest->name,
               upload->total_bytes_held(), manifest->bytes());
  return upload;
}

absl::StatusOr<uint64_t> Database::WriteSnapshotChunk(const std::string& name,
                                                      const std::string& path, uint64_t offset,
                                                      std::string_view bytes) {
  if (absl::Status s = CheckSnapshotName(name); !s.ok()) return s;
  if (bytes.empty() || bytes.size() > kSnapshotChunkBytesMax) {
    return InvalidField("data", fmt::format("the chunk has {} bytes; one may have 1 to {}",
                                            bytes.size(), kSnapshotChunkBytesMax));
  }
  return store_->snapshot_uploads().Write(name, path, offset, bytes);
}

absl::StatusOr<SnapshotManifest> Database::FinishSnapshotUpload(const std::string& name,
                                                                const CallContext& context) {
  if (absl::Status s = CheckSnapshotName(name); !s.ok()) return s;
  auto manifest = store_->snapshot_uploads().Finish(name, Watching(context));
  if (!manifest.ok()) {
    spdlog::warn("upload of snapshot '{}' is not finished: {}", name, MessageOf(manifest.status()));
    return manifest;
  }
  spdlog::info("snapshot '{}' was uploaded: {} collections, {} files, {} bytes", name,
               manifest->collections.size(), manifest->files.size(), manifest->bytes());
  return manifest;
}

absl::StatusOr<std::vector<SnapshotUpload>> Database::ListSnapshotUploads() const {
  return store_->snapshot_uploads().List();
}

}  // namespace simile

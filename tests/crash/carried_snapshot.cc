#include "tests/crash/carried_snapshot.h"

#include <utility>

#include "base/crc32c.h"

namespace simile {
namespace {

constexpr uint32_t kReadBytes = 1 << 20;
// Of the larger files several, so that a kill comes in the middle of one.
constexpr size_t kSentBytes = 256 << 10;

}  // namespace

absl::Status CarriedSnapshot::Read(Client& client, const std::string& name) {
  manifest_.clear();
  files_.clear();
  auto manifest = client.GetSnapshotManifest(name);
  if (!manifest.ok()) return manifest.status();
  for (const v1::SnapshotFile& file : manifest->files()) {
    std::string& content = files_[file.path()];
    while (content.size() < file.bytes()) {
      v1::ReadSnapshotChunkRequest request;
      request.set_name(name);
      request.set_path(file.path());
      request.set_offset(content.size());
      request.set_length(kReadBytes);
      const auto chunk = client.ReadSnapshotChunk(request);
      if (!chunk.ok()) return chunk.status();
      content += chunk->data();
    }
  }
  manifest_ = std::move(*manifest->mutable_manifest());
  return absl::OkStatus();
}

absl::Status CarriedSnapshot::Upload(Client& client, const std::string& as_name) const {
  v1::BeginSnapshotUploadRequest begin;
  begin.set_name(as_name);
  begin.set_manifest(manifest_);
  const auto upload = client.BeginSnapshotUpload(begin);
  if (!upload.ok()) return upload.status();
  if (upload->finished()) return absl::OkStatus();
  for (const v1::SnapshotUploadFile& file : upload->files()) {
    const std::string& content = files_.at(file.file().path());
    for (uint64_t held = file.bytes_held(); held < content.size();) {
      v1::WriteSnapshotChunkRequest request;
      request.set_name(as_name);
      request.set_path(file.file().path());
      request.set_offset(held);
      request.set_data(content.substr(held, kSentBytes));
      request.set_crc32c(Crc32c(request.data()));
      const auto written = client.WriteSnapshotChunk(request);
      if (!written.ok()) return written.status();
      held = written->bytes_held();
    }
  }
  return client.FinishSnapshotUpload(as_name).status();
}

}  // namespace simile

// simile snapshot download
#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <system_error>
#include <utility>

#include "base/crc32c.h"
#include "base/durable_file.h"
#include "base/partial_directory.h"
#include "base/plain_path.h"
#include "client/cli/command_context.h"
#include "client/cli/progress.h"
#include "client/cli/snapshot_chunk.h"
#include "fmt/format.h"

namespace simile::cli {
namespace {

namespace fs = std::filesystem;

constexpr char kManifestName[] = "MANIFEST";

// A snapshot on its way into DIRECTORY/NAME. It comes together in NAME.download beside that, where
// an interrupted download is gone on with.
//
// Thread safety: none.
class SnapshotDownload {
 public:
  SnapshotDownload(Client& client, const std::string& name, const std::string& directory)
      : client_(client),
        name_(name),
        target_((fs::path(directory) / name).string()),
        partial_(target_ + ".download") {}

  // Files of snapshots in `directory`, or of the one that it is, need not come over the wire.
  void AddBase(const std::string& directory);

  absl::Status Run();

  bool was_there() const { return was_there_; }
  size_t file_count() const { return files_.size(); }
  uint64_t bytes() const;
  uint64_t bytes_transferred() const { return bytes_transferred_; }
  const std::string& target() const { return target_; }
  const std::string& partial_path() const { return partial_.path(); }

 private:
  absl::Status AskManifest();
  absl::Status Begin();
  absl::Status TakeFromBases();
  absl::Status Transfer();
  absl::Status TransferFile(const PartialFile& file, Progress& progress);
  absl::StatusOr<std::string> ReadChunk(const PartialFile& file, uint64_t offset);

  Client& client_;
  const std::string name_;
  const std::string target_;
  const PartialDirectory partial_;
  std::multimap<uint64_t, std::string> base_files_;  // By size.
  std::string manifest_;
  std::vector<PartialFile> files_;
  uint64_t chunk_bytes_ = 0;
  uint64_t bytes_missing_ = 0;
  uint64_t bytes_transferred_ = 0;
  bool was_there_ = false;
};

uint64_t SnapshotDownload::bytes() const {
  uint64_t total = 0;
  for (const PartialFile& file : files_) total += file.bytes;
  return total;
}

void SnapshotDownload::AddBase(const std::string& directory) {
  std::error_code error;
  std::vector<std::string> snapshots;
  if (fs::exists(fs::path(directory) / kManifestName, error)) snapshots.push_back(directory);
  for (const fs::directory_entry& entry : fs::directory_iterator(directory, error)) {
    if (fs::exists(entry.path() / kManifestName, error)) snapshots.push_back(entry.path().string());
  }
  for (const std::string& snapshot : snapshots) {
    fs::recursive_directory_iterator at(snapshot, error);
    for (; !error && at != fs::recursive_directory_iterator(); at.increment(error)) {
      if (!at->is_symlink(error) && at->is_regular_file(error)) {
        base_files_.emplace(at->file_size(error), at->path().string());
      }
    }
  }
}

absl::Status SnapshotDownload::AskManifest() {
  const auto info = client_.GetServerInfo();
  if (!info.ok()) return info.status();
  chunk_bytes_ = std::min(info->limits().snapshot_chunk_bytes_max(), kChunkBytesMax);
  if (chunk_bytes_ == 0) {
    return absl::UnimplementedError(
        fmt::format("the server is of version {}, which sends no snapshots", info->version()));
  }
  auto answer = client_.GetSnapshotManifest(name_);
  if (!answer.ok()) return answer.status();
  manifest_ = answer->manifest();
  for (const v1::SnapshotFile& file : answer->files()) {
    // The paths are a server's, the directory is ours.
    if (!IsPlainPath(file.path()) || file.path().find('/') == std::string::npos) {
      return absl::DataLossError(
          fmt::format("the server names a file '{}', which no snapshot has", file.path()));
    }
    files_.push_back({.path = file.path(), .bytes = file.bytes(), .sha256 = file.sha256()});
  }
  return absl::OkStatus();
}

absl::Status SnapshotDownload::Begin() {
  std::error_code error;
  if (fs::exists(target_, error)) {
    const auto there = ReadWholeFile(target_ + "/" + kManifestName, kManifestBytesMax);
    was_there_ = there.ok() && *there == manifest_;
    if (was_there_) return absl::OkStatus();
    return absl::AlreadyExistsError(fmt::format(
        "{} is there, and is not this snapshot: remove it or name another directory", target_));
  }
  const auto begun = partial_.Contents(kManifestName, kManifestBytesMax);
  if (begun.ok() && *begun == manifest_) return absl::OkStatus();
  if (begun.ok()) {
    return absl::FailedPreconditionError(fmt::format(
        "what an interrupted download has left in {} is of another snapshot '{}': remove it",
        partial_.path(), name_));
  }
  if (begun.status().code() != absl::StatusCode::kNotFound) return begun.status();
  return partial_.Begin(manifest_);
}

absl::Status SnapshotDownload::TakeFromBases() {
  for (const PartialFile& file : files_) {
    auto held = partial_.BytesHeld(file);
    if (!held.ok()) return held.status();
    const auto [first, end] = base_files_.equal_range(file.bytes);
    for (auto base = first; base != end && *held < file.bytes; ++base) {
      if (partial_.Adopt(file, base->second, /*may_copy=*/true)) held = file.bytes;
    }
    bytes_missing_ += file.bytes - *held;
  }
  std::error_code error;
  const fs::space_info space = fs::space(partial_.path(), error);
  if (error || space.available >= bytes_missing_) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      fmt::format("{} bytes are to come, and the disk of {} has {} free", bytes_missing_,
                  partial_.path(), space.available));
}

absl::StatusOr<std::string> SnapshotDownload::ReadChunk(const PartialFile& file, uint64_t offset) {
  v1::ReadSnapshotChunkRequest request;
  request.set_name(name_);
  request.set_path(file.path);
  request.set_offset(offset);
  request.set_length(static_cast<uint32_t>(std::min(chunk_bytes_, file.bytes - offset)));
  std::string problem;
  for (int attempt = 0; attempt < kChunkAttemptsMax; ++attempt) {
    auto chunk = client_.ReadSnapshotChunk(request);
    if (!chunk.ok()) return chunk.status();
    const uint32_t crc32c = Crc32c(chunk->data());
    const bool is_good = !chunk->data().empty() && crc32c == chunk->crc32c();
    if (is_good) return std::move(*chunk->mutable_data());
    problem = fmt::format("{} bytes with CRC-32C {:08x}, not {:08x}", chunk->data().size(), crc32c,
                          chunk->crc32c());
  }
  return absl::DataLossError(
      fmt::format("the chunk of {} at {} came damaged {} times, at last as {}: something between "
                  "the server and here changes bytes",
                  file.path, offset, kChunkAttemptsMax, problem));
}

absl::Status SnapshotDownload::TransferFile(const PartialFile& file, Progress& progress) {
  auto held = partial_.BytesHeld(file);
  while (held.ok() && *held < file.bytes) {
    const auto chunk = ReadChunk(file, *held);
    if (!chunk.ok()) return chunk.status();
    held = partial_.Write(file, *held, *chunk);
    bytes_transferred_ += chunk->size();
    progress.UpdateBytes(bytes_transferred_);
  }
  return held.status();
}

absl::Status SnapshotDownload::Transfer() {
  Progress progress(bytes_missing_);
  absl::Status done;
  for (const PartialFile& file : files_) {
    done = TransferFile(file, progress);
    if (!done.ok()) break;
  }
  progress.Finish();
  return done;
}

absl::Status SnapshotDownload::Run() {
  if (absl::Status s = AskManifest(); !s.ok()) return s;
  if (absl::Status s = Begin(); !s.ok() || was_there_) return s;
  if (absl::Status s = TakeFromBases(); !s.ok()) return s;
  if (absl::Status s = Transfer(); !s.ok()) return s;
  return partial_.Finish(files_, kManifestName, target_);
}

struct DownloadOptions {
  std::string name;
  std::string directory;
  std::string base;
};

int Download(CommandContext& context, const DownloadOptions& options) {
  SnapshotDownload download(context.client(), options.name, options.directory);
  download.AddBase(options.directory);
  if (!options.base.empty()) download.AddBase(options.base);
  if (absl::Status s = download.Run(); !s.ok()) {
    const int exit_code = CommandContext::Fail(s);
    if (download.bytes_transferred() > 0) {
      CommandContext::Say(fmt::format("{} holds what has come: the same command goes on from there",
                                      download.partial_path()));
    }
    return exit_code;
  }
  const uint64_t at_hand = download.bytes() - download.bytes_transferred();
  CommandContext::Say(
      download.was_there()
          ? fmt::format("{} is this snapshot already", download.target())
          : fmt::format("{}: {} files, every one good; {} bytes came over the wire, {} were at "
                        "hand",
                        download.target(), download.file_count(), download.bytes_transferred(),
                        at_hand));
  context.NewOutput({}, /*single=*/true)
      .Add({{"name", options.name},
            {"directory", download.target()},
            {"file_count", download.file_count()},
            {"bytes", download.bytes()},
            {"bytes_transferred", download.bytes_transferred()},
            {"bytes_at_hand", at_hand}});
  return kExitOk;
}

}  // namespace

void AddSnapshotDownload(CLI::App& group, CommandContext& context) {
  auto options = std::make_shared<DownloadOptions>();
  CLI::App* const command =
      context.AddCommand(group, "download",
                         "copy one to this machine, as DIR/NAME; goes on where "
                         "an interrupted download ended",
                         [&context, options] { return Download(context, *options); });
  command->add_option("name", options->name, "the snapshot")->required();
  command->add_option("directory", options->directory, "where snapshots are kept")->required();
  command->add_option("--base", options->base,
                      "a snapshot, or a directory of some, whose files need not come again (those "
                      "in DIR are looked at anyway)");
}

}  // namespace simile::cli

// simile snapshot upload
#include <algorithm>
#include <memory>

#include "base/crc32c.h"
#include "base/durable_file.h"
#include "base/file_range.h"
#include "base/plain_path.h"
#include "client/cli/command_context.h"
#include "client/cli/progress.h"
#include "client/cli/snapshot_chunk.h"
#include "fmt/format.h"

namespace simile::cli {
namespace {

// A snapshot in a directory on its way to the server, which knows how far it is.
//
// Thread safety: none.
class SnapshotUploadRun {
 public:
  // `patient` is for the calls in which the server reads all of the snapshot.
  SnapshotUploadRun(Client& client, Client& patient, std::string directory)
      : client_(client), patient_(patient), directory_(std::move(directory)) {}

  // An empty name: that of the manifest.
  absl::Status Run(const std::string& as_name);

  const std::string& name() const { return upload_.name(); }
  bool was_there() const { return upload_.finished(); }
  size_t file_count() const { return static_cast<size_t>(upload_.files_size()); }
  uint64_t bytes() const { return upload_.bytes(); }
  uint64_t bytes_transferred() const { return bytes_transferred_; }

 private:
  absl::Status Begin(const std::string& as_name);
  absl::Status TransferFile(const v1::SnapshotUploadFile& file, Progress& progress);
  absl::StatusOr<uint64_t> SendChunk(const v1::WriteSnapshotChunkRequest& request);
  absl::StatusOr<std::string> ReadChunk(const v1::SnapshotFile& file, uint64_t offset) const;

  Client& client_;
  Client& patient_;
  const std::string directory_;
  v1::SnapshotUpload upload_;
  uint64_t chunk_bytes_ = 0;
  uint64_t bytes_transferred_ = 0;
};

absl::Status SnapshotUploadRun::Begin(const std::string& as_name) {
  auto manifest = ReadWholeFile(directory_ + "/MANIFEST", kManifestBytesMax);
  if (manifest.status().code() == absl::StatusCode::kNotFound) {
    return absl::NotFoundError(
        fmt::format("{} is no snapshot: it has no file MANIFEST", directory_));
  }
  if (!manifest.ok()) return manifest.status();
  const auto info = client_.GetServerInfo();
  if (!info.ok()) return info.status();
  chunk_bytes_ = std::min(info->limits().snapshot_chunk_bytes_max(), kChunkBytesMax);
  if (chunk_bytes_ == 0) {
    return absl::UnimplementedError(
        fmt::format("the server is of version {}, which takes no snapshots", info->version()));
  }
  v1::BeginSnapshotUploadRequest request;
  request.set_name(as_name);
  request.set_manifest(*std::move(manifest));
  auto upload = patient_.BeginSnapshotUpload(request);
  if (!upload.ok()) return upload.status();
  upload_ = *std::move(upload);
  return absl::OkStatus();
}

absl::StatusOr<std::string> SnapshotUploadRun::ReadChunk(const v1::SnapshotFile& file,
                                                         uint64_t offset) const {
  // The path is what the server says: it gets nothing that lies elsewhere.
  if (!IsPlainPath(file.path())) {
    return absl::DataLossError(
        fmt::format("the server asks for a file '{}', which no snapshot has", file.path()));
  }
  const uint64_t wanted = std::min(chunk_bytes_, file.bytes() - offset);
  auto bytes = ReadFileRange(directory_ + "/" + file.path(), offset, wanted);
  if (bytes.ok() && bytes->size() < wanted) {
    return absl::DataLossError(
        fmt::format("{0}/{1} has {2} bytes, not {3}: see `simile-server verify {0}`", directory_,
                    file.path(), offset + bytes->size(), file.bytes()));
  }
  return bytes;
}

// Returns how many bytes of the file the server has then.
absl::StatusOr<uint64_t> SnapshotUploadRun::SendChunk(
    const v1::WriteSnapshotChunkRequest& request) {
  absl::Status refused;
  for (int attempt = 0; attempt < kChunkAttemptsMax; ++attempt) {
    const auto written = client_.WriteSnapshotChunk(request);
    if (written.ok()) return written->bytes_held();
    refused = written.status();
    if (refused.code() != absl::StatusCode::kDataLoss) return refused;
  }
  return absl::DataLossError(fmt::format(
      "the server has refused the chunk of {} at {} {} times, at last so: {}", request.path(),
      request.offset(), kChunkAttemptsMax, std::string(refused.message())));
}

absl::Status SnapshotUploadRun::TransferFile(const v1::SnapshotUploadFile& file,
                                             Progress& progress) {
  uint64_t held = file.bytes_held();
  while (held < file.file().bytes()) {
    auto bytes = ReadChunk(file.file(), held);
    if (!bytes.ok()) return bytes.status();
    v1::WriteSnapshotChunkRequest request;
    request.set_name(upload_.name());
    request.set_path(file.file().path());
    request.set_offset(held);
    request.set_crc32c(Crc32c(*bytes));
    request.set_data(*std::move(bytes));
    const auto written = SendChunk(request);
    if (!written.ok()) return written.status();
    if (*written <= held) {
      return absl::InternalError(fmt::format("the server took a chunk of {} at {} and has {} bytes",
                                             file.file().path(), held, *written));
    }
    held = *written;
    bytes_transferred_ += request.data().size();
    progress.UpdateBytes(bytes_transferred_);
  }
  return absl::OkStatus();
}

absl::Status SnapshotUploadRun::Run(const std::string& as_name) {
  if (absl::Status s = Begin(as_name); !s.ok() || was_there()) return s;
  Progress progress(upload_.bytes() - upload_.bytes_held());
  absl::Status done;
  for (const v1::SnapshotUploadFile& file : upload_.files()) {
    done = TransferFile(file, progress);
    if (!done.ok()) break;
  }
  progress.Finish();
  if (!done.ok()) return done;
  return patient_.FinishSnapshotUpload(upload_.name()).status();
}

struct UploadOptions {
  std::string directory;
  std::string as_name;
};

int Upload(CommandContext& context, const UploadOptions& options) {
  SnapshotUploadRun upload(context.client(), context.client(kSnapshotTimeout), options.directory);
  if (absl::Status s = upload.Run(options.as_name); !s.ok()) {
    const int exit_code = CommandContext::Fail(s);
    if (upload.bytes_transferred() > 0) {
      CommandContext::Say(
          fmt::format("the server keeps what has come of '{}': the same command "
                      "goes on from there",
                      upload.name()));
    }
    return exit_code;
  }
  const uint64_t at_hand = upload.bytes() - upload.bytes_transferred();
  CommandContext::Say(
      upload.was_there()
          ? fmt::format("the server has this snapshot already, as '{}'", upload.name())
          : fmt::format("snapshot '{}': {} files, every one good; {} bytes went over the wire, {} "
                        "were there",
                        upload.name(), upload.file_count(), upload.bytes_transferred(), at_hand));
  context.NewOutput({}, /*single=*/true)
      .Add({{"name", upload.name()},
            {"file_count", upload.file_count()},
            {"bytes", upload.bytes()},
            {"bytes_transferred", upload.bytes_transferred()},
            {"bytes_at_hand", at_hand}});
  return kExitOk;
}

}  // namespace

void AddSnapshotUpload(CLI::App& group, CommandContext& context) {
  auto options = std::make_shared<UploadOptions>();
  CLI::App* const command =
      context.AddCommand(group, "upload",
                         "copy one from this machine to the server; goes on where "
                         "an interrupted upload ended",
                         [&context, options] { return Upload(context, *options); });
  command->add_option("directory", options->directory, "the snapshot: a directory with MANIFEST")
      ->required();
  command->add_option("--as", options->as_name, "its name there (default: the one it has)");
}

}  // namespace simile::cli

#include "storage/snapshot_uploads.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <system_error>

#include "base/partial_directory.h"
#include "fmt/format.h"
#include "storage/data_directory.h"

namespace simile {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kDatabasePrefix = "rocksdb/";

PartialFile Partial(const SnapshotFile& file) {
  return {.path = file.path, .bytes = file.bytes, .sha256 = file.sha256};
}

// What a snapshot of this program can hold: a database, in one directory.
absl::Status CheckFiles(const SnapshotManifest& manifest) {
  if (manifest.files.size() > kSnapshotFilesMax) {
    return absl::InvalidArgumentError(
        fmt::format("the manifest names {} files; a snapshot may have {}", manifest.files.size(),
                    kSnapshotFilesMax));
  }
  for (const SnapshotFile& file : manifest.files) {
    const bool is_plain = file.path.starts_with(kDatabasePrefix) &&
                          file.path.find('/', kDatabasePrefix.size()) == std::string::npos;
    if (!is_plain) {
      return absl::InvalidArgumentError(
          fmt::format("the manifest names '{}'; the files of a snapshot are {}NAME", file.path,
                      kDatabasePrefix));
    }
    if (file.bytes > kSnapshotFileBytesMax) {
      return absl::InvalidArgumentError(
          fmt::format("the manifest says that {} has {} bytes; a file may have {}", file.path,
                      file.bytes, kSnapshotFileBytesMax));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckFormat(const SnapshotManifest& manifest) {
  if (manifest.format <= static_cast<uint32_t>(kDataFormat)) return absl::OkStatus();
  return absl::FailedPreconditionError(fmt::format(
      "snapshot '{}' was made of format {}, and this program knows formats 1 to {}: use a newer "
      "program",
      manifest.name, manifest.format, kDataFormat));
}

// Files of the snapshots that are there, by what is in them.
std::map<std::string, std::string> FilesBySha256(const Snapshots& snapshots) {
  std::map<std::string, std::string> files;
  const auto names = snapshots.Names();
  if (!names.ok()) return files;
  for (const std::string& name : *names) {
    const auto manifest = snapshots.Read(name);
    if (!manifest.ok()) continue;
    for (const SnapshotFile& file : manifest->files) {
      files.emplace(file.sha256, snapshots.PathOf(name) + "/" + file.path);
    }
  }
  return files;
}

// What has to be sent. Files that can be linked take no space.
uint64_t BytesToCome(const SnapshotUpload& upload,
                     const std::map<std::string, std::string>& known) {
  uint64_t bytes = 0;
  for (size_t at = 0; at < upload.manifest.files.size(); ++at) {
    const SnapshotFile& file = upload.manifest.files[at];
    if (!known.contains(file.sha256)) bytes += file.bytes - upload.bytes_held[at];
  }
  return bytes;
}

}  // namespace

uint64_t SnapshotUpload::total_bytes_held() const {
  uint64_t total = 0;
  for (const uint64_t bytes : bytes_held) total += bytes;
  return total;
}

absl::Status SnapshotUploads::CheckFree(uint64_t bytes, std::string_view what) const {
  std::error_code error;
  const fs::space_info space = fs::space(fs::path(snapshots_.directory()).parent_path(), error);
  // A file system that does not answer is left to the write itself.
  if (error || space.available >= bytes + free_bytes_min_) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      fmt::format("{} needs {} bytes, and the disk of {} has {} bytes free, of which {} stay free: "
                  "make room, or lower --free-disk-bytes-min",
                  what, bytes, snapshots_.directory(), space.available, free_bytes_min_));
}

absl::Status SnapshotUploads::CheckCount() const {
  const auto names = snapshots_.UploadNames();
  if (!names.ok()) return names.status();
  if (names->size() < kSnapshotUploadsMax) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      fmt::format("{} uploads are not finished; at most {} may be: finish one, or delete it with "
                  "`simile snapshot delete {}`",
                  names->size(), kSnapshotUploadsMax, names->front()));
}

absl::StatusOr<SnapshotManifest> SnapshotUploads::ManifestOf(const std::string& name) const {
  const PartialDirectory directory(snapshots_.UploadPathOf(name));
  const auto text = directory.Contents(kManifestName, kManifestBytesMax);
  if (text.status().code() == absl::StatusCode::kNotFound) {
    return absl::NotFoundError(fmt::format("no upload of a snapshot '{}' was begun", name));
  }
  if (!text.ok()) return text.status();
  auto manifest = DecodeManifest(*text);
  if (manifest.ok()) return manifest;
  return absl::Status(
      manifest.status().code(),
      fmt::format(
          "{}: {}; delete the upload with `simile snapshot delete {}`", directory.path(),
          std::string(manifest.status().message().data(), manifest.status().message().size()),
          name));
}

absl::StatusOr<SnapshotUpload> SnapshotUploads::Read(const std::string& name) const {
  auto manifest = ManifestOf(name);
  if (!manifest.ok()) return manifest.status();
  const PartialDirectory directory(snapshots_.UploadPathOf(name));
  SnapshotUpload upload{.manifest = *std::move(manifest)};
  for (const SnapshotFile& file : upload.manifest.files) {
    const auto held = directory.BytesHeld(Partial(file));
    if (!held.ok()) return held.status();
    upload.bytes_held.push_back(*held);
  }
  return upload;
}

absl::StatusOr<SnapshotUpload> SnapshotUploads::Begin(const SnapshotManifest& manifest,
                                                      const std::function<absl::Status()>& check) {
  if (absl::Status s = CheckFiles(manifest); !s.ok()) return s;
  if (absl::Status s = CheckFormat(manifest); !s.ok()) return s;
  const NameTurns::Turn turn(turns_, manifest.name);
  if (absl::Status s = turn.Check("the upload of"); !s.ok()) return s;
  const auto there = snapshots_.Read(manifest.name);
  if (there.ok() && *there == manifest) {
    SnapshotUpload upload{.manifest = manifest, .is_finished = true};
    for (const SnapshotFile& file : manifest.files) upload.bytes_held.push_back(file.bytes);
    return upload;
  }
  if (there.status().code() != absl::StatusCode::kNotFound) {
    return absl::AlreadyExistsError(
        fmt::format("there is a snapshot '{}' already, and it is another", manifest.name));
  }
  return BeginOrGoOn(manifest, check);
}

uint64_t SnapshotUploads::BytesPromised(const PathBySha256& known) const {
  const auto names = snapshots_.UploadNames();
  if (!names.ok()) return 0;
  uint64_t promised = 0;
  for (const std::string& name : *names) {
    // Nothing more can come of one that cannot be read.
    if (const auto upload = Read(name); upload.ok()) promised += BytesToCome(*upload, known);
  }
  return promised;
}

absl::StatusOr<SnapshotUpload> SnapshotUploads::MakeOrRead(const SnapshotManifest& manifest,
                                                           const PathBySha256& known) {
  const storage_internal::MutexLock lock(promise_mutex_);
  auto upload = Read(manifest.name);
  const bool is_new = upload.status().code() == absl::StatusCode::kNotFound;
  if (is_new) {
    if (absl::Status s = CheckCount(); !s.ok()) return s;
    upload = SnapshotUpload{.manifest = manifest};
    upload->bytes_held.resize(manifest.files.size());
  }
  if (!upload.ok()) return upload;
  if (upload->manifest != manifest) {
    return absl::FailedPreconditionError(fmt::format(
        "what an unfinished upload of '{0}' has brought is of another snapshot: take another name, "
        "or delete it with `simile snapshot delete {0}`",
        manifest.name));
  }
  // One that goes on had its promise before the others, or they were made beside it.
  const uint64_t promised = is_new ? BytesPromised(known) : 0;
  std::string what = fmt::format("the upload of '{}'", manifest.name);
  if (promised > 0) {
    what += fmt::format(", with {} bytes promised to other unfinished uploads,", promised);
  }
  if (absl::Status s = CheckFree(BytesToCome(*upload, known) + promised, what); !s.ok()) return s;
  if (!is_new) return upload;
  const PartialDirectory directory(snapshots_.UploadPathOf(manifest.name));
  if (absl::Status s = directory.Begin(EncodeManifest(manifest)); !s.ok()) return s;
  return upload;
}

absl::StatusOr<SnapshotUpload> SnapshotUploads::BeginOrGoOn(
    const SnapshotManifest& manifest, const std::function<absl::Status()>& check) {
  const PathBySha256 known = FilesBySha256(snapshots_);
  auto upload = MakeOrRead(manifest, known);
  if (!upload.ok()) return upload;
  const PartialDirectory directory(snapshots_.UploadPathOf(manifest.name));
  for (size_t at = 0; at < manifest.files.size(); ++at) {
    const PartialFile file = Partial(manifest.files[at]);
    const auto source = known.find(file.sha256);
    if (upload->bytes_held[at] == file.bytes || source == known.end()) continue;
    absl::Status ended;
    const auto ask = [&check, &ended] {
      if (check) ended = check();
      return ended;
    };
    if (directory.Adopt(file, source->second, /*may_copy=*/false, ask)) {
      upload->bytes_held[at] = file.bytes;
    }
    if (!ended.ok()) return ended;
  }
  return upload;
}

absl::StatusOr<uint64_t> SnapshotUploads::Write(const std::string& name, const std::string& path,
                                                uint64_t offset, std::string_view bytes) {
  const NameTurns::Turn turn(turns_, name);
  if (absl::Status s = turn.Check("the upload of"); !s.ok()) return s;
  const PartialDirectory directory(snapshots_.UploadPathOf(name));
  const auto manifest = ManifestOf(name);
  if (!manifest.ok()) return manifest.status();
  const auto file = std::ranges::lower_bound(manifest->files, path, {}, &SnapshotFile::path);
  if (file == manifest->files.end() || file->path != path) {
    return absl::NotFoundError(fmt::format("no file '{}' belongs to snapshot '{}'", path, name));
  }
  if (absl::Status s = CheckFree(bytes.size(), "a chunk"); !s.ok()) return s;
  return directory.Write(Partial(*file), offset, bytes);
}

absl::StatusOr<SnapshotManifest> SnapshotUploads::Finish(
    const std::string& name, const std::function<absl::Status()>& check) {
  const NameTurns::Turn turn(turns_, name);
  if (absl::Status s = turn.Check("the upload of"); !s.ok()) return s;
  const auto manifest = ManifestOf(name);
  if (!manifest.ok()) return manifest;
  std::error_code error;
  if (fs::exists(snapshots_.PathOf(name), error)) {
    return absl::AlreadyExistsError(fmt::format("there is a snapshot '{}' already", name));
  }
  std::vector<PartialFile> files;
  for (const SnapshotFile& file : manifest->files) files.push_back(Partial(file));
  const PartialDirectory directory(snapshots_.UploadPathOf(name));
  const std::string target = snapshots_.PathOf(name);
  if (absl::Status s = directory.Finish(files, kManifestName, target, check); !s.ok()) return s;
  return manifest;
}

absl::Status SnapshotUploads::Remove(const std::string& name) {
  const NameTurns::Turn turn(turns_, name);
  if (absl::Status s = turn.Check("the upload of"); !s.ok()) return s;
  return snapshots_.RemoveUpload(name);
}

absl::StatusOr<std::vector<SnapshotUpload>> SnapshotUploads::List() const {
  const auto names = snapshots_.UploadNames();
  if (!names.ok()) return names.status();
  std::vector<SnapshotUpload> uploads;
  for (const std::string& name : *names) {
    auto upload = Read(name);
    uploads.push_back(upload.ok() ? *std::move(upload)
                                  : SnapshotUpload{.manifest = {.name = name}});
  }
  return uploads;
}

}  // namespace simile

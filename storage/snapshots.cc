#include "storage/snapshots.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <system_error>

#include "base/durable_file.h"
#include "base/file_range.h"
#include "base/kill_point.h"
#include "base/sha256.h"
#include "fmt/format.h"
#include "storage/data_directory.h"

namespace simile {
namespace {

namespace fs = std::filesystem;

// Names of snapshots have no dot, so these are none.
constexpr char kUnfinished[] = ".new";
constexpr char kUpload[] = ".upload";

std::string Message(const absl::Status& status) {
  return {status.message().data(), status.message().size()};
}

// All files below a directory, by their path in it. Anything else but directories is an error:
// a link could lead out of it.
absl::StatusOr<std::vector<std::string>> FilesIn(const std::string& path) {
  std::vector<std::string> files;
  std::error_code error;
  fs::recursive_directory_iterator at(path, error);
  for (; !error && at != fs::recursive_directory_iterator(); at.increment(error)) {
    const std::string name = at->path().lexically_relative(path).string();
    const fs::file_status status = at->symlink_status(error);
    if (error) break;
    if (fs::is_regular_file(status)) {
      files.push_back(name);
    } else if (!fs::is_directory(status)) {
      return absl::DataLossError(fmt::format("'{}' is neither a file nor a directory", name));
    }
  }
  if (error) return FileSystemError("reading " + path, error.value());
  std::ranges::sort(files);
  return files;
}

// Files first, then the directories that name them.
absl::Status SyncAll(const std::string& path, const std::vector<SnapshotFile>& files) {
  std::vector<std::string> directories = {path};
  for (const SnapshotFile& file : files) {
    const fs::path whole = fs::path(path) / file.path;
    if (absl::Status s = SyncFile(whole.string()); !s.ok()) return s;
    directories.push_back(whole.parent_path().string());
  }
  std::ranges::sort(directories);
  directories.erase(std::unique(directories.begin(), directories.end()), directories.end());
  for (const std::string& directory : directories) {
    if (absl::Status s = SyncDirectory(directory); !s.ok()) return s;
  }
  return absl::OkStatus();
}

absl::Status RemoveAll(const std::string& path) {
  std::error_code error;
  fs::remove_all(path, error);
  if (error) return FileSystemError("removing " + path, error.value());
  return absl::OkStatus();
}

absl::Status Rename(const std::string& from, const std::string& to) {
  std::error_code error;
  fs::rename(from, to, error);
  if (error) return FileSystemError(fmt::format("renaming {} to {}", from, to), error.value());
  return SyncDirectory(fs::absolute(to).parent_path().string());
}

absl::Status CopyFiles(const std::string& from, const std::string& to,
                       const std::vector<SnapshotFile>& files) {
  for (const SnapshotFile& file : files) {
    const fs::path target = fs::path(to) / file.path;
    std::error_code error;
    fs::create_directories(target.parent_path(), error);
    if (!error) fs::copy_file(fs::path(from) / file.path, target, error);
    if (error) return FileSystemError("copying to " + target.string(), error.value());
  }
  return SyncAll(to, files);
}

}  // namespace

absl::StatusOr<SnapshotManifest> ReadSnapshot(const std::string& path) {
  const auto text = ReadWholeFile(path + "/" + kManifestName, kManifestBytesMax);
  if (!text.ok()) return text.status();
  auto manifest = DecodeManifest(*text);
  if (!manifest.ok()) {
    return absl::Status(manifest.status().code(),
                        fmt::format("{}: {}", path, Message(manifest.status())));
  }
  return manifest;
}

absl::StatusOr<SnapshotCheck> CheckSnapshot(const std::string& path,
                                            const SnapshotManifest& manifest,
                                            const std::function<absl::Status()>& check) {
  SnapshotCheck result;
  const auto found = FilesIn(path);
  if (!found.ok()) {
    result.problems.push_back(Message(found.status()));
    return result;
  }
  for (const std::string& name : *found) {
    const bool is_known = name == kManifestName ||
                          std::ranges::binary_search(manifest.files, name, {}, &SnapshotFile::path);
    if (!is_known) result.problems.push_back(fmt::format("{} does not belong to it", name));
  }
  for (const SnapshotFile& file : manifest.files) {
    if (!std::ranges::binary_search(*found, file.path)) {
      result.problems.push_back(fmt::format("{} is missing", file.path));
      continue;
    }
    // Being told to end is not a problem of the file.
    absl::Status ended;
    const auto digest = DigestOfFile(path + "/" + file.path, [&check, &ended] {
      if (check) ended = check();
      return ended;
    });
    if (!ended.ok()) return ended;
    if (!digest.ok()) {
      result.problems.push_back(Message(digest.status()));
      continue;
    }
    ++result.files_read;
    result.bytes_read += digest->bytes;
    if (digest->bytes != file.bytes) {
      result.problems.push_back(
          fmt::format("{} has {} bytes, not {}", file.path, digest->bytes, file.bytes));
    } else if (digest->sha256 != file.sha256) {
      result.problems.push_back(
          fmt::format("{} has SHA-256 {}, not {}", file.path, digest->sha256, file.sha256));
    }
  }
  return result;
}

absl::Status CheckRestorable(const std::string& path, const SnapshotManifest& manifest,
                             const std::function<absl::Status()>& check) {
  if (manifest.format > static_cast<uint32_t>(kDataFormat)) {
    return absl::FailedPreconditionError(fmt::format(
        "{} was made of format {}, and this program knows formats 1 to {}: use a newer program",
        path, manifest.format, kDataFormat));
  }
  const auto checked = CheckSnapshot(path, manifest, check);
  if (!checked.ok()) return checked.status();
  const std::vector<std::string>& problems = checked->problems;
  if (problems.empty()) return absl::OkStatus();
  return absl::DataLossError(fmt::format(
      "{} is damaged: {}{}", path, problems.front(),
      problems.size() > 1 ? fmt::format(", and {} more problems", problems.size() - 1) : ""));
}

absl::Status FinishSnapshot(const std::string& unfinished, const std::string& path,
                            SnapshotManifest manifest, const std::function<absl::Status()>& check) {
  const auto names = FilesIn(unfinished);
  if (!names.ok()) return names.status();
  for (const std::string& name : *names) {
    const auto digest = DigestOfFile(unfinished + "/" + name, check);
    if (!digest.ok()) return digest.status();
    manifest.files.push_back({.path = name, .bytes = digest->bytes, .sha256 = digest->sha256});
  }
  // Tables are links to files that RocksDB synced when it made them, and their names are synced
  // with the directory, which holds the others too.
  std::vector<SnapshotFile> copies = manifest.files;
  std::erase_if(copies, [](const SnapshotFile& file) { return file.path.ends_with(".sst"); });
  if (absl::Status s = SyncAll(unfinished, copies); !s.ok()) return s;
  const std::string text = EncodeManifest(manifest);
  KillPoint("snapshot.before-manifest");
  if (absl::Status s = WriteDurably(unfinished + "/" + kManifestName, text); !s.ok()) return s;
  KillPoint("snapshot.before-rename");
  absl::Status renamed = Rename(unfinished, path);
  KillPoint("snapshot.after-rename");
  return renamed;
}

absl::StatusOr<SnapshotManifest> RestoreSnapshot(const std::string& path,
                                                 const std::string& data_directory) {
  auto manifest = ReadSnapshot(path);
  if (!manifest.ok()) return manifest.status();
  std::error_code error;
  const std::string target = fs::absolute(data_directory).lexically_normal().string();
  if (fs::exists(target, error) && (!fs::is_directory(target) || !fs::is_empty(target, error))) {
    return absl::FailedPreconditionError(
        fmt::format("{} is there and not empty: restore into a new directory", data_directory));
  }
  if (absl::Status s = CheckRestorable(path, *manifest); !s.ok()) return s;
  const std::string unfinished = target + ".restoring";
  if (absl::Status s = RemoveAll(unfinished); !s.ok()) return s;
  absl::Status copied = CopyFiles(path, unfinished, manifest->files);
  if (copied.ok()) {
    fs::permissions(unfinished, fs::perms::owner_all, error);
    KillPoint("restore.before-format");
    copied = WriteDurably(unfinished + "/FORMAT", FormatText(static_cast<int>(manifest->format)));
  }
  KillPoint("restore.before-rename");
  if (copied.ok()) copied = Rename(unfinished, target);
  if (!copied.ok()) {
    fs::remove_all(unfinished, error);
    return copied;
  }
  return manifest;
}

std::string Snapshots::PathOf(std::string_view name) const {
  return fmt::format("{}/{}", directory_, name);
}

std::string Snapshots::UnfinishedPathOf(std::string_view name) const {
  return PathOf(name) + kUnfinished;
}

std::string Snapshots::UploadPathOf(std::string_view name) const { return PathOf(name) + kUpload; }

absl::Status Snapshots::RemoveUnfinished() const {
  std::error_code error;
  if (!fs::exists(directory_, error)) return absl::OkStatus();
  std::vector<std::string> unfinished;
  for (const fs::directory_entry& entry : fs::directory_iterator(directory_, error)) {
    if (entry.path().extension() == kUnfinished) unfinished.push_back(entry.path().string());
  }
  if (error) return FileSystemError("reading " + directory_, error.value());
  for (const std::string& path : unfinished) {
    if (absl::Status s = RemoveAll(path); !s.ok()) return s;
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> Snapshots::NamesWithEnding(std::string_view ending) const {
  std::vector<std::string> names;
  std::error_code error;
  if (!fs::exists(directory_, error)) return names;
  for (const fs::directory_entry& entry : fs::directory_iterator(directory_, error)) {
    if (entry.path().extension() == ending) names.push_back(entry.path().stem().string());
  }
  if (error) return FileSystemError("reading " + directory_, error.value());
  std::ranges::sort(names);
  return names;
}

absl::StatusOr<std::vector<std::string>> Snapshots::Names() const { return NamesWithEnding(""); }

absl::StatusOr<std::vector<std::string>> Snapshots::UploadNames() const {
  return NamesWithEnding(kUpload);
}

absl::StatusOr<SnapshotManifest> Snapshots::Read(std::string_view name) const {
  std::error_code error;
  if (!fs::is_directory(fs::symlink_status(PathOf(name), error))) {
    return absl::NotFoundError(fmt::format("there is no snapshot '{}'", name));
  }
  auto manifest = ReadSnapshot(PathOf(name));
  if (!manifest.ok()) {
    if (manifest.status().code() != absl::StatusCode::kNotFound) return manifest;
    return absl::DataLossError(fmt::format("snapshot '{}' has no manifest", name));
  }
  if (manifest->name != name) {
    return absl::DataLossError(
        fmt::format("snapshot '{}' has the manifest of another, '{}'", name, manifest->name));
  }
  return manifest;
}

absl::StatusOr<SnapshotCheck> Snapshots::Verify(std::string_view name,
                                                const std::function<absl::Status()>& check) const {
  const auto manifest = Read(name);
  if (!manifest.ok()) return manifest.status();
  return CheckSnapshot(PathOf(name), *manifest, check);
}

absl::StatusOr<std::string> Snapshots::ReadChunk(std::string_view name, std::string_view path,
                                                 uint64_t offset, size_t bytes_max) const {
  const auto manifest = Read(name);
  if (!manifest.ok()) return manifest.status();
  const auto file = std::ranges::lower_bound(manifest->files, path, {}, &SnapshotFile::path);
  if (file == manifest->files.end() || file->path != path) {
    return absl::NotFoundError(fmt::format("snapshot '{}' has no file '{}'", name, path));
  }
  if (offset > file->bytes) {
    return absl::InvalidArgumentError(
        fmt::format("{} has {} bytes; there is nothing at {}", path, file->bytes, offset));
  }
  const uint64_t wanted = std::min<uint64_t>(bytes_max, file->bytes - offset);
  auto bytes = ReadFileRange(PathOf(name) + "/" + file->path, offset, wanted);
  const bool is_short = bytes.ok() && bytes->size() < wanted;
  if (is_short || bytes.status().code() == absl::StatusCode::kNotFound) {
    return absl::DataLossError(fmt::format(
        "snapshot '{0}' is damaged: {1} {2}; see `simile snapshot verify {0}`", name, path,
        is_short ? fmt::format("ends at {}, not {}", offset + bytes->size(), file->bytes)
                 : "is missing"));
  }
  return bytes;
}

absl::Status Snapshots::RemoveDirectory(const std::string& path, std::string_view name) const {
  std::error_code error;
  if (!fs::is_directory(fs::symlink_status(path, error))) {
    return absl::NotFoundError(fmt::format("there is no snapshot '{}'", name));
  }
  // Under another name first: what is half removed is no snapshot.
  if (absl::Status s = Rename(path, UnfinishedPathOf(name)); !s.ok()) return s;
  KillPoint("snapshot-removal.after-rename");
  return RemoveAll(UnfinishedPathOf(name));
}

absl::Status Snapshots::Remove(std::string_view name) const {
  return RemoveDirectory(PathOf(name), name);
}

absl::Status Snapshots::RemoveUpload(std::string_view name) const {
  return RemoveDirectory(UploadPathOf(name), name);
}

}  // namespace simile

#include "base/partial_directory.h"

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <set>
#include <system_error>

#include "base/durable_file.h"
#include "base/file_range.h"
#include "base/kill_point.h"
#include "base/sha256.h"
#include "fmt/format.h"

namespace simile {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kContentsName = "UNFINISHED";

absl::Status Rename(const std::string& from, const std::string& to) {
  if (std::rename(from.c_str(), to.c_str()) != 0) {
    return FileSystemError(fmt::format("renaming {} to {}", from, to), errno);
  }
  return SyncDirectory(fs::absolute(to).parent_path().string());
}

absl::Status MakeDirectoryOf(const std::string& path) {
  std::error_code error;
  const fs::path directory = fs::path(path).parent_path();
  fs::create_directories(directory, error);
  if (error) return FileSystemError("creating " + directory.string(), error.value());
  return absl::OkStatus();
}

}  // namespace

std::string PartialDirectory::PathOf(std::string_view name) const {
  return fmt::format("{}/{}", path_, name);
}

bool PartialDirectory::exists() const {
  std::error_code error;
  return fs::is_directory(fs::symlink_status(path_, error));
}

absl::StatusOr<std::string> PartialDirectory::Contents(const std::string& contents_name,
                                                       size_t bytes_max) const {
  auto contents = ReadWholeFile(PathOf(kContentsName), bytes_max);
  if (contents.status().code() != absl::StatusCode::kNotFound) return contents;
  return ReadWholeFile(PathOf(contents_name), bytes_max);
}

absl::Status PartialDirectory::Begin(std::string_view contents) const {
  std::error_code error;
  const fs::path parent = fs::absolute(path_).parent_path();
  const bool parent_is_new = !fs::exists(parent, error);
  fs::create_directories(path_, error);
  if (error) return FileSystemError("creating " + path_, error.value());
  if (parent_is_new) {
    if (absl::Status s = SyncDirectory(parent.parent_path().string()); !s.ok()) return s;
  }
  fs::permissions(path_, fs::perms::owner_all, error);
  KillPoint("upload.after-directory");
  absl::Status written = WriteDurably(PathOf(kContentsName), contents);
  KillPoint("upload.after-begin");
  return written;
}

absl::StatusOr<uint64_t> PartialDirectory::BytesHeld(const PartialFile& file) const {
  const std::string path = PathOf(file.path);
  std::error_code error;
  const fs::file_status status = fs::symlink_status(path, error);
  if (!fs::exists(status)) return 0;
  const uint64_t bytes = fs::is_regular_file(status) ? fs::file_size(path, error) : UINT64_MAX;
  if (!error && bytes <= file.bytes) return bytes;
  fs::remove_all(path, error);
  if (error) return FileSystemError("removing " + path, error.value());
  return 0;
}

absl::StatusOr<uint64_t> PartialDirectory::Write(const PartialFile& file, uint64_t offset,
                                                 std::string_view bytes) const {
  const auto held = BytesHeld(file);
  if (!held.ok()) return held;
  if (offset > *held) {
    return absl::InvalidArgumentError(
        fmt::format("the chunk of {} begins at {}, but only the first {} bytes are there: go on "
                    "from there",
                    file.path, offset, *held));
  }
  if (offset > file.bytes || bytes.size() > file.bytes - offset) {
    return absl::InvalidArgumentError(
        fmt::format("{} has {} bytes; a chunk of {} at {} ends behind it", file.path, file.bytes,
                    bytes.size(), offset));
  }
  const uint64_t known = *held - offset;
  if (bytes.size() <= known) return *held;
  const std::string path = PathOf(file.path);
  if (absl::Status s = MakeDirectoryOf(path); !s.ok()) return s;
  if (absl::Status s = WriteFileRange(path, *held, bytes.substr(known)); !s.ok()) return s;
  KillPoint("upload.after-chunk");
  return offset + bytes.size();
}

bool PartialDirectory::Adopt(const PartialFile& file, const std::string& source, bool may_copy,
                             const std::function<absl::Status()>& check) const {
  const auto digest = DigestOfFile(source, check);
  if (!digest.ok() || digest->bytes != file.bytes || digest->sha256 != file.sha256) return false;
  const std::string path = PathOf(file.path);
  if (!MakeDirectoryOf(path).ok()) return false;
  std::error_code error;
  fs::remove(path, error);
  fs::create_hard_link(source, path, error);
  if (!error) return true;
  if (!may_copy) return false;
  // Broken off, it has left the beginning of the file: as good as bytes that were brought.
  return fs::copy_file(source, path, error) && !error;
}

absl::Status PartialDirectory::CheckFiles(std::span<const PartialFile> files,
                                          const std::function<absl::Status()>& check) const {
  std::string problem;
  size_t bad = 0;
  for (const PartialFile& file : files) {
    const auto held = BytesHeld(file);
    if (!held.ok()) return held.status();
    if (*held < file.bytes) {
      return absl::FailedPreconditionError(
          fmt::format("{} of the {} bytes of {} are there: bring the rest first", *held, file.bytes,
                      file.path));
    }
    const std::string path = PathOf(file.path);
    if (file.bytes == 0) {
      if (absl::Status s = MakeDirectoryOf(path); !s.ok()) return s;
      if (absl::Status s = WriteFileRange(path, 0, ""); !s.ok()) return s;
    }
    const auto digest = DigestOfFile(path, check);
    if (!digest.ok()) return digest.status();
    if (digest->sha256 == file.sha256) continue;
    if (bad++ == 0) {
      problem = fmt::format("{} has SHA-256 {}, not {}", file.path, digest->sha256, file.sha256);
    }
    // Removed, not emptied: the bytes may be another directory's too.
    std::error_code error;
    fs::remove(path, error);
    if (error) return FileSystemError("removing " + path, error.value());
  }
  if (bad == 0) return absl::OkStatus();
  return absl::DataLossError(
      fmt::format("{}{}; what is wrong was removed: bring it again", problem,
                  bad > 1 ? fmt::format(", and {} more files", bad - 1) : ""));
}

absl::Status PartialDirectory::CheckNothingElse(std::span<const PartialFile> files,
                                                const std::string& contents_name) const {
  std::set<std::string> known = {std::string(kContentsName), contents_name};
  for (const PartialFile& file : files) known.insert(file.path);
  std::error_code error;
  fs::recursive_directory_iterator at(path_, error);
  for (; !error && at != fs::recursive_directory_iterator(); at.increment(error)) {
    const std::string name = at->path().lexically_relative(path_).string();
    if (!fs::is_directory(at->symlink_status(error)) && !known.contains(name)) {
      return absl::DataLossError(
          fmt::format("{} is in {} and does not belong to it: remove it", name, path_));
    }
  }
  if (error) return FileSystemError("reading " + path_, error.value());
  return absl::OkStatus();
}

absl::Status PartialDirectory::SyncAll(std::span<const PartialFile> files) const {
  std::set<std::string> directories = {path_};
  for (const PartialFile& file : files) {
    const std::string path = PathOf(file.path);
    if (absl::Status s = SyncFile(path); !s.ok()) return s;
    directories.insert(fs::path(path).parent_path().string());
  }
  for (const std::string& directory : directories) {
    if (absl::Status s = SyncDirectory(directory); !s.ok()) return s;
  }
  return absl::OkStatus();
}

absl::Status PartialDirectory::Finish(std::span<const PartialFile> files,
                                      const std::string& contents_name, const std::string& target,
                                      const std::function<absl::Status()>& check) const {
  if (absl::Status s = CheckFiles(files, check); !s.ok()) return s;
  if (absl::Status s = CheckNothingElse(files, contents_name); !s.ok()) return s;
  if (absl::Status s = SyncAll(files); !s.ok()) return s;
  std::error_code error;
  KillPoint("upload.before-manifest");
  if (fs::exists(PathOf(kContentsName), error)) {
    absl::Status s = Rename(PathOf(kContentsName), PathOf(contents_name));
    if (!s.ok()) return s;
  }
  KillPoint("upload.before-rename");
  absl::Status renamed = Rename(path_, target);
  KillPoint("upload.after-rename");
  return renamed;
}

}  // namespace simile

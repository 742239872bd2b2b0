#include "storage/data_directory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <utility>

#include "base/crc32c.h"
#include "base/durable_file.h"
#include "fmt/format.h"

namespace simile {
namespace {

namespace fs = std::filesystem;

constexpr char kFormatTitle[] = "simile data directory";

// The version that the FORMAT file says, if it is one this program knows.
absl::StatusOr<int> ReadFormat(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file.is_open()) return FileSystemError("opening " + path, errno);
  std::ostringstream content;
  content << file.rdbuf();
  const std::string text = content.str();
  const size_t checksum_line = text.rfind("crc32c ");
  if (text.rfind(kFormatTitle, 0) != 0 || checksum_line == std::string::npos ||
      text.substr(checksum_line) !=
          fmt::format("crc32c {:08x}\n", Crc32c(text.substr(0, checksum_line)))) {
    return absl::DataLossError(fmt::format("{} is damaged", path));
  }
  int version = 0;
  const size_t number = std::strlen(kFormatTitle) + std::strlen("\nversion ");
  if (number < text.size()) {
    std::from_chars(text.data() + number, text.data() + text.size(), version);
  }
  if (version < 1 || version > kDataFormat) {
    return absl::FailedPreconditionError(fmt::format(
        "{} says format {}, and this program knows formats 1 to {}: use the program that wrote it, "
        "or a newer one",
        path, version, kDataFormat));
  }
  return version;
}

// A directory of somebody else's files is not one to write into. A database is one too: ours is
// made after FORMAT.
absl::Status CheckOwnOrEmpty(const std::string& path) {
  const std::set<std::string> own = {"LOCK", "FORMAT.new", "lost+found"};
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(path, error)) {
    const std::string name = entry.path().filename().string();
    if (own.contains(name)) continue;
    return absl::FailedPreconditionError(fmt::format(
        "{} holds '{}' and no FORMAT file, so it is no data directory: choose an empty or a new "
        "one",
        path, name));
  }
  if (error) return FileSystemError("reading " + path, error.value());
  return absl::OkStatus();
}

}  // namespace

std::string FormatText(int format) {
  const std::string text = fmt::format("{}\nversion {}\n", kFormatTitle, format);
  return fmt::format("{}crc32c {:08x}\n", text, Crc32c(text));
}

absl::StatusOr<std::unique_ptr<DataDirectory>> DataDirectory::Open(const std::string& path) {
  std::error_code error;
  const bool is_new = !fs::exists(path, error);
  fs::create_directories(path, error);
  if (error) return FileSystemError("creating the data directory " + path, error.value());
  if (is_new) chmod(path.c_str(), S_IRWXU);

  const std::string format_path = path + "/FORMAT";
  const bool has_format = fs::exists(format_path, error);
  if (!has_format) {
    if (absl::Status s = CheckOwnOrEmpty(path); !s.ok()) return s;
  }
  auto directory = Lock(path);
  if (!directory.ok()) return directory;
  if (has_format) {
    const absl::StatusOr<int> version = ReadFormat(format_path);
    if (!version.ok()) return version.status();
    if (*version == kDataFormat) return directory;
  }
  if (absl::Status s = (*directory)->WriteFormat(); !s.ok()) return s;
  return directory;
}

absl::Status DataDirectory::WriteFormat() const {
  return WriteDurably(path_ + "/FORMAT", FormatText(kDataFormat));
}

absl::StatusOr<std::unique_ptr<DataDirectory>> DataDirectory::OpenExisting(
    const std::string& path) {
  std::error_code error;
  if (!fs::exists(path + "/FORMAT", error)) {
    return absl::NotFoundError(
        fmt::format("{} holds no FORMAT file, so it is no data directory", path));
  }
  auto directory = Lock(path);
  if (!directory.ok()) return directory;
  const absl::StatusOr<int> version = ReadFormat(path + "/FORMAT");
  if (!version.ok()) return version.status();
  return directory;
}

absl::StatusOr<std::unique_ptr<DataDirectory>> DataDirectory::Lock(const std::string& path) {
  const std::string lock_path = path + "/LOCK";
  const int lock = open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock < 0) return FileSystemError("opening " + lock_path, errno);
  std::unique_ptr<DataDirectory> directory(new DataDirectory(path, lock));
  if (flock(lock, LOCK_EX | LOCK_NB) != 0) {
    std::string holder;
    std::getline(std::ifstream(lock_path), holder);
    return absl::FailedPreconditionError(
        fmt::format("the data directory {} is in use by process {}: stop it, or choose another "
                    "--data-dir",
                    path, holder.empty() ? "unknown" : holder));
  }
  const std::string holder = std::to_string(getpid()) + "\n";
  // Written over what is there before it is cut, so that it takes no new block of a full disk.
  if (pwrite(lock, holder.data(), holder.size(), 0) != static_cast<ssize_t>(holder.size()) ||
      ftruncate(lock, static_cast<off_t>(holder.size())) != 0) {
    return FileSystemError("writing " + lock_path, errno);
  }
  return directory;
}

DataDirectory::~DataDirectory() { close(lock_); }

}  // namespace simile

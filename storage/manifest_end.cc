#include "storage/manifest_end.h"

#include <charconv>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <system_error>

#include "absl/status/statusor.h"
#include "base/crc32c.h"
#include "base/durable_file.h"
#include "fmt/format.h"

namespace simile {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kTitle = "simile manifest end 1\n";
constexpr size_t kFileBytesMax = 4'096;

struct Noted {
  std::string name;  // Of the MANIFEST.
  uint64_t bytes = 0;
};

std::string PathOf(const std::string& database_path) { return database_path + "/MANIFEST_END"; }

std::string Encode(const Noted& noted) {
  const std::string text = fmt::format("{}{} {}\n", kTitle, noted.name, noted.bytes);
  return fmt::format("{}crc32c {:08x}\n", text, Crc32c(text));
}

std::optional<Noted> Decode(const std::string& text) {
  if (!text.starts_with(kTitle)) return std::nullopt;
  const size_t space = text.find(' ', kTitle.size());
  if (space == std::string::npos) return std::nullopt;
  Noted noted{.name = text.substr(kTitle.size(), space - kTitle.size())};
  std::from_chars(text.data() + space + 1, text.data() + text.size(), noted.bytes);
  if (Encode(noted) != text) return std::nullopt;
  return noted;
}

// "MANIFEST-000012\n" without its end of line; empty when it cannot be read.
std::string NameInCurrent(const std::string& database_path) {
  auto current = ReadWholeFile(database_path + "/CURRENT", kFileBytesMax);
  if (!current.ok() || !current->ends_with('\n')) return "";
  current->pop_back();
  return *std::move(current);
}

}  // namespace

void ManifestEnd::Note() {
  const storage_internal::MutexLock lock(mutex_);
  Noted noted{.name = NameInCurrent(database_path_)};
  const std::string path = database_path_ + "/" + noted.name;
  std::error_code error;
  noted.bytes = fs::file_size(path, error);
  if (error) return;
  // Another thread may be about to sync the last of these bytes: a power cut must not take them
  // once they are noted.
  if (!SyncFile(path).ok()) return;
  WriteDurably(PathOf(database_path_), Encode(noted)).IgnoreError();
}

std::string CheckManifestEnd(const std::string& database_path, const std::string& name) {
  const auto text = ReadWholeFile(PathOf(database_path), kFileBytesMax);
  if (!text.ok()) return "";
  const std::optional<Noted> noted = Decode(*text);
  if (!noted.has_value() || noted->name != name) return "";
  std::error_code error;
  const uint64_t bytes = fs::file_size(database_path + "/" + name, error);
  if (error || bytes >= noted->bytes) return "";
  return fmt::format("its end is missing: it has {} bytes and had {}", bytes, noted->bytes);
}

}  // namespace simile

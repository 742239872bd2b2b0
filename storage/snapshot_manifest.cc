#include "storage/snapshot_manifest.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/crc32c.h"
#include "base/plain_path.h"
#include "fmt/format.h"

namespace simile {
namespace {

constexpr std::string_view kTitle = "simile snapshot";
constexpr uint32_t kVersion = 1;

// Stands for an empty word.
constexpr std::string_view kNothing = "-";

constexpr size_t kChecksumLineBytes = sizeof("crc32c 01234567\n") - 1;

std::string_view OrNothing(const std::string& text) { return text.empty() ? kNothing : text; }

// Words of one line, from the left; the last may hold spaces.
class Words {
 public:
  explicit Words(std::string_view line) : rest_(line) {}

  std::string_view Next() {
    const size_t end = std::min(rest_.find(' '), rest_.size());
    const std::string_view word = rest_.substr(0, end);
    rest_.remove_prefix(std::min(end + 1, rest_.size()));
    if (word.empty()) ok_ = false;
    return word;
  }

  template <typename Number>
  Number NextNumber() {
    const std::string_view word = Next();
    Number number = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
    if (error != std::errc() || end != word.data() + word.size()) ok_ = false;
    return number;
  }

  std::string NextText() {
    const std::string_view word = Next();
    return word == kNothing ? std::string() : std::string(word);
  }

  std::string Rest() {
    const std::string_view rest = std::exchange(rest_, {});
    if (rest.empty()) ok_ = false;
    return rest == kNothing ? std::string() : std::string(rest);
  }

  bool AtEnd() const { return ok_ && rest_.empty(); }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

bool IsHex(std::string_view text, size_t digits) {
  return text.size() == digits && text.find_first_not_of("0123456789abcdef") == text.npos;
}

bool ReadLine(std::string_view line, SnapshotManifest& manifest) {
  Words words(line);
  const std::string_view kind = words.Next();
  if (kind == "name") {
    manifest.name = words.Next();
  } else if (kind == "created_ms") {
    manifest.created_unix_ms = words.NextNumber<int64_t>();
  } else if (kind == "sequence") {
    manifest.last_sequence = words.NextNumber<uint64_t>();
  } else if (kind == "format") {
    manifest.format = words.NextNumber<uint32_t>();
  } else if (kind == "program") {
    manifest.program_version = words.Rest();
  } else if (kind == "collection") {
    SnapshotCollection& collection = manifest.collections.emplace_back();
    collection.document_count = words.NextNumber<uint64_t>();
    collection.dimension = words.NextNumber<uint32_t>();
    collection.model_fingerprint = words.NextText();
    collection.name = words.Next();
    collection.model_name = words.Rest();
  } else if (kind == "file") {
    SnapshotFile& file = manifest.files.emplace_back();
    file.bytes = words.NextNumber<uint64_t>();
    file.sha256 = words.Next();
    file.path = words.Next();
    if (!IsHex(file.sha256, 64) || !IsPlainPath(file.path)) return false;
  } else {
    return false;
  }
  return words.AtEnd();
}

absl::Status Damaged(std::string_view what) {
  return absl::DataLossError(fmt::format("the manifest is damaged: {}", what));
}

}  // namespace

uint64_t SnapshotManifest::bytes() const {
  uint64_t total = 0;
  for (const SnapshotFile& file : files) total += file.bytes;
  return total;
}

std::string EncodeManifest(const SnapshotManifest& manifest) {
  std::string text =
      fmt::format("{}\nversion {}\nname {}\ncreated_ms {}\nsequence {}\nformat {}\nprogram {}\n",
                  kTitle, kVersion, manifest.name, manifest.created_unix_ms, manifest.last_sequence,
                  manifest.format, manifest.program_version);
  for (const SnapshotCollection& one : manifest.collections) {
    text += fmt::format("collection {} {} {} {} {}\n", one.document_count, one.dimension,
                        OrNothing(one.model_fingerprint), one.name, OrNothing(one.model_name));
  }
  for (const SnapshotFile& file : manifest.files) {
    text += fmt::format("file {} {} {}\n", file.bytes, file.sha256, file.path);
  }
  return fmt::format("{}crc32c {:08x}\n", text, Crc32c(text));
}

absl::StatusOr<SnapshotManifest> DecodeManifest(std::string_view text) {
  if (text.size() < kChecksumLineBytes) return Damaged("it is too short");
  std::string_view rest = text.substr(0, text.size() - kChecksumLineBytes);
  if (text.substr(rest.size()) != fmt::format("crc32c {:08x}\n", Crc32c(rest))) {
    return Damaged("the checksum does not fit");
  }
  const auto next_line = [&rest]() -> std::optional<std::string_view> {
    const size_t end = rest.find('\n');
    if (end == rest.npos) return std::nullopt;
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end + 1);
    return line;
  };
  if (next_line() != kTitle) return Damaged("it is no manifest of a snapshot");
  const std::string_view version = next_line().value_or("");
  if (version != fmt::format("version {}", kVersion)) {
    return absl::FailedPreconditionError(
        fmt::format("the manifest says '{}', and this program knows version {}: use the program "
                    "that wrote it, or a newer one",
                    version, kVersion));
  }
  SnapshotManifest manifest;
  while (const std::optional<std::string_view> line = next_line()) {
    if (!ReadLine(*line, manifest)) return Damaged(fmt::format("'{}' does not parse", *line));
  }
  if (!rest.empty() || manifest.name.empty() || manifest.format == 0) {
    return Damaged("something is missing");
  }
  if (!std::ranges::is_sorted(manifest.files, std::ranges::less_equal(), &SnapshotFile::path)) {
    return Damaged("a file is there twice, or out of order");
  }
  return manifest;
}

}  // namespace simile

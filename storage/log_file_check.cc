#include "storage/log_file_check.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <string_view>

#include "base/crc32c.h"
#include "base/durable_file.h"
#include "fmt/format.h"

namespace simile {
namespace {

constexpr size_t kBlockBytes = 32 * 1024;
constexpr size_t kHeaderBytes = 7;
constexpr size_t kLengthAt = 4, kTypeAt = 6;

enum FragmentType : uint8_t { kZero = 0, kFull = 1, kFirst = 2, kMiddle = 3, kLast = 4 };

uint32_t MaskedCrc32c(std::string_view bytes) {
  constexpr uint32_t kMask = 0xa282ead8u;
  constexpr int kRight = 15, kLeft = 17;
  const uint32_t crc = Crc32c(bytes);
  return ((crc >> kRight) | (crc << kLeft)) + kMask;
}

class LogScan {
 public:
  explicit LogScan(LogFileCheck& check) : check_(check) {}

  // `offset` is where the block stands in the file.
  void ReadBlock(std::string_view block, uint64_t offset, bool is_last) {
    for (size_t at = 0; at + kHeaderBytes <= block.size() && check_.damage.empty();) {
      uint32_t crc = 0;
      uint16_t length = 0;
      std::memcpy(&crc, block.data() + at, sizeof(crc));
      std::memcpy(&length, block.data() + at + kLengthAt, sizeof(length));
      const auto type = static_cast<uint8_t>(block[at + kTypeAt]);
      // Space that was reserved and not written.
      if (type == kZero && length == 0) return;
      const size_t end = at + kHeaderBytes + length;
      if (end > block.size()) {
        if (!is_last) NoteDamage(offset + at, "a length points beyond its block");
        return;
      }
      if (MaskedCrc32c(block.substr(at + kTypeAt, 1 + length)) != crc) {
        return NoteDamage(offset + at, "the checksum does not fit");
      }
      Take(type, offset + at);
      at = end;
    }
  }

 private:
  void NoteDamage(uint64_t at, const std::string& what) {
    check_.damaged_at = at;
    check_.damage = what;
  }

  void Take(uint8_t type, uint64_t at) {
    if (type < kFull || type > kLast) {
      return NoteDamage(at, fmt::format("a fragment has the unknown type {}", type));
    }
    const bool begins = type == kFull || type == kFirst;
    if (begins && is_in_record_) return NoteDamage(at, "a record has no end");
    if (!begins && !is_in_record_) return NoteDamage(at, "a record has no beginning");
    is_in_record_ = type == kFirst || type == kMiddle;
    if (!is_in_record_) ++check_.records;
  }

  LogFileCheck& check_;
  bool is_in_record_ = false;
};

}  // namespace

absl::StatusOr<LogFileCheck> CheckLogFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file.is_open()) return FileSystemError("opening " + path, errno);
  LogFileCheck check{.file_bytes = static_cast<uint64_t>(file.tellg())};
  file.seekg(0);
  LogScan scan(check);
  std::string block(kBlockBytes, '\0');
  for (uint64_t offset = 0; offset < check.file_bytes && check.damage.empty();
       offset += kBlockBytes) {
    block.resize(std::min<uint64_t>(kBlockBytes, check.file_bytes - offset));
    if (!file.read(block.data(), static_cast<std::streamsize>(block.size()))) {
      return FileSystemError("reading " + path, errno);
    }
    scan.ReadBlock(block, offset, offset + kBlockBytes >= check.file_bytes);
  }
  return check;
}

}  // namespace simile

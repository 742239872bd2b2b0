#include "storage/log_file_check.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <utility>

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
  LogScan(LogFileCheck& check, const std::function<void(std::string_view, bool)>& visit)
      : check_(check), visit_(visit) {}

  // `offset` is where the block stands in the file. What follows damage in a block cannot be told
  // from data, so the scan goes on with the next.
  void ReadBlock(std::string_view block, uint64_t offset, bool is_last) {
    for (size_t at = 0; at + kHeaderBytes <= block.size();) {
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
      Take(type, block.substr(at + kHeaderBytes, length), offset + at);
      at = end;
    }
  }

 private:
  void NoteDamage(uint64_t at, const std::string& what) {
    is_in_record_ = false;
    if (!check_.damage.empty()) return;
    check_.damaged_at = at;
    check_.damage = what;
  }

  void Take(uint8_t type, std::string_view data, uint64_t at) {
    if (type == kFull || type == kFirst) {
      if (is_in_record_) NoteDamage(at, "a record has no end");
      record_ = data;
      is_in_record_ = true;
    } else if (type == kMiddle || type == kLast) {
      if (!is_in_record_) return NoteDamage(at, "a record has no beginning");
      record_ += data;
    } else {
      return NoteDamage(at, fmt::format("a fragment has the unknown type {}", type));
    }
    if (type != kFull && type != kLast) return;
    is_in_record_ = false;
    const bool is_behind = !check_.damage.empty();
    ++(is_behind ? check_.records_behind : check_.records);
    visit_(record_, is_behind);
  }

  LogFileCheck& check_;
  const std::function<void(std::string_view, bool)>& visit_;
  std::string record_;
  bool is_in_record_ = false;
};

}  // namespace

absl::StatusOr<LogFileCheck> CheckLogFile(
    const std::string& path, const std::function<void(std::string_view, bool)>& visit) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file.is_open()) return FileSystemError("opening " + path, errno);
  LogFileCheck check{.file_bytes = static_cast<uint64_t>(file.tellg())};
  file.seekg(0);
  LogScan scan(check, visit);
  std::string block(kBlockBytes, '\0');
  for (uint64_t offset = 0; offset < check.file_bytes; offset += kBlockBytes) {
    block.resize(std::min<uint64_t>(kBlockBytes, check.file_bytes - offset));
    if (!file.read(block.data(), static_cast<std::streamsize>(block.size()))) {
      return FileSystemError("reading " + path, errno);
    }
    scan.ReadBlock(block, offset, offset + kBlockBytes >= check.file_bytes);
  }
  return check;
}

}  // namespace simile

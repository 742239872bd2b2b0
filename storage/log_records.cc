#include "storage/log_records.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>

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

struct Fragment {
  uint8_t type = kZero;
  std::string_view data;
  size_t end = 0;  // In the block; beyond it when the length cannot be.
  bool is_good = false;
};

// There must be room for a header at `at`.
Fragment FragmentAt(std::string_view block, size_t at) {
  uint32_t crc = 0;
  uint16_t length = 0;
  std::memcpy(&crc, block.data() + at, sizeof(crc));
  std::memcpy(&length, block.data() + at + kLengthAt, sizeof(length));
  Fragment fragment{.type = static_cast<uint8_t>(block[at + kTypeAt]),
                    .end = at + kHeaderBytes + length};
  if (fragment.end > block.size()) return fragment;
  fragment.data = block.substr(at + kHeaderBytes, length);
  fragment.is_good = MaskedCrc32c(block.substr(at + kTypeAt, 1 + length)) == crc;
  return fragment;
}

class LogScan {
 public:
  explicit LogScan(const LogRecordVisitor& visitor) : visitor_(visitor) {}

  // `offset` is where the block stands in the file. False: nothing more is wanted.
  bool ReadBlock(std::string_view block, uint64_t offset, bool is_last) {
    for (size_t at = 0; at + kHeaderBytes <= block.size();) {
      const Fragment fragment = FragmentAt(block, at);
      // Space that was reserved and not written.
      if (fragment.type == kZero && fragment.end == at + kHeaderBytes) return true;
      if (fragment.end > block.size()) {
        return is_last || NoteDamage(offset + at, "a length points beyond its block");
      }
      if (!fragment.is_good) {
        if (!NoteDamage(offset + at, "the checksum does not fit")) return false;
        // The length may be what is damaged: believed when a good fragment follows.
        if (fragment.end + kHeaderBytes > block.size()) return true;
        if (!FragmentAt(block, fragment.end).is_good) return true;
      } else if (!Take(fragment, offset + at, offset + fragment.end)) {
        return false;
      }
      at = fragment.end;
    }
    return true;
  }

 private:
  bool NoteDamage(uint64_t at, const std::string& what) {
    is_in_record_ = false;
    is_behind_damage_ = true;
    return visitor_.on_damage(at, what);
  }

  bool Take(const Fragment& fragment, uint64_t at, uint64_t end) {
    if (fragment.type < kFull || fragment.type > kLast) {
      return NoteDamage(at, fmt::format("a fragment has the unknown type {}", fragment.type));
    }
    const bool begins = fragment.type == kFull || fragment.type == kFirst;
    if (begins && is_in_record_ && !NoteDamage(at, "a record has no end")) return false;
    if (!begins && !is_in_record_) {
      // The rest of a record whose beginning was damaged.
      return is_behind_damage_ || NoteDamage(at, "a record has no beginning");
    }
    if (begins) {
      record_.clear();
      begins_at_ = at;
    }
    record_.append(fragment.data);
    is_in_record_ = fragment.type == kFirst || fragment.type == kMiddle;
    if (is_in_record_) return true;
    is_behind_damage_ = false;
    return visitor_.on_record({.bytes = record_, .offset = begins_at_, .end = end});
  }

  const LogRecordVisitor& visitor_;
  std::string record_;
  uint64_t begins_at_ = 0;
  bool is_in_record_ = false;
  bool is_behind_damage_ = false;  // And no whole record was found since.
};

}  // namespace

absl::StatusOr<uint64_t> ReadLogRecords(const std::string& path, const LogRecordVisitor& visitor) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file.is_open()) return FileSystemError("opening " + path, errno);
  const auto file_bytes = static_cast<uint64_t>(file.tellg());
  file.seekg(0);
  LogScan scan(visitor);
  std::string block;
  for (uint64_t offset = 0; offset < file_bytes; offset += kBlockBytes) {
    block.resize(std::min<uint64_t>(kBlockBytes, file_bytes - offset));
    if (!file.read(block.data(), static_cast<std::streamsize>(block.size()))) {
      return FileSystemError("reading " + path, errno);
    }
    if (!scan.ReadBlock(block, offset, offset + kBlockBytes >= file_bytes)) break;
  }
  return file_bytes;
}

}  // namespace simile

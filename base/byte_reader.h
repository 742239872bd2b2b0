#ifndef SIMILE_BASE_BYTE_READER_H_
#define SIMILE_BASE_BYTE_READER_H_

#include <cstdint>
#include <cstring>
#include <string_view>

namespace simile {

// Takes apart what ByteWriter put together. No length is trusted: what goes beyond the end turns
// the reader bad, and everything read from then on is zero or empty.
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : rest_(bytes) {}

  template <typename Number>
  Number Get() {
    Number number{};
    const std::string_view raw = GetRaw(sizeof(Number));
    if (ok_) std::memcpy(&number, raw.data(), sizeof(Number));
    return number;
  }

  std::string_view GetString() { return GetRaw(Get<uint32_t>()); }

  std::string_view GetRaw(size_t size) {
    if (!ok_ || size > rest_.size()) {
      ok_ = false;
      return {};
    }
    const std::string_view raw = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return raw;
  }

  void Fail() { ok_ = false; }
  bool ok() const { return ok_; }
  bool AtEnd() const { return ok_ && rest_.empty(); }
  size_t remaining() const { return rest_.size(); }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace simile

#endif  // SIMILE_BASE_BYTE_READER_H_

#ifndef SIMILE_BASE_BYTE_WRITER_H_
#define SIMILE_BASE_BYTE_WRITER_H_

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace simile {

// The formats are little-endian, and so is every machine this runs on.
static_assert(std::endian::native == std::endian::little);

// Appends numbers and strings to a record: little-endian, strings behind a 4-byte length.
class ByteWriter {
 public:
  template <typename Number>
  void Put(Number number) {
    char raw[sizeof(Number)];
    std::memcpy(raw, &number, sizeof(Number));
    bytes_.append(raw, sizeof(Number));
  }

  void PutString(std::string_view text) {
    Put(static_cast<uint32_t>(text.size()));
    bytes_.append(text);
  }

  void PutRaw(std::string_view raw) { bytes_.append(raw); }

  const std::string& bytes() const { return bytes_; }
  std::string Take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

}  // namespace simile

#endif  // SIMILE_BASE_BYTE_WRITER_H_

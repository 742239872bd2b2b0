#ifndef SIMILE_EMBEDDER_UTF8_H_
#define SIMILE_EMBEDDER_UTF8_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace simile {

// True for well-formed UTF-8: table 3-7 of the Unicode Standard.
inline bool IsValidUtf8(std::string_view text) {
  const auto byte_at = [&text](size_t index) { return static_cast<unsigned char>(text[index]); };
  for (size_t position = 0; position < text.size();) {
    // Eight bytes of ASCII at once, which is most of most texts.
    uint64_t eight = 0;
    while (position + sizeof(eight) <= text.size()) {
      std::memcpy(&eight, text.data() + position, sizeof(eight));
      if ((eight & 0x8080808080808080u) != 0) break;
      position += sizeof(eight);
    }
    if (position == text.size()) break;
    const unsigned char lead = byte_at(position);
    if (lead < 0x80) {
      ++position;
      continue;
    }
    const size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    if (lead < 0xC2 || lead > 0xF4 || position + length > text.size()) return false;
    const unsigned char low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    const unsigned char high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    if (byte_at(position + 1) < low || byte_at(position + 1) > high) return false;
    for (size_t index = position + 2; index < position + length; ++index) {
      if ((byte_at(index) & 0xC0) != 0x80) return false;
    }
    position += length;
  }
  return true;
}

// Takes valid UTF-8 apart. REQUIRES: the text has been checked; what a bad byte yields is not said,
// but nothing beyond the end is read.
inline char32_t DecodeUtf8(std::string_view text, size_t& position) {
  const auto lead = static_cast<unsigned char>(text[position]);
  if (lead < 0x80) {
    ++position;
    return lead;
  }
  const size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  char32_t character = lead & (0xFF >> (length + 1));
  for (size_t byte = 1; byte < length && position + byte < text.size(); ++byte) {
    character = (character << 6) | (static_cast<unsigned char>(text[position + byte]) & 0x3F);
  }
  position += length;
  if (position > text.size()) position = text.size();
  return character;
}

inline void AppendUtf8(char32_t character, std::string& text) {
  if (character < 0x80) {
    text.push_back(static_cast<char>(character));
  } else if (character < 0x800) {
    text.push_back(static_cast<char>(0xC0 | (character >> 6)));
    text.push_back(static_cast<char>(0x80 | (character & 0x3F)));
  } else if (character < 0x10000) {
    text.push_back(static_cast<char>(0xE0 | (character >> 12)));
    text.push_back(static_cast<char>(0x80 | ((character >> 6) & 0x3F)));
    text.push_back(static_cast<char>(0x80 | (character & 0x3F)));
  } else {
    text.push_back(static_cast<char>(0xF0 | (character >> 18)));
    text.push_back(static_cast<char>(0x80 | ((character >> 12) & 0x3F)));
    text.push_back(static_cast<char>(0x80 | ((character >> 6) & 0x3F)));
    text.push_back(static_cast<char>(0x80 | (character & 0x3F)));
  }
}

}  // namespace simile

#endif  // SIMILE_EMBEDDER_UTF8_H_

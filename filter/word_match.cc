#include "filter/word_match.h"

#include <algorithm>

namespace simile {
namespace {

bool IsInWord(char byte) {
  const auto code = static_cast<unsigned char>(byte);
  return code >= 0x80 || (code >= '0' && code <= '9') || (code >= 'A' && code <= 'Z') ||
         (code >= 'a' && code <= 'z') || code == '_';
}

char Lower(char byte) { return byte >= 'A' && byte <= 'Z' ? static_cast<char>(byte + 32) : byte; }

}  // namespace

bool HasWord(std::string_view text, std::string_view word) {
  if (word.empty()) return false;
  for (size_t at = 0; at < text.size();) {
    if (!IsInWord(text[at])) {
      ++at;
      continue;
    }
    size_t end = at;
    while (end < text.size() && IsInWord(text[end])) ++end;
    const std::string_view found = text.substr(at, end - at);
    const auto is_same = [](char a, char b) { return Lower(a) == Lower(b); };
    if (std::ranges::equal(found, word, is_same)) return true;
    at = end;
  }
  return false;
}

bool IsWord(std::string_view word) { return !word.empty() && std::ranges::all_of(word, IsInWord); }

}  // namespace simile

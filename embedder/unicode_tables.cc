#include "embedder/unicode_tables.h"

#include <algorithm>
#include <iterator>

namespace simile {
namespace {

struct CharacterRange {
  char32_t first;
  char32_t last;
  CharacterClass character_class;
};

struct CharacterMapping {
  char32_t character;
  std::array<char32_t, 3> folded;
};

#include "embedder/unicode_tables.inc"

constexpr char32_t kAsciiEnd = 0x80;

CharacterClass SearchClass(char32_t character) {
  const auto* after = std::upper_bound(
      std::begin(kRanges), std::end(kRanges), character,
      [](char32_t value, const CharacterRange& range) { return value < range.first; });
  if (after == std::begin(kRanges)) return CharacterClass::kLetter;
  const CharacterRange& range = *std::prev(after);
  return character <= range.last ? range.character_class : CharacterClass::kLetter;
}

std::array<CharacterClass, kAsciiEnd> AsciiClasses() {
  std::array<CharacterClass, kAsciiEnd> classes{};
  for (char32_t character = 0; character < kAsciiEnd; ++character) {
    classes[character] = SearchClass(character);
  }
  return classes;
}

// Hangul syllables decompose by arithmetic (The Unicode Standard, section 3.12).
constexpr char32_t kSyllableFirst = 0xAC00, kSyllableCount = 11'172;
constexpr char32_t kLeadFirst = 0x1100, kVowelFirst = 0x1161, kTrailFirst = 0x11A7;
constexpr char32_t kVowelCount = 21, kTrailCount = 28;

std::array<char32_t, 3> DecomposedSyllable(char32_t syllable) {
  const char32_t trail = syllable % kTrailCount;
  return {kLeadFirst + syllable / (kVowelCount * kTrailCount),
          kVowelFirst + syllable / kTrailCount % kVowelCount, trail == 0 ? 0 : kTrailFirst + trail};
}

}  // namespace

CharacterClass ClassOf(char32_t character) {
  static const std::array<CharacterClass, kAsciiEnd> ascii = AsciiClasses();
  return character < kAsciiEnd ? ascii[character] : SearchClass(character);
}

std::array<char32_t, 3> Folded(char32_t character) {
  if (character < kAsciiEnd) {
    const bool is_upper = character >= 'A' && character <= 'Z';
    return {is_upper ? character + ('a' - 'A') : character, 0, 0};
  }
  if (character >= kSyllableFirst && character - kSyllableFirst < kSyllableCount) {
    return DecomposedSyllable(character - kSyllableFirst);
  }
  const auto* found = std::lower_bound(
      std::begin(kMappings), std::end(kMappings), character,
      [](const CharacterMapping& mapping, char32_t value) { return mapping.character < value; });
  if (found != std::end(kMappings) && found->character == character) return found->folded;
  return {character, 0, 0};
}

}  // namespace simile

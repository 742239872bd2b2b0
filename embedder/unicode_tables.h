#ifndef SIMILE_EMBEDDER_UNICODE_TABLES_H_
#define SIMILE_EMBEDDER_UNICODE_TABLES_H_

#include <array>
#include <cstdint>

namespace simile {

// What the reference tokenizer does with a character. Its tables are those of an old Unicode
// version, so they are written down here (scripts/generate_unicode_tables.py) rather than taken
// from a library of today.
enum class CharacterClass : uint8_t {
  kLetter,       // Part of a word: everything not listed.
  kControl,      // Dropped.
  kMark,         // Dropped together with the accents.
  kSpace,        // Ends a word.
  kIdeograph,    // A word by itself, tested before mapping.
  kPunctuation,  // A word by itself, tested after mapping.
};

// Cost: a table look-up for ASCII, else a binary search over about 600 ranges.
CharacterClass ClassOf(char32_t character);

// What a character becomes when accents are stripped and letters lowered: canonical decomposition
// without marks, then lower case. Up to three characters, zero after the last one; no character at
// all never happens.
std::array<char32_t, 3> Folded(char32_t character);

}  // namespace simile

#endif  // SIMILE_EMBEDDER_UNICODE_TABLES_H_

#ifndef SIMILE_FILTER_WORD_MATCH_H_
#define SIMILE_FILTER_WORD_MATCH_H_

#include <string_view>

namespace simile {

// Whether the text has the word: letters, digits and underscores of ASCII and every byte of other
// characters belong to words, all else ends one. ASCII letters are equal to their other case, other
// characters only to themselves.
bool HasWord(std::string_view text, std::string_view word);

// Whether all of it is one word, so that HasWord can be true.
bool IsWord(std::string_view word);

}  // namespace simile

#endif  // SIMILE_FILTER_WORD_MATCH_H_

#ifndef SIMILE_EMBEDDER_WORDPIECE_TOKENIZER_H_
#define SIMILE_EMBEDDER_WORDPIECE_TOKENIZER_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "absl/status/statusor.h"
#include "embedder/piece_trie.h"
#include "embedder/tokenizer.h"
#include "embedder/unicode_tables.h"

namespace simile {

struct WordpieceSettings {
  std::vector<std::string> vocabulary;      // By id.
  std::vector<std::string> special_tokens;  // Found in raw text, anywhere, before anything else.
  std::string unknown_token = "[UNK]";
  std::string start_token = "[CLS]";
  std::string end_token = "[SEP]";
  std::string continuing_prefix = "##";
  size_t word_characters_max = 100;  // Longer words become one unknown token.
  bool fold = true;                  // Strip accents and lower case.
  bool split_ideographs = true;
};

// BERT's tokenizer, with the results of Hugging Face's fast one, id for id: special tokens in raw
// text, controls dropped, ideographs and punctuation apart, accents stripped and letters lowered,
// then greedy longest match (Wu et al. 2016, arXiv 1609.08144; Devlin et al. 2018, arXiv
// 1810.04805). One pass over the text that stops at the limit, so a book costs no more than its
// first page; memory is taken once a text, not for tokens or words.
//
// Thread safety: immutable.
class WordpieceTokenizer final : public Tokenizer {
 public:
  // FailedPrecondition when a token that the settings name is not in the vocabulary.
  static absl::StatusOr<std::unique_ptr<WordpieceTokenizer>> Create(WordpieceSettings settings);

  TokenSequence Encode(std::string_view text, size_t tokens_max) const override;
  std::string_view TokenText(uint32_t id) const override;
  size_t vocabulary_size() const override { return settings_.vocabulary.size(); }

 private:
  class Scanner;

  // What an ASCII character is, and what it becomes.
  struct AsciiCharacter {
    CharacterClass character_class = CharacterClass::kLetter;
    char folded = 0;
    bool begins_special = false;  // Some special token begins with it.
  };

  explicit WordpieceTokenizer(WordpieceSettings settings);
  bool Find(std::string_view piece, uint32_t& id) const;

  const WordpieceSettings settings_;
  PieceTrie words_;
  PieceTrie continuations_;  // Without their prefix.
  PieceTrie special_tokens_;
  std::array<AsciiCharacter, 128> ascii_;
  bool special_beyond_ascii_ = false;  // Some special token begins with another character.
  std::unordered_map<std::string_view, uint32_t> ids_;  // Keys point into settings_.vocabulary.
  uint32_t unknown_id_ = 0;
  uint32_t start_id_ = 0;
  uint32_t end_id_ = 0;
};

}  // namespace simile

#endif  // SIMILE_EMBEDDER_WORDPIECE_TOKENIZER_H_

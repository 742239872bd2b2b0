#ifndef SIMILE_EMBEDDER_WORDPIECE_TOKENIZER_H_
#define SIMILE_EMBEDDER_WORDPIECE_TOKENIZER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "embedder/tokenizer.h"

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
// 1810.04805). Stops at the limit, so a book costs no more than its first page.
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
  class Output;

  explicit WordpieceTokenizer(WordpieceSettings settings);

  void EncodeSegment(std::string_view segment, Output& output) const;
  void EncodeWord(std::string_view word, size_t characters, Output& output) const;
  std::pair<size_t, size_t> FindSpecial(std::string_view text, size_t from) const;
  bool Find(std::string_view piece, uint32_t& id) const;

  const WordpieceSettings settings_;
  // Keys point into settings_.vocabulary; continuing pieces lie apart, without their prefix.
  std::unordered_map<std::string_view, uint32_t> words_;
  std::unordered_map<std::string_view, uint32_t> continuations_;
  size_t piece_bytes_max_ = 0;
  uint32_t unknown_id_ = 0;
  uint32_t start_id_ = 0;
  uint32_t end_id_ = 0;
};

}  // namespace simile

#endif  // SIMILE_EMBEDDER_WORDPIECE_TOKENIZER_H_

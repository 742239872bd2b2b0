#ifndef SIMILE_EMBEDDER_TOKENIZER_H_
#define SIMILE_EMBEDDER_TOKENIZER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace simile {

struct TokenSequence {
  std::vector<uint32_t> ids;  // With the model's special tokens, e.g. [CLS] ... [SEP].
  bool truncated = false;     // True when the text had more tokens than were asked for.
};

// Turns text into the token ids a model was trained on.
//
// Thread safety: immutable after construction; all methods may run together.
class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  // The ids of `text`, at most `tokens_max` of them, special tokens included. `text` must be valid
  // UTF-8; it may hold NUL bytes. Cost: proportional to the part of the text that is kept.
  virtual TokenSequence Encode(std::string_view text, size_t tokens_max) const = 0;

  // The vocabulary's spelling of `id`, e.g. "##ing"; empty when there is no such id.
  virtual std::string_view TokenText(uint32_t id) const = 0;

  virtual size_t vocabulary_size() const = 0;
};

}  // namespace simile

#endif  // SIMILE_EMBEDDER_TOKENIZER_H_

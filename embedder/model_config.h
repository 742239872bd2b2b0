#ifndef SIMILE_EMBEDDER_MODEL_CONFIG_H_
#define SIMILE_EMBEDDER_MODEL_CONFIG_H_

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "embedder/prompt.h"
#include "embedder/wordpiece_tokenizer.h"

namespace simile {

// How the rows of a text's tokens become one vector: the first or last row; in each component the
// largest value, the mean, the sum divided by the root of the number of rows, or the mean where the
// n-th row counts n times.
enum class Pooling { kCls, kMax, kMean, kMeanSqrtLength, kWeightedMean, kLastToken };

// The names of sentence-transformers' configuration ("mean", "mean_sqrt_len_tokens"), joined by +.
std::string PoolingNames(std::span<const Pooling> poolings);

// The shape of a BERT and what is done with its output.
struct ModelConfig {
  std::string architecture;
  size_t hidden_size = 0;
  size_t layer_count = 0;
  size_t head_count = 0;
  size_t intermediate_size = 0;
  size_t vocabulary_size = 0;
  size_t position_count = 0;
  size_t type_count = 0;
  float layer_norm_epsilon = 1e-12f;
  size_t tokens_max = 0;          // Special tokens included.
  std::vector<Pooling> poolings;  // At least one; their vectors stand side by side.
  bool normalize = false;
  std::vector<Prompt> prompts;  // By name.
  std::string default_prompt;   // Its text; empty: none.

  size_t head_size() const { return hidden_size / head_count; }
  size_t dimension() const { return hidden_size * poolings.size(); }
};

// Limits that no model met so far comes near; a damaged file must not make us allocate for ever.
inline constexpr size_t kHiddenSizeMax = 8'192;
inline constexpr size_t kLayerCountMax = 256;
inline constexpr size_t kIntermediateSizeMax = 65'536;
inline constexpr size_t kVocabularySizeMax = 1'000'000;
inline constexpr size_t kPositionCountMax = 65'536;
inline constexpr size_t kPromptsMax = 64;
inline constexpr size_t kPromptBytesMax = 4'096;

// Reads config.json, modules.json, sentence_bert_config.json, config_sentence_transformers.json and
// 1_Pooling/config.json of a sentence-transformers directory. NotFound, DataLoss or
// FailedPrecondition (a model this encoder cannot run); the message names file and reason.
absl::StatusOr<ModelConfig> ReadModelConfig(const std::string& directory);

// Reads tokenizer.json, or vocab.txt and tokenizer_config.json. tokenizer.json's own truncation and
// padding are ignored, as the reference does. Errors as above.
absl::StatusOr<WordpieceSettings> ReadTokenizerSettings(const std::string& directory);

}  // namespace simile

#endif  // SIMILE_EMBEDDER_MODEL_CONFIG_H_

#ifndef SIMILE_TESTS_SUPPORT_TINY_MODEL_H_
#define SIMILE_TESTS_SUPPORT_TINY_MODEL_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace simile {

struct TinyModelOptions {
  uint32_t seed = 1;
  // Names of pooling_mode, joined by "+". Written as flags unless `names_pooling`.
  std::string pooling = "mean";
  bool names_pooling = false;
  bool normalize = true;
  std::string tensor_prefix;  // "" or "bert.".
  std::string type = "F32";   // F32 or BF16.
  bool with_tokenizer_json = false;
  size_t hidden_size = 64;
  size_t head_count = 2;
  size_t intermediate_size = 100;
  size_t layer_count = 2;
  size_t tokens_max = 24;
};

// Writes a sentence-transformers directory of a small random BERT with a vocabulary of 64 pieces.
// Weights follow a rule that tests/embedder/make_shape_goldens.py repeats: element `at` of the n-th
// tensor is centre + (2u - 1) * spread, where u is the upper 24 bits of splitmix64 of
// (seed * 1000 + n) * 2^32 + at, as a fraction.
void WriteTinyModel(const std::string& directory, const TinyModelOptions& options = {});

// A safetensors file of the named tensors, as the format says.
struct TinyTensor {
  std::vector<size_t> shape;
  std::vector<float> values;
};
std::string SafetensorsBytes(const std::map<std::string, TinyTensor>& tensors,
                             const std::string& type);

}  // namespace simile

#endif  // SIMILE_TESTS_SUPPORT_TINY_MODEL_H_

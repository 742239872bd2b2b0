#ifndef SIMILE_TESTS_SUPPORT_TINY_MODEL_H_
#define SIMILE_TESTS_SUPPORT_TINY_MODEL_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace simile {

struct TinyModelOptions {
  uint32_t seed = 1;
  std::string pooling = "mean";  // mean, cls or max.
  bool normalize = true;
  std::string tensor_prefix;  // "" or "bert.".
  std::string type = "F32";   // F32 or BF16.
  bool with_tokenizer_json = false;
  size_t hidden_size = 64;
  size_t head_count = 2;
  size_t intermediate_size = 100;
  size_t layer_count = 2;
};

// Writes a sentence-transformers directory of a small random BERT: at most 24 tokens, a vocabulary
// of a few dozen pieces.
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

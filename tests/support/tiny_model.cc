#include "tests/support/tiny_model.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <utility>

namespace simile {
namespace {

using Json = nlohmann::json;

constexpr size_t kMorePositions = 8;  // Than a text may have tokens.

void Write(const std::string& path, const std::string& content) {
  std::ofstream(path, std::ios::binary) << content;
}

std::vector<std::string> Vocabulary() {
  std::vector<std::string> tokens = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"};
  for (char letter = 'a'; letter <= 'z'; ++letter) {
    tokens.push_back(std::string(1, letter));
    tokens.push_back("##" + std::string(1, letter));
  }
  for (const char* word : {"hello", "world", "the", "red", "apple", ".", "!"}) {
    tokens.emplace_back(word);
  }
  return tokens;
}

// Sebastiano Vigna's splitmix64 (prng.di.unimi.it/splitmix64.c), as a function of its state.
uint64_t SplitMix(uint64_t state) {
  uint64_t mixed = state + 0x9e3779b97f4a7c15;
  mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
  mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
  return mixed ^ (mixed >> 31);
}

class Weights {
 public:
  explicit Weights(const TinyModelOptions& options) : options_(options) {}

  void Add(const std::string& name, std::vector<size_t> shape, float centre, float spread) {
    size_t count = 1;
    for (const size_t extent : shape) count *= extent;
    TinyTensor tensor{.shape = std::move(shape)};
    tensor.values.resize(count);
    const uint64_t stream = options_.seed * 1000ull + tensors_.size();
    for (size_t at = 0; at < count; ++at) {
      const auto fraction = static_cast<float>(SplitMix((stream << 32) + at) >> 40) * 0x1p-24f;
      tensor.values[at] = centre + (2 * fraction - 1) * spread;
    }
    tensors_[options_.tensor_prefix + name] = std::move(tensor);
  }

  // Outputs are about as large as inputs, as in a trained model.
  void AddDense(const std::string& name, size_t outputs, size_t inputs) {
    Add(name + ".weight", {outputs, inputs}, 0,
        static_cast<float>(1.5 / std::sqrt(static_cast<double>(inputs))));
    Add(name + ".bias", {outputs}, 0, 0.05f);
  }

  void AddNorm(const std::string& name) {
    Add(name + ".weight", {options_.hidden_size}, 1, 0.1f);
    Add(name + ".bias", {options_.hidden_size}, 0, 0.1f);
  }

  const std::map<std::string, TinyTensor>& tensors() const { return tensors_; }

 private:
  const TinyModelOptions& options_;
  std::map<std::string, TinyTensor> tensors_;
};

Json PoolingJson(const TinyModelOptions& options) {
  Json json = {{"word_embedding_dimension", options.hidden_size}};
  Json names = Json::array();
  std::istringstream list(options.pooling);
  for (std::string name; std::getline(list, name, '+');) {
    names.push_back(name);
    const bool has_suffix = name == "lasttoken" || name.ends_with("_tokens");
    const std::string suffix = name == "cls" ? "_token" : has_suffix ? "" : "_tokens";
    if (!options.names_pooling) json["pooling_mode_" + name + suffix] = true;
  }
  if (options.names_pooling) json["pooling_mode"] = names.size() == 1 ? names[0] : names;
  return json;
}

}  // namespace

std::string SafetensorsBytes(const std::map<std::string, TinyTensor>& tensors,
                             const std::string& type) {
  Json header = Json::object();
  std::string data;
  for (const auto& [name, tensor] : tensors) {
    const size_t begin = data.size();
    if (type == "F32") {
      data.append(reinterpret_cast<const char*>(tensor.values.data()), tensor.values.size() * 4);
    } else {
      for (const float value : tensor.values) {
        const auto bits = std::bit_cast<uint32_t>(value);
        char raw[4];
        std::memcpy(raw, &bits, 4);
        data.append(raw + 2, 2);  // The upper half of a float32 is its bfloat16.
      }
    }
    header[name] = {
        {"dtype", type}, {"shape", tensor.shape}, {"data_offsets", {begin, data.size()}}};
  }
  const std::string text = header.dump();
  const uint64_t size = text.size();
  std::string bytes(sizeof(size), '\0');
  std::memcpy(bytes.data(), &size, sizeof(size));
  return bytes + text + data;
}

void WriteTinyModel(const std::string& directory, const TinyModelOptions& options) {
  std::filesystem::create_directories(directory + "/1_Pooling");
  const std::vector<std::string> vocabulary = Vocabulary();
  const size_t positions = options.tokens_max + kMorePositions;
  Write(directory + "/config.json", Json{{"model_type", "bert"},
                                         {"hidden_size", options.hidden_size},
                                         {"num_hidden_layers", options.layer_count},
                                         {"num_attention_heads", options.head_count},
                                         {"intermediate_size", options.intermediate_size},
                                         {"vocab_size", vocabulary.size()},
                                         {"max_position_embeddings", positions},
                                         {"type_vocab_size", 2},
                                         {"hidden_act", "gelu"},
                                         {"layer_norm_eps", 1e-12}}
                                        .dump());
  Json modules = {{{"type", "sentence_transformers.models.Transformer"}, {"path", ""}},
                  {{"type", "sentence_transformers.models.Pooling"}, {"path", "1_Pooling"}}};
  if (options.normalize) {
    modules.push_back(
        {{"type", "sentence_transformers.models.Normalize"}, {"path", "2_Normalize"}});
  }
  Write(directory + "/modules.json", modules.dump());
  Write(directory + "/sentence_bert_config.json",
        Json{{"max_seq_length", options.tokens_max}}.dump());
  Write(directory + "/1_Pooling/config.json", PoolingJson(options).dump());
  std::string lines;
  Json ids = Json::object();
  for (size_t id = 0; id < vocabulary.size(); ++id) {
    lines += vocabulary[id] + "\n";
    ids[vocabulary[id]] = id;
  }
  Write(directory + "/vocab.txt", lines);
  if (options.with_tokenizer_json) {
    Json added = Json::array();
    for (size_t id = 0; id < 5; ++id) added.push_back({{"id", id}, {"content", vocabulary[id]}});
    Write(directory + "/tokenizer.json",
          Json{{"added_tokens", added},
               {"normalizer", {{"type", "BertNormalizer"}, {"lowercase", true}}},
               {"model", {{"type", "WordPiece"}, {"unk_token", "[UNK]"}, {"vocab", ids}}}}
              .dump());
  }

  Weights weights(options);
  const size_t hidden = options.hidden_size, wide = options.intermediate_size;
  weights.Add("embeddings.word_embeddings.weight", {vocabulary.size(), hidden}, 0, 0.5f);
  weights.Add("embeddings.position_embeddings.weight", {positions, hidden}, 0, 0.1f);
  weights.Add("embeddings.token_type_embeddings.weight", {2, hidden}, 0, 0.1f);
  weights.AddNorm("embeddings.LayerNorm");
  for (size_t layer = 0; layer < options.layer_count; ++layer) {
    const std::string name = "encoder.layer." + std::to_string(layer) + ".";
    for (const char* part : {"query", "key", "value"}) {
      weights.AddDense(name + "attention.self." + part, hidden, hidden);
    }
    weights.AddDense(name + "attention.output.dense", hidden, hidden);
    weights.AddNorm(name + "attention.output.LayerNorm");
    weights.AddDense(name + "intermediate.dense", wide, hidden);
    weights.AddDense(name + "output.dense", hidden, wide);
    weights.AddNorm(name + "output.LayerNorm");
  }
  Write(directory + "/model.safetensors", SafetensorsBytes(weights.tensors(), options.type));
}

}  // namespace simile

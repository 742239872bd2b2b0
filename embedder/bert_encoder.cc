#include "embedder/bert_encoder.h"

#include <algorithm>
#include <utility>

#include "fmt/format.h"

namespace simile {

// Activations of one thread; grows to the largest batch seen.
class BertEncoder::Memory final : public Encoder::Workspace {
 public:
  Memory(const ModelConfig& config, const Kernels& kernels)
      : config_(config),
        scratch(NewAlignedFloats(kernels.AttentionScratch(config.tokens_max, config.head_size()))) {
  }

  void GrowTo(size_t tokens) {
    if (tokens <= tokens_) return;
    hidden = NewAlignedFloats(tokens * config_.hidden_size);
    wide = NewAlignedFloats(tokens * std::max(3 * config_.hidden_size, config_.intermediate_size));
    context = NewAlignedFloats(tokens * config_.hidden_size);
    sum = NewAlignedFloats(tokens * config_.hidden_size);
    tokens_ = tokens;
  }

 private:
  const ModelConfig& config_;
  size_t tokens_ = 0;

 public:
  AlignedFloats hidden;   // Between layers.
  AlignedFloats wide;     // Queries, keys and values; then the intermediate activations.
  AlignedFloats context;  // What attention gives.
  AlignedFloats sum;      // After attention.
  AlignedFloats scratch;
};

BertEncoder::BertEncoder(const ModelConfig& config, ModelInfo info,
                         std::unique_ptr<Tokenizer> tokenizer, const Kernels& kernels)
    : config_(config),
      info_(std::move(info)),
      tokenizer_(std::move(tokenizer)),
      kernels_(kernels) {}

absl::StatusOr<std::unique_ptr<BertEncoder>> BertEncoder::Create(
    const ModelConfig& config, ModelInfo info, std::unique_ptr<Tokenizer> tokenizer,
    const SafetensorsFile& file, const Kernels& kernels) {
  std::unique_ptr<BertEncoder> encoder(
      new BertEncoder(config, std::move(info), std::move(tokenizer), kernels));
  if (absl::Status s = encoder->ReadWeights(file); !s.ok()) return s;
  return encoder;
}

absl::Status BertEncoder::ReadWeights(const SafetensorsFile& file) {
  // Saved from a BertModel the names begin at once, from a model with a head after "bert.".
  const std::string prefix = file.Has("bert.embeddings.word_embeddings.weight") ? "bert." : "";
  if (absl::Status s = ReadEmbeddings(file, prefix + "embeddings."); !s.ok()) return s;
  layers_.resize(config_.layer_count);
  for (size_t layer = 0; layer < config_.layer_count; ++layer) {
    const std::string name = fmt::format("{}encoder.layer.{}.", prefix, layer);
    if (absl::Status s = ReadLayer(file, name, layers_[layer]); !s.ok()) return s;
  }
  return absl::OkStatus();
}

absl::Status BertEncoder::ReadEmbeddings(const SafetensorsFile& file, const std::string& prefix) {
  const size_t hidden = config_.hidden_size;
  auto words = file.Read(prefix + "word_embeddings.weight", {config_.vocabulary_size, hidden});
  if (!words.ok()) return words.status();
  auto positions =
      file.Read(prefix + "position_embeddings.weight", {config_.position_count, hidden});
  if (!positions.ok()) return positions.status();
  const auto types =
      file.Read(prefix + "token_type_embeddings.weight", {config_.type_count, hidden});
  if (!types.ok()) return types.status();
  words_ = *std::move(words);
  positions_ = *std::move(positions);
  // Only positions that a text can reach are kept.
  positions_.resize(config_.tokens_max * hidden);
  positions_.shrink_to_fit();
  for (size_t at = 0; at < positions_.size(); ++at) positions_[at] += (*types)[at % hidden];
  return ReadNorm(file, prefix + "LayerNorm", embedding_norm_);
}

absl::Status BertEncoder::ReadLayer(const SafetensorsFile& file, const std::string& prefix,
                                    Layer& layer) {
  const size_t hidden = config_.hidden_size;
  const size_t wide = config_.intermediate_size;
  const std::string self = prefix + "attention.self.";
  const absl::Status steps[] = {
      ReadDense(file, {self + "query", self + "key", self + "value"}, hidden, hidden,
                layer.query_key_value),
      ReadDense(file, {prefix + "attention.output.dense"}, hidden, hidden, layer.attention_output),
      ReadNorm(file, prefix + "attention.output.LayerNorm", layer.attention_norm),
      ReadDense(file, {prefix + "intermediate.dense"}, wide, hidden, layer.intermediate),
      ReadDense(file, {prefix + "output.dense"}, hidden, wide, layer.output),
      ReadNorm(file, prefix + "output.LayerNorm", layer.output_norm)};
  for (const absl::Status& step : steps) {
    if (!step.ok()) return step;
  }
  return absl::OkStatus();
}

absl::Status BertEncoder::ReadDense(const SafetensorsFile& file,
                                    const std::vector<std::string>& names, size_t outputs_each,
                                    size_t inputs, Dense& dense) const {
  std::vector<float> weights;
  for (const std::string& name : names) {
    const auto part = file.Read(name + ".weight", {outputs_each, inputs});
    if (!part.ok()) return part.status();
    const auto bias = file.Read(name + ".bias", {outputs_each});
    if (!bias.ok()) return bias.status();
    weights.insert(weights.end(), part->begin(), part->end());
    dense.bias.insert(dense.bias.end(), bias->begin(), bias->end());
  }
  dense.weights = kernels_.Pack(weights, names.size() * outputs_each, inputs);
  return absl::OkStatus();
}

absl::Status BertEncoder::ReadNorm(const SafetensorsFile& file, const std::string& name,
                                   Norm& norm) const {
  auto gamma = file.Read(name + ".weight", {config_.hidden_size});
  if (!gamma.ok()) return gamma.status();
  auto beta = file.Read(name + ".bias", {config_.hidden_size});
  if (!beta.ok()) return beta.status();
  norm = {.gamma = *std::move(gamma), .beta = *std::move(beta)};
  return absl::OkStatus();
}

std::unique_ptr<Encoder::Workspace> BertEncoder::NewWorkspace() const {
  return std::make_unique<Memory>(config_, kernels_);
}

absl::Status BertEncoder::CheckBatch(const PackedBatch& batch,
                                     std::span<const float> vectors) const {
  if (vectors.size() != batch.sequence_count() * config_.hidden_size) {
    return absl::InvalidArgumentError(
        fmt::format("there is room for {} floats, but {} sequences need {}", vectors.size(),
                    batch.sequence_count(), batch.sequence_count() * config_.hidden_size));
  }
  if (batch.sequence_count() == 0) return absl::OkStatus();
  if (batch.sequence_start.front() != 0 || batch.sequence_start.back() != batch.ids.size()) {
    return absl::InvalidArgumentError("the sequences do not cover the ids");
  }
  for (size_t sequence = 0; sequence < batch.sequence_count(); ++sequence) {
    const uint32_t first = batch.sequence_start[sequence];
    const uint32_t end = batch.sequence_start[sequence + 1];
    if (end <= first || end - first > config_.tokens_max || end > batch.ids.size()) {
      return absl::InvalidArgumentError(
          fmt::format("sequence {} has ids {} to {}; it must have 1 to {} ids", sequence, first,
                      end, config_.tokens_max));
    }
  }
  const auto out_of_range = std::ranges::find_if(
      batch.ids, [this](uint32_t id) { return id >= config_.vocabulary_size; });
  if (out_of_range != batch.ids.end()) {
    return absl::InvalidArgumentError(fmt::format("there is no token {}; the vocabulary has {}",
                                                  *out_of_range, config_.vocabulary_size));
  }
  return absl::OkStatus();
}

absl::Status BertEncoder::Run(const PackedBatch& batch, Workspace& workspace,
                              std::span<float> vectors) const {
  return RunObserved(batch, workspace, vectors, nullptr);
}

absl::Status BertEncoder::RunObserved(const PackedBatch& batch, Workspace& workspace,
                                      std::span<float> vectors,
                                      const LayerObserver& observer) const {
  if (absl::Status s = CheckBatch(batch, vectors); !s.ok()) return s;
  const size_t hidden = config_.hidden_size;
  const size_t tokens = batch.ids.size();
  auto& memory = static_cast<Memory&>(workspace);
  memory.GrowTo(tokens);
  for (size_t sequence = 0; sequence < batch.sequence_count(); ++sequence) {
    const uint32_t first = batch.sequence_start[sequence];
    const uint32_t count = batch.sequence_start[sequence + 1] - first;
    kernels_.Embed(batch.ids.subspan(first, count), words_.data(), positions_.data(), hidden,
                   memory.hidden.get() + first * hidden);
  }
  kernels_.LayerNorm(memory.hidden.get(), tokens, hidden, embedding_norm_.gamma.data(),
                     embedding_norm_.beta.data(), config_.layer_norm_epsilon);
  if (observer) observer(0, {memory.hidden.get(), tokens * hidden});
  for (size_t layer = 0; layer < layers_.size(); ++layer) {
    RunLayer(layers_[layer], batch, memory);
    if (observer) observer(layer + 1, {memory.hidden.get(), tokens * hidden});
  }
  for (size_t sequence = 0; sequence < batch.sequence_count(); ++sequence) {
    const uint32_t first = batch.sequence_start[sequence];
    const uint32_t count = batch.sequence_start[sequence + 1] - first;
    kernels_.Pool(memory.hidden.get() + first * hidden, count, hidden, config_.pooling,
                  config_.normalize, vectors.data() + sequence * hidden);
  }
  return absl::OkStatus();
}

void BertEncoder::RunLayer(const Layer& layer, const PackedBatch& batch, Memory& memory) const {
  const size_t hidden = config_.hidden_size;
  const size_t tokens = batch.ids.size();
  float* wide = memory.wide.get();
  kernels_.Linear(memory.hidden.get(), tokens, layer.query_key_value.weights,
                  layer.query_key_value.bias.data(), Activation::kNone, nullptr, wide);
  for (size_t sequence = 0; sequence < batch.sequence_count(); ++sequence) {
    const uint32_t first = batch.sequence_start[sequence];
    const uint32_t count = batch.sequence_start[sequence + 1] - first;
    kernels_.Attention(wide + first * 3 * hidden, count, config_.head_count, config_.head_size(),
                       memory.scratch.get(), memory.context.get() + first * hidden);
  }
  kernels_.Linear(memory.context.get(), tokens, layer.attention_output.weights,
                  layer.attention_output.bias.data(), Activation::kNone, memory.hidden.get(),
                  memory.sum.get());
  kernels_.LayerNorm(memory.sum.get(), tokens, hidden, layer.attention_norm.gamma.data(),
                     layer.attention_norm.beta.data(), config_.layer_norm_epsilon);
  kernels_.Linear(memory.sum.get(), tokens, layer.intermediate.weights,
                  layer.intermediate.bias.data(), Activation::kGelu, nullptr, wide);
  kernels_.Linear(wide, tokens, layer.output.weights, layer.output.bias.data(), Activation::kNone,
                  memory.sum.get(), memory.hidden.get());
  kernels_.LayerNorm(memory.hidden.get(), tokens, hidden, layer.output_norm.gamma.data(),
                     layer.output_norm.beta.data(), config_.layer_norm_epsilon);
}

}  // namespace simile

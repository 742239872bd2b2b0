#include "embedder/bert_encoder.h"

#include <algorithm>
#include <utility>

#include "embedder/pooling.h"
#include "fmt/format.h"

namespace simile {
namespace {

// More tokens in one pass do not fit the second-level cache with their activations; fewer read the
// weights too often for what they compute.
constexpr size_t kPassTokensMax = 512;

}  // namespace

// Activations of one thread; grows to the largest batch seen.
class BertEncoder::Memory final : public Encoder::Workspace {
 public:
  Memory(const ModelConfig& config, const Kernels& kernels)
      : scratch(kernels.AttentionScratchBytes(config.tokens_max, config.head_size())),
        config_(config),
        kernels_(kernels) {}

  void GrowTo(size_t tokens) {
    if (tokens <= tokens_) return;
    const size_t hidden_size = config_.hidden_size;
    hidden = AlignedBuffer<float>(tokens * hidden_size);
    operand = OpaqueBuffer(kernels_.OperandBytes(tokens, hidden_size));
    projections = OpaqueBuffer(kernels_.ProjectionBytes(tokens, 3 * hidden_size));
    intermediate = OpaqueBuffer(kernels_.OperandBytes(tokens, config_.intermediate_size));
    tokens_ = tokens;
  }

  AlignedBuffer<float> hidden;  // The residual stream.
  OpaqueBuffer operand;         // The same as an operand; then what attention gives.
  OpaqueBuffer projections;     // Queries, keys and values.
  OpaqueBuffer intermediate;
  OpaqueBuffer scratch;

 private:
  const ModelConfig& config_;
  const Kernels& kernels_;
  size_t tokens_ = 0;
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
                                    size_t inputs, PackedWeights& dense) const {
  std::vector<float> weights, biases;
  for (const std::string& name : names) {
    const auto part = file.Read(name + ".weight", {outputs_each, inputs});
    if (!part.ok()) return part.status();
    const auto bias = file.Read(name + ".bias", {outputs_each});
    if (!bias.ok()) return bias.status();
    weights.insert(weights.end(), part->begin(), part->end());
    biases.insert(biases.end(), bias->begin(), bias->end());
  }
  dense = kernels_.Pack(weights, biases, names.size() * outputs_each, inputs);
  return absl::OkStatus();
}

absl::Status BertEncoder::ReadNorm(const SafetensorsFile& file, const std::string& name,
                                   Norm& norm) const {
  auto gamma = file.Read(name + ".weight", {config_.hidden_size});
  if (!gamma.ok()) return gamma.status();
  auto beta = file.Read(name + ".bias", {config_.hidden_size});
  if (!beta.ok()) return beta.status();
  norm = {
      .gamma = *std::move(gamma), .beta = *std::move(beta), .epsilon = config_.layer_norm_epsilon};
  return absl::OkStatus();
}

std::unique_ptr<Encoder::Workspace> BertEncoder::NewWorkspace() const {
  return std::make_unique<Memory>(config_, kernels_);
}

absl::Status BertEncoder::CheckBatch(const PackedBatch& batch,
                                     std::span<const float> vectors) const {
  if (vectors.size() != batch.sequence_count() * info_.dimension) {
    return absl::InvalidArgumentError(
        fmt::format("there is room for {} floats, but {} sequences need {}", vectors.size(),
                    batch.sequence_count(), batch.sequence_count() * info_.dimension));
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

absl::Status BertEncoder::CheckOptions(const EncoderRunOptions& options,
                                       const PackedBatch& batch) const {
  const size_t floats = batch.ids.size() * config_.hidden_size;
  if (options.token_vectors.empty() || options.token_vectors.size() == floats) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      fmt::format("there is room for {} floats of tokens, but {} tokens need {}",
                  options.token_vectors.size(), batch.ids.size(), floats));
}

absl::Status BertEncoder::RunWith(const EncoderRunOptions& options, const PackedBatch& batch,
                                  Workspace& workspace, std::span<float> vectors) const {
  // Does what the options ask for on the way.
  class OptionsObserver final : public Observer {
   public:
    OptionsObserver(const EncoderRunOptions& options, size_t layer_count)
        : options_(options), layer_count_(layer_count) {}

    void AfterStage(Stage) override {
      if (options_.between_steps) options_.between_steps();
    }
    void AfterLayer(size_t layer, std::span<const float> rows) override {
      if (layer != layer_count_ || options_.token_vectors.empty()) return;
      std::ranges::copy(rows, options_.token_vectors.begin() + static_cast<ptrdiff_t>(copied_));
      copied_ += rows.size();
    }

   private:
    const EncoderRunOptions& options_;
    const size_t layer_count_;
    size_t copied_ = 0;  // Floats of the passes before.
  };
  if (absl::Status s = CheckOptions(options, batch); !s.ok()) return s;
  OptionsObserver observer(options, layers_.size());
  return RunObserved(batch, workspace, vectors, observer);
}

std::span<const float> BertEncoder::InputVector(uint32_t id) const {
  return std::span(words_).subspan(id * config_.hidden_size, config_.hidden_size);
}

absl::Status BertEncoder::RunObserved(const PackedBatch& batch, Workspace& workspace,
                                      std::span<float> vectors, Observer& observer) const {
  if (absl::Status s = CheckBatch(batch, vectors); !s.ok()) return s;
  auto& memory = static_cast<Memory&>(workspace);
  for (size_t first = 0; first < batch.sequence_count();) {
    size_t end = first + 1;
    while (end < batch.sequence_count() &&
           batch.sequence_start[end + 1] - batch.sequence_start[first] <= kPassTokensMax) {
      ++end;
    }
    RunPass(batch, first, end, memory, vectors, observer);
    first = end;
  }
  return absl::OkStatus();
}

void BertEncoder::RunPass(const PackedBatch& batch, size_t first, size_t end, Memory& memory,
                          std::span<float> vectors, Observer& observer) const {
  const size_t hidden = config_.hidden_size;
  Pass pass;
  pass.ids = batch.ids.subspan(batch.sequence_start[first],
                               batch.sequence_start[end] - batch.sequence_start[first]);
  for (size_t sequence = first; sequence < end; ++sequence) {
    pass.sequences.push_back(
        {.first = batch.sequence_start[sequence] - batch.sequence_start[first],
         .count = batch.sequence_start[sequence + 1] - batch.sequence_start[sequence]});
  }
  memory.GrowTo(pass.ids.size());
  const std::span<const float> rows(memory.hidden.data(), pass.ids.size() * hidden);
  EmbedTokens(pass, memory);
  observer.AfterStage(Stage::kEmbed);
  observer.AfterLayer(0, rows);
  for (size_t layer = 0; layer < layers_.size(); ++layer) {
    RunLayer(layers_[layer], pass, memory, observer);
    observer.AfterLayer(layer + 1, rows);
  }
  const size_t dimension = info_.dimension;
  for (size_t at = 0; at < pass.sequences.size(); ++at) {
    const Sequence& sequence = pass.sequences[at];
    const std::span<float> vector = vectors.subspan((first + at) * dimension, dimension);
    for (size_t part = 0; part < config_.poolings.size(); ++part) {
      Pool(rows.subspan(sequence.first * hidden), sequence.count, config_.poolings[part],
           vector.subspan(part * hidden, hidden));
    }
    if (config_.normalize) ScaleToUnitLength(vector);
  }
  observer.AfterStage(Stage::kPool);
}

void BertEncoder::EmbedTokens(const Pass& pass, Memory& memory) const {
  const size_t hidden = config_.hidden_size;
  for (const Sequence& sequence : pass.sequences) {
    for (size_t token = 0; token < sequence.count; ++token) {
      const float* word = words_.data() + pass.ids[sequence.first + token] * hidden;
      const float* position = positions_.data() + token * hidden;
      float* row = memory.hidden.data() + (sequence.first + token) * hidden;
      for (size_t axis = 0; axis < hidden; ++axis) row[axis] = word[axis] + position[axis];
    }
  }
  kernels_.LayerNorm(memory.hidden.data(), pass.ids.size(), embedding_norm_, memory.operand.data());
}

void BertEncoder::RunLayer(const Layer& layer, const Pass& pass, Memory& memory,
                           Observer& observer) const {
  const size_t tokens = pass.ids.size();
  float* hidden = memory.hidden.data();
  std::byte* operand = memory.operand.data();
  std::byte* intermediate = memory.intermediate.data();

  kernels_.Project(operand, tokens, layer.query_key_value, memory.projections.data());
  observer.AfterStage(Stage::kProject);
  AttentionShape shape{
      .batch_rows = tokens, .heads = config_.head_count, .head_size = config_.head_size()};
  for (const Sequence& sequence : pass.sequences) {
    shape.first_row = sequence.first;
    shape.tokens = sequence.count;
    kernels_.Attention(memory.projections.data(), shape, memory.scratch.data(), operand);
  }
  observer.AfterStage(Stage::kAttention);
  kernels_.LinearAdd(operand, tokens, layer.attention_output, hidden);
  observer.AfterStage(Stage::kAttentionOutput);
  kernels_.LayerNorm(hidden, tokens, layer.attention_norm, operand);
  observer.AfterStage(Stage::kNorm);
  kernels_.LinearGelu(operand, tokens, layer.intermediate, intermediate);
  observer.AfterStage(Stage::kIntermediate);
  kernels_.LinearAdd(intermediate, tokens, layer.output, hidden);
  observer.AfterStage(Stage::kOutput);
  kernels_.LayerNorm(hidden, tokens, layer.output_norm, operand);
  observer.AfterStage(Stage::kNorm);
}

}  // namespace simile

#ifndef SIMILE_EMBEDDER_BERT_ENCODER_H_
#define SIMILE_EMBEDDER_BERT_ENCODER_H_

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "embedder/encoder.h"
#include "embedder/kernels.h"
#include "embedder/model_config.h"
#include "embedder/safetensors_file.h"

namespace simile {

// A BERT (Devlin et al. 2018, arXiv 1810.04805) without its pooler head: embeddings, layers of
// attention and feed-forward with the norm after each, then pooling. Weights are packed once and
// shared by all threads.
//
// Thread safety: as Encoder.
class BertEncoder final : public Encoder {
 public:
  // The parts of a forward pass whose time and precision are worth knowing one by one.
  enum class Stage {
    kEmbed,
    kProject,
    kAttention,
    kAttentionOutput,
    kIntermediate,
    kOutput,
    kNorm,
    kPool
  };

  // Looks on while a batch passes, for tests and benches.
  class Observer {
   public:
    virtual ~Observer() = default;
    virtual void AfterStage(Stage) {}
    // With what went into the first layer (0) and came out of each.
    virtual void AfterLayer(size_t /*layer*/, std::span<const float> /*rows*/) {}
  };

  // Packs the weights of `file`. `kernels` must be able to run the model's shape. NotFound or
  // FailedPrecondition naming file and tensor.
  static absl::StatusOr<std::unique_ptr<BertEncoder>> Create(const ModelConfig& config,
                                                             ModelInfo info,
                                                             std::unique_ptr<Tokenizer> tokenizer,
                                                             const SafetensorsFile& file,
                                                             const Kernels& kernels);

  const ModelConfig& config() const { return config_; }
  const ModelInfo& info() const override { return info_; }
  const Tokenizer& tokenizer() const override { return *tokenizer_; }
  std::unique_ptr<Workspace> NewWorkspace() const override;
  // A step is a stage: at most about a third of a layer.
  absl::Status RunWith(const EncoderRunOptions& options, const PackedBatch& batch,
                       Workspace& workspace, std::span<float> vectors) const override;
  // A row of the table of words, before position and norm.
  std::span<const float> InputVector(uint32_t id) const override;

  absl::Status RunObserved(const PackedBatch& batch, Workspace& workspace, std::span<float> vectors,
                           Observer& observer) const;

 private:
  class Memory;

  struct Sequence {
    size_t first = 0;
    size_t count = 0;
  };
  // Sequences that pass through the layers together, end to end.
  struct Pass {
    std::span<const uint32_t> ids;
    std::vector<Sequence> sequences;
  };
  struct Layer {
    PackedWeights query_key_value;  // The three side by side.
    PackedWeights attention_output;
    Norm attention_norm;
    PackedWeights intermediate;
    PackedWeights output;
    Norm output_norm;
  };

  BertEncoder(const ModelConfig& config, ModelInfo info, std::unique_ptr<Tokenizer> tokenizer,
              const Kernels& kernels);
  absl::Status ReadWeights(const SafetensorsFile& file);
  absl::Status ReadEmbeddings(const SafetensorsFile& file, const std::string& prefix);
  absl::Status ReadLayer(const SafetensorsFile& file, const std::string& prefix, Layer& layer);
  absl::Status ReadDense(const SafetensorsFile& file, const std::vector<std::string>& names,
                         size_t outputs_each, size_t inputs, PackedWeights& dense) const;
  absl::Status ReadNorm(const SafetensorsFile& file, const std::string& name, Norm& norm) const;
  absl::Status CheckBatch(const PackedBatch& batch, std::span<const float> vectors) const;
  absl::Status CheckOptions(const EncoderRunOptions& options, const PackedBatch& batch) const;
  void RunPass(const PackedBatch& batch, size_t first, size_t end, Memory& memory,
               std::span<float> vectors, Observer& observer) const;
  void EmbedTokens(const Pass& pass, Memory& memory) const;
  void RunLayer(const Layer& layer, const Pass& pass, Memory& memory, Observer& observer) const;

  const ModelConfig config_;
  const ModelInfo info_;
  const std::unique_ptr<Tokenizer> tokenizer_;
  const Kernels& kernels_;
  std::vector<float> words_;      // [vocabulary][hidden]
  std::vector<float> positions_;  // [position][hidden], with the first token type added.
  Norm embedding_norm_;
  std::vector<Layer> layers_;
};

}  // namespace simile

#endif  // SIMILE_EMBEDDER_BERT_ENCODER_H_

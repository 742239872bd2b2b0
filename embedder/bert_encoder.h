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
  // Called with what went into and came out of each layer (0: the embeddings), for tests.
  using LayerObserver = std::function<void(size_t layer, std::span<const float> rows)>;

  // Packs the weights of `file`. NotFound or FailedPrecondition naming file and tensor.
  static absl::StatusOr<std::unique_ptr<BertEncoder>> Create(const ModelConfig& config,
                                                             ModelInfo info,
                                                             std::unique_ptr<Tokenizer> tokenizer,
                                                             const SafetensorsFile& file,
                                                             const Kernels& kernels);

  const ModelInfo& info() const override { return info_; }
  const Tokenizer& tokenizer() const override { return *tokenizer_; }
  std::unique_ptr<Workspace> NewWorkspace() const override;
  absl::Status Run(const PackedBatch& batch, Workspace& workspace,
                   std::span<float> vectors) const override;

  absl::Status RunObserved(const PackedBatch& batch, Workspace& workspace, std::span<float> vectors,
                           const LayerObserver& observer) const;

 private:
  class Memory;

  struct Dense {
    PackedWeights weights;
    std::vector<float> bias;
  };
  struct Norm {
    std::vector<float> gamma;
    std::vector<float> beta;
  };
  struct Layer {
    Dense query_key_value;  // The three side by side.
    Dense attention_output;
    Norm attention_norm;
    Dense intermediate;
    Dense output;
    Norm output_norm;
  };

  BertEncoder(const ModelConfig& config, ModelInfo info, std::unique_ptr<Tokenizer> tokenizer,
              const Kernels& kernels);
  absl::Status ReadWeights(const SafetensorsFile& file);
  absl::Status ReadEmbeddings(const SafetensorsFile& file, const std::string& prefix);
  absl::Status ReadLayer(const SafetensorsFile& file, const std::string& prefix, Layer& layer);
  absl::Status ReadDense(const SafetensorsFile& file, const std::vector<std::string>& names,
                         size_t outputs_each, size_t inputs, Dense& dense) const;
  absl::Status ReadNorm(const SafetensorsFile& file, const std::string& name, Norm& norm) const;
  absl::Status CheckBatch(const PackedBatch& batch, std::span<const float> vectors) const;
  void RunLayer(const Layer& layer, const PackedBatch& batch, Memory& memory) const;

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

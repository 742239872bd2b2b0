#ifndef SIMILE_EMBEDDER_ENCODER_H_
#define SIMILE_EMBEDDER_ENCODER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "embedder/prompt.h"
#include "embedder/tokenizer.h"

namespace simile {

// What a loaded model is. Two models with the same fingerprint give the same vectors.
struct ModelInfo {
  std::string name;          // The model directory's last path component.
  std::string architecture;  // From config.json, e.g. "bert".
  std::string pooling;       // "mean", "cls", ...; several joined by "+".
  bool normalized = false;   // True when vectors are scaled to length 1.
  size_t dimension = 0;      // Floats per vector.
  size_t hidden_size = 0;    // Floats per token.
  size_t tokens_max = 0;     // Longer texts are cut, special tokens included.
  size_t parameter_count = 0;
  std::string fingerprint;      // 64 hex digits, SHA-256 over weights, tokenizer and settings.
  std::string instruction_set;  // The level of the kernels, e.g. "amx"; see EncoderSettings.
  std::string precision;        // Of products: "float32" or "bfloat16".
  std::vector<Prompt> prompts;  // By name.
  std::string default_prompt;   // The text put before texts that come without a prompt.
};

// Several token sequences laid end to end: no padding, no mask.
struct PackedBatch {
  std::span<const uint32_t> ids;
  std::span<const uint32_t>
      sequence_start;  // One more entry than sequences; the last is ids.size().

  size_t sequence_count() const { return sequence_start.empty() ? 0 : sequence_start.size() - 1; }
};

// What a run does beside giving a vector to each sequence.
struct EncoderRunOptions {
  // Where the rows of all ids go as they leave the last layer, before pooling: ids.size() *
  // info().hidden_size floats. Empty: nowhere.
  std::span<float> token_vectors;
  // Called on this thread between steps of a few milliseconds, if the encoder has them. It may Run
  // other batches, with other workspaces: so something urgent need not wait for a long batch. May
  // be empty.
  std::function<void()> between_steps;
};

// A loaded model: tokenizer, weights and kernels.
//
// Thread safety: immutable after loading; Run may be called together from several threads, each
// with a workspace of its own.
class Encoder {
 public:
  // Scratch memory of one thread; grows to the largest batch it has seen.
  class Workspace {
   public:
    virtual ~Workspace() = default;
  };

  virtual ~Encoder() = default;

  virtual const ModelInfo& info() const = 0;
  virtual const Tokenizer& tokenizer() const = 0;
  virtual std::unique_ptr<Workspace> NewWorkspace() const = 0;

  // Writes one vector of info().dimension floats per sequence to `vectors`, in order. The vector of
  // a sequence has the same bits whatever else is in the batch. Every sequence must have 1 to
  // info().tokens_max ids below tokenizer().vocabulary_size(), and `vectors` must have
  // sequence_count() * dimension floats: InvalidArgument otherwise, and nothing is written.
  absl::Status Run(const PackedBatch& batch, Workspace& workspace, std::span<float> vectors) const {
    return RunWith({}, batch, workspace, vectors);
  }

  // The same with more to it.
  virtual absl::Status RunWith(const EncoderRunOptions& options, const PackedBatch& batch,
                               Workspace& workspace, std::span<float> vectors) const = 0;

  // The row that stands for a token before it has a context: info().hidden_size floats. `id` must
  // be below tokenizer().vocabulary_size().
  virtual std::span<const float> InputVector(uint32_t id) const = 0;
};

struct EncoderSettings {
  // Which kernels: "amx", "avx512_bf16", "avx512", "avx2", "neon", "scalar" and what else
  // EncoderLevels lists. Empty: the best that this machine has for the model.
  std::string level;
  // Leaves out levels that round operands to bfloat16: vectors are within 1e-5 of the reference's.
  bool float32_only = false;
};

// The levels that this machine has, best first.
std::vector<std::string> EncoderLevels();

// Loads a Hugging Face sentence-transformers directory (modules.json, config.json,
// sentence_bert_config.json, config_sentence_transformers.json, 1_Pooling/config.json, vocab.txt or
// tokenizer.json, model.safetensors) holding a BERT, pooling of any kind and optional
// normalisation. NotFound when the directory or a file is missing; DataLoss when a file is damaged
// or truncated; FailedPrecondition when the model is of a kind this encoder cannot run, or not at
// the level that `settings` asks for; InvalidArgument when this machine has no such level; Internal
// when the level gives another vector than plain loops do (model_self_test.h). The message names
// the file and the reason. Cost: maps the weights and packs them once, and for the self-test once
// more for a moment (about 0.7 s for 90 MB).
absl::StatusOr<std::unique_ptr<Encoder>> LoadEncoder(const std::string& model_directory,
                                                     const EncoderSettings& settings = {});

}  // namespace simile

#endif  // SIMILE_EMBEDDER_ENCODER_H_

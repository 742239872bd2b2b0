#ifndef SIMILE_TESTS_SUPPORT_HASHING_ENCODER_H_
#define SIMILE_TESTS_SUPPORT_HASHING_ENCODER_H_

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "embedder/encoder.h"

namespace simile {

// A stand-in for a model in tests of the engine: a bag of words hashed into `dimension` axes and
// scaled to length 1. Texts that share words are near; a word is a token. Counts what it encodes.
class HashingEncoder final : public Encoder {
 public:
  // `fingerprint` tells two models of the same name apart.
  HashingEncoder(const std::string& name, size_t dimension, size_t tokens_max,
                 const std::string& fingerprint);

  // Of what it says about itself, before it is used.
  ModelInfo& mutable_info() { return info_; }

  const ModelInfo& info() const override { return info_; }
  const Tokenizer& tokenizer() const override { return *tokenizer_; }
  std::unique_ptr<Workspace> NewWorkspace() const override;
  // The row of a token is its axis and half of that of the token before it.
  absl::Status RunWith(const EncoderRunOptions& options, const PackedBatch& batch,
                       Workspace& workspace, std::span<float> vectors) const override;
  // 1 on the token's axis.
  std::span<const float> InputVector(uint32_t id) const override;

  size_t texts_encoded() const { return texts_encoded_; }

 private:
  ModelInfo info_;
  std::unique_ptr<Tokenizer> tokenizer_;
  std::vector<float> one_among_zeros_;
  mutable std::atomic<size_t> texts_encoded_{0};
};

}  // namespace simile

#endif  // SIMILE_TESTS_SUPPORT_HASHING_ENCODER_H_

#ifndef SIMILE_TESTS_SUPPORT_HASHING_ENCODER_H_
#define SIMILE_TESTS_SUPPORT_HASHING_ENCODER_H_

#include <atomic>
#include <memory>
#include <string>

#include "embedder/encoder.h"

namespace simile {

// A stand-in for a model in tests of the engine: a bag of words hashed into `dimension` axes and
// scaled to length 1. Texts that share words are near; a word is a token. Counts what it encodes.
class HashingEncoder final : public Encoder {
 public:
  // `fingerprint` tells two models of the same name apart.
  HashingEncoder(const std::string& name, size_t dimension, size_t tokens_max,
                 const std::string& fingerprint);

  const ModelInfo& info() const override { return info_; }
  const Tokenizer& tokenizer() const override { return *tokenizer_; }
  std::unique_ptr<Workspace> NewWorkspace() const override;
  absl::Status Run(const PackedBatch& batch, Workspace& workspace,
                   std::span<float> vectors) const override;

  size_t texts_encoded() const { return texts_encoded_; }

 private:
  ModelInfo info_;
  std::unique_ptr<Tokenizer> tokenizer_;
  mutable std::atomic<size_t> texts_encoded_{0};
};

}  // namespace simile

#endif  // SIMILE_TESTS_SUPPORT_HASHING_ENCODER_H_

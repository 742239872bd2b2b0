#ifndef SIMILE_TESTS_RPC_GATED_ENCODER_H_
#define SIMILE_TESTS_RPC_GATED_ENCODER_H_

#include <memory>
#include <utility>

#include "tests/support/gate.h"
#include "tests/support/hashing_encoder.h"

namespace simile {

// The hashing encoder, called "words", behind a gate.
class GatedEncoder final : public Encoder {
 public:
  explicit GatedEncoder(std::shared_ptr<Gate> gate) : gate_(std::move(gate)) {}

  const ModelInfo& info() const override { return encoder_.info(); }
  const Tokenizer& tokenizer() const override { return encoder_.tokenizer(); }
  std::unique_ptr<Workspace> NewWorkspace() const override { return encoder_.NewWorkspace(); }
  absl::Status RunWith(const EncoderRunOptions& options, const PackedBatch& batch,
                       Workspace& workspace, std::span<float> vectors) const override {
    gate_->Pass();
    return encoder_.RunWith(options, batch, workspace, vectors);
  }
  std::span<const float> InputVector(uint32_t id) const override {
    return encoder_.InputVector(id);
  }

 private:
  const HashingEncoder encoder_{"words", 64, 16, "fingerprint"};
  const std::shared_ptr<Gate> gate_;
};

}  // namespace simile

#endif  // SIMILE_TESTS_RPC_GATED_ENCODER_H_

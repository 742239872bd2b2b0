#ifndef SIMILE_TESTS_RPC_GATED_ENCODER_H_
#define SIMILE_TESTS_RPC_GATED_ENCODER_H_

#include <condition_variable>
#include <memory>
#include <mutex>
#include <utility>

#include "tests/support/hashing_encoder.h"

namespace simile {

// Holds up whoever passes while it is shut, so that a test decides when work goes on.
class Gate {
 public:
  void Shut() {
    std::lock_guard lock(mutex_);
    open_ = false;
  }

  void Open() {
    {
      std::lock_guard lock(mutex_);
      open_ = true;
    }
    changed_.notify_all();
  }

  void Pass() {
    std::unique_lock lock(mutex_);
    ++waiting_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return open_; });
    --waiting_;
  }

  // Returns once somebody stands before the shut gate.
  void AwaitSomebody() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return waiting_ > 0; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = true;
  int waiting_ = 0;
};

// The hashing encoder, called "words", behind a gate.
class GatedEncoder final : public Encoder {
 public:
  explicit GatedEncoder(std::shared_ptr<Gate> gate) : gate_(std::move(gate)) {}

  const ModelInfo& info() const override { return encoder_.info(); }
  const Tokenizer& tokenizer() const override { return encoder_.tokenizer(); }
  std::unique_ptr<Workspace> NewWorkspace() const override { return encoder_.NewWorkspace(); }
  absl::Status Run(const PackedBatch& batch, Workspace& workspace,
                   std::span<float> vectors) const override {
    gate_->Pass();
    return encoder_.Run(batch, workspace, vectors);
  }

 private:
  const HashingEncoder encoder_{"words", 64, 16, "fingerprint"};
  const std::shared_ptr<Gate> gate_;
};

}  // namespace simile

#endif  // SIMILE_TESTS_RPC_GATED_ENCODER_H_

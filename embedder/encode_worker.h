#ifndef SIMILE_EMBEDDER_ENCODE_WORKER_H_
#define SIMILE_EMBEDDER_ENCODE_WORKER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "embedder/encode_queue.h"
#include "embedder/encoder.h"

namespace simile {

// What the model gave for some texts.
struct EncodedTexts {
  std::span<const float> vectors;        // One for each text, end to end.
  std::span<const float> token_vectors;  // One for each of their tokens, or none at all.
};

// The memory in which one thread takes texts through the model. It grows to the largest pass and is
// used again, so that nothing is allocated per pass.
//
// Thread safety: none; each thread has its own.
class EncodeWorker {
 public:
  // `encoder` must outlive the worker.
  explicit EncodeWorker(const Encoder& encoder) : encoder_(encoder) {}

  // What it returns stays until the next call. `between_steps` is called as EncoderRunOptions says,
  // and may call RunBetweenSteps.
  absl::StatusOr<EncodedTexts> Run(std::span<const WaitingText* const> texts,
                                   const std::function<void()>& between_steps);

  // The same for texts that are served in the middle of a Run, in memory of their own.
  absl::StatusOr<EncodedTexts> RunBetweenSteps(std::span<const WaitingText* const> texts);

 private:
  struct Memory {
    std::unique_ptr<Encoder::Workspace> workspace;
    std::vector<uint32_t> ids;
    std::vector<uint32_t> starts;
    std::vector<float> vectors;
    std::vector<float> token_vectors;
  };

  absl::StatusOr<EncodedTexts> RunIn(Memory& memory, std::span<const WaitingText* const> texts,
                                     const std::function<void()>& between_steps) const;

  const Encoder& encoder_;
  Memory memory_;
  Memory memory_between_steps_;
};

}  // namespace simile

#endif  // SIMILE_EMBEDDER_ENCODE_WORKER_H_

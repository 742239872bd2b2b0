#include "embedder/encode_worker.h"

namespace simile {

absl::StatusOr<std::span<const float>> EncodeWorker::Run(
    std::span<const WaitingText* const> texts, const std::function<void()>& between_steps) {
  return RunIn(memory_, texts, between_steps);
}

absl::StatusOr<std::span<const float>> EncodeWorker::RunBetweenSteps(
    std::span<const WaitingText* const> texts) {
  return RunIn(memory_between_steps_, texts, {});
}

absl::StatusOr<std::span<const float>> EncodeWorker::RunIn(
    Memory& memory, std::span<const WaitingText* const> texts,
    const std::function<void()>& between_steps) const {
  if (memory.workspace == nullptr) memory.workspace = encoder_.NewWorkspace();
  memory.ids.clear();
  memory.starts = {0};
  for (const WaitingText* text : texts) {
    memory.ids.insert(memory.ids.end(), text->ids.begin(), text->ids.end());
    memory.starts.push_back(static_cast<uint32_t>(memory.ids.size()));
  }
  memory.vectors.resize(texts.size() * encoder_.info().dimension);
  const PackedBatch batch{.ids = memory.ids, .sequence_start = memory.starts};
  const absl::Status status =
      between_steps ? encoder_.RunInSteps(batch, *memory.workspace, memory.vectors, between_steps)
                    : encoder_.Run(batch, *memory.workspace, memory.vectors);
  if (!status.ok()) return status;
  return memory.vectors;
}

}  // namespace simile

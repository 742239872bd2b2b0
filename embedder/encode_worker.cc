#include "embedder/encode_worker.h"

#include <algorithm>

namespace simile {

absl::StatusOr<EncodedTexts> EncodeWorker::Run(std::span<const WaitingText* const> texts,
                                               const std::function<void()>& between_steps) {
  return RunIn(memory_, texts, between_steps);
}

absl::StatusOr<EncodedTexts> EncodeWorker::RunBetweenSteps(
    std::span<const WaitingText* const> texts) {
  return RunIn(memory_between_steps_, texts, {});
}

absl::StatusOr<EncodedTexts> EncodeWorker::RunIn(Memory& memory,
                                                 std::span<const WaitingText* const> texts,
                                                 const std::function<void()>& between_steps) const {
  if (memory.workspace == nullptr) memory.workspace = encoder_.NewWorkspace();
  memory.ids.clear();
  memory.starts = {0};
  for (const WaitingText* text : texts) {
    memory.ids.insert(memory.ids.end(), text->ids.begin(), text->ids.end());
    memory.starts.push_back(static_cast<uint32_t>(memory.ids.size()));
  }
  memory.vectors.resize(texts.size() * encoder_.info().dimension);
  const bool wants_tokens = std::ranges::any_of(
      texts, [](const WaitingText* text) { return text->wants_token_vectors(); });
  memory.token_vectors.resize(wants_tokens ? memory.ids.size() * encoder_.info().hidden_size : 0);
  const absl::Status status = encoder_.RunWith(
      {.token_vectors = memory.token_vectors, .between_steps = between_steps},
      {.ids = memory.ids, .sequence_start = memory.starts}, *memory.workspace, memory.vectors);
  if (!status.ok()) return status;
  return EncodedTexts{.vectors = memory.vectors, .token_vectors = memory.token_vectors};
}

}  // namespace simile

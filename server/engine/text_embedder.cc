#include "server/engine/text_embedder.h"

#include "server/engine/errors.h"

namespace simile {

absl::StatusOr<EncodeResult> TextEmbedder::Encode(std::span<const std::string_view> texts,
                                                  const CallContext& context) const {
  if (texts.empty()) return EncodeResult{};
  const bool is_whole = dimension_ == model_.encoder().info().dimension;
  auto encoded = model_.Encode(texts, {.lane = lane_,
                                       .prompt = prompt_,
                                       .dimensions = is_whole ? 0 : dimension_,
                                       .waits_for_room = context.waits_for_room,
                                       .deadline = context.deadline,
                                       .cancelled = context.cancelled});
  if (!encoded.ok()) return WithRetryIfFull(encoded.status());
  return encoded;
}

}  // namespace simile

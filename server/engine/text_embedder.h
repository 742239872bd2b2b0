#ifndef SIMILE_SERVER_ENGINE_TEXT_EMBEDDER_H_
#define SIMILE_SERVER_ENGINE_TEXT_EMBEDDER_H_

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"
#include "embedder/encoder_service.h"
#include "server/engine/call_context.h"

namespace simile {

// How a collection turns its texts of one kind, documents or queries, into vectors: its model, what
// is put before each text, and how many components are kept.
//
// Thread safety: immutable; Encode may be called together. `model` must outlive it.
class TextEmbedder {
 public:
  // No prompt: the model's default one. `dimension` is at most the model's.
  TextEmbedder(EncoderService& model, EncodeLane lane, std::optional<std::string> prompt,
               size_t dimension)
      : model_(model), lane_(lane), prompt_(std::move(prompt)), dimension_(dimension) {}

  // One vector for each text. ResourceExhausted with a time to try again when too much waits for
  // the model and `context` does not wait for room.
  absl::StatusOr<EncodeResult> Encode(std::span<const std::string_view> texts,
                                      const CallContext& context) const;

 private:
  EncoderService& model_;
  const EncodeLane lane_;
  const std::optional<std::string> prompt_;
  const size_t dimension_;
};

}  // namespace simile

#endif  // SIMILE_SERVER_ENGINE_TEXT_EMBEDDER_H_

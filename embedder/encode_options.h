#ifndef SIMILE_EMBEDDER_ENCODE_OPTIONS_H_
#define SIMILE_EMBEDDER_ENCODE_OPTIONS_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace simile {

// Which queue a text waits in. Queries are served before ingest; ingest is never starved.
enum class EncodeLane { kQuery, kIngest };

// Which vectors of a text's tokens are wanted beside the text's own.
enum class TokenVectors {
  kNone,
  kInput,       // What stands for a token before it has a context: equal tokens, equal vectors.
  kContextual,  // What the last layer makes of it among its neighbours, before pooling.
};

struct EncodeOptions {
  EncodeLane lane = EncodeLane::kQuery;
  // Put before each text. None: the model's default prompt.
  std::optional<std::string> prompt;
  // Components that are kept of each vector, from the first, before it is scaled to length 1 again
  // if the model does that. 0: all. A model must be trained for it (Matryoshka representations,
  // arXiv 2205.13147).
  size_t dimensions = 0;
  // Of whole dimension always, and not scaled.
  TokenVectors token_vectors = TokenVectors::kNone;
  // When the lane is full: false refuses the call, true waits for room, in turn.
  bool waits_for_room = false;
  // Work not begun by then is dropped: DeadlineExceeded.
  std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::time_point::max();
  // Asked before work begins and between micro-batches, from any thread and with no lock held; true
  // drops the rest: Cancelled. May be empty.
  std::function<bool()> cancelled;
};

struct Embedding {
  std::vector<float> vector;  // info().dimension floats, or options.dimensions.
  uint32_t token_count = 0;   // Tokens the model saw, special tokens included.
  bool truncated = false;     // True when the text was longer than the model reads.
  // Of the tokens the model saw, if options.token_vectors asks for them: the ids, and
  // info().hidden_size floats for each, end to end.
  std::vector<uint32_t> token_ids;
  std::vector<float> token_vectors;
};

struct EncodeResult {
  std::vector<Embedding> embeddings;       // One per text, in order.
  std::chrono::nanoseconds queue_time{};   // Until the first text of the call reached a worker.
  std::chrono::nanoseconds encode_time{};  // From then to the last vector.
};

}  // namespace simile

#endif  // SIMILE_EMBEDDER_ENCODE_OPTIONS_H_

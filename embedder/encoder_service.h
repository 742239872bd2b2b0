#ifndef SIMILE_EMBEDDER_ENCODER_SERVICE_H_
#define SIMILE_EMBEDDER_ENCODER_SERVICE_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "embedder/encoder.h"

namespace simile {

// Which queue a request waits in. Queries are served before ingest; ingest is never starved.
enum class EncodeLane { kQuery, kIngest };

struct EncodeOptions {
  EncodeLane lane = EncodeLane::kQuery;
  // Work not begun by then is dropped: DeadlineExceeded.
  std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::time_point::max();
  // Polled between micro-batches, from a worker thread; true drops the rest: Cancelled. May be
  // empty.
  std::function<bool()> cancelled;
};

struct Embedding {
  std::vector<float> vector;  // info().dimension floats.
  uint32_t token_count = 0;   // Tokens the model saw, special tokens included.
  bool truncated = false;     // True when the text was longer than the model reads.
};

struct EncodeResult {
  std::vector<Embedding> embeddings;       // One per text, in order.
  std::chrono::nanoseconds queue_time{};   // Until the first text of the call reached a worker.
  std::chrono::nanoseconds encode_time{};  // From then to the last vector.
};

struct EncoderServiceOptions {
  size_t threads = 0;             // Encoding threads; 0: one per core.
  size_t batch_tokens_max = 512;  // Tokens a worker takes through the model at once.
  // Of each lane by itself. A query that does not fit is refused (ResourceExhausted); ingest waits,
  // in turn, until fewer are queued.
  size_t queued_tokens_max = 1024 * 1024;
};

struct EncoderStatistics {
  uint64_t texts_encoded = 0;
  uint64_t tokens_encoded = 0;
  uint64_t texts_truncated = 0;
  uint64_t texts_rejected = 0;  // Refused because the queue was full.
  size_t tokens_queued = 0;     // Now.
  size_t threads = 0;
};

// Batches texts of many callers through one Encoder: micro-batches of similar length, queries
// first, each worker thread running whole micro-batches on its own core.
//
// Thread safety: all methods may be called together. Owns its encoder and its threads; the
// destructor lets running micro-batches finish and fails what still waits with Cancelled.
class EncoderService {
 public:
  EncoderService(std::unique_ptr<const Encoder> encoder, const EncoderServiceOptions& options);
  ~EncoderService();
  EncoderService(const EncoderService&) = delete;
  EncoderService& operator=(const EncoderService&) = delete;

  const Encoder& encoder() const;

  // Embeds `texts` and waits for the result. Each text must be valid UTF-8; InvalidArgument
  // otherwise. A text longer than the model reads is cut and says so in `truncated`.
  absl::StatusOr<EncodeResult> Encode(std::span<const std::string_view> texts,
                                      const EncodeOptions& options);

  EncoderStatistics Statistics() const;

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace simile

#endif  // SIMILE_EMBEDDER_ENCODER_SERVICE_H_

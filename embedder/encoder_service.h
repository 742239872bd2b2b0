#ifndef SIMILE_EMBEDDER_ENCODER_SERVICE_H_
#define SIMILE_EMBEDDER_ENCODER_SERVICE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "absl/status/statusor.h"
#include "embedder/encode_options.h"
#include "embedder/encoder.h"
#include "embedder/query_vector_cache.h"

namespace simile {

struct EncoderServiceOptions {
  size_t threads = 0;             // Encoding threads; 0: one per physical core.
  size_t batch_tokens_max = 512;  // Tokens a worker takes through the model at once.
  // Of each lane by itself; a call that finds its lane empty passes, however large it is.
  size_t queued_tokens_max = 256 * 1024;    // Of texts that wait or are being encoded.
  size_t queued_bytes_max = 256ull << 20;   // Of all texts of the calls that are admitted.
  size_t token_vectors_max = 4'096;         // Tokens of one call that wants vectors of them.
  size_t query_cache_entries_max = 10'000;  // Vectors of queries kept for the next time.
  size_t query_cache_bytes_max = 16ull << 20;
};

struct EncoderStatistics {
  uint64_t texts_encoded = 0;    // By the model: neither shared nor from the cache.
  uint64_t tokens_encoded = 0;   // Of these.
  uint64_t texts_shared = 0;     // Given the vector of an equal text that waited already.
  uint64_t texts_truncated = 0;  // Of all texts: longer than the model reads.
  uint64_t texts_rejected = 0;   // Refused because their lane was full.
  uint64_t micro_batches = 0;    // Passes through the model.
  size_t tokens_queued = 0;      // Now; those with a worker included.
  size_t bytes_queued = 0;       // Now; of all texts of the calls that are admitted.
  size_t threads = 0;
  size_t idle_threads = 0;  // Of these, those that wait for texts now.
  QueryVectorCacheStatistics query_cache;
};

// Takes texts of many callers through one Encoder. Each worker thread runs whole micro-batches on a
// core of its own; a micro-batch takes what waits, of whichever calls, and never waits for more. So
// a text on an idle server begins at once, and the busier the server, the fuller the micro-batches.
// encode_lanes.h says which text is next, and how ingest is kept from starving.
//
// A call tokenizes its texts in slices, on its own thread, while earlier ones are being encoded; so
// the queue holds few tokens of it, however many texts it has.
//
// Thread safety: all methods may be called together. Owns its encoder and its threads; the
// destructor lets running micro-batches finish, fails what still waits with Cancelled and returns
// once every call has.
class EncoderService {
 public:
  EncoderService(std::unique_ptr<const Encoder> encoder, const EncoderServiceOptions& options);
  ~EncoderService();
  EncoderService(const EncoderService&) = delete;
  EncoderService& operator=(const EncoderService&) = delete;

  const Encoder& encoder() const;

  // Embeds `texts` and waits for the result. Each text must be valid UTF-8; InvalidArgument
  // otherwise, for more dimensions than the model has, and for vectors of more tokens than the
  // option token_vectors_max. A text longer than the model reads, prompt included, is cut and says
  // so in `truncated`. ResourceExhausted when the lane is full and the call does not wait for room;
  // once its first texts are admitted, a call is not refused any more.
  absl::StatusOr<EncodeResult> Encode(std::span<const std::string_view> texts,
                                      const EncodeOptions& options);

  EncoderStatistics Statistics() const;

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace simile

#endif  // SIMILE_EMBEDDER_ENCODER_SERVICE_H_

#ifndef SIMILE_EMBEDDER_ENCODE_CALL_H_
#define SIMILE_EMBEDDER_ENCODE_CALL_H_

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <span>
#include <string_view>

#include "absl/status/status.h"
#include "embedder/encode_options.h"
#include "embedder/mutex.h"

namespace simile {

// One call of EncoderService::Encode, on the stack of its caller, who stays until nobody refers to
// it any more.
//
// Thread safety: the methods may be called together, and what is const does not change. Each
// embedding of the result is written by the caller while it tokenizes the text, then by the one
// worker that takes it. The service's lock guards the rest.
class EncodeCall {
 public:
  // Both must outlive the call.
  EncodeCall(std::span<const std::string_view> texts_of_caller, const EncodeOptions& chosen);

  // OK, or why the call ends early. Asks the caller, so Cancelled or DeadlineExceeded come from
  // here; once there is an error it stays.
  absl::Status CheckWanted();

  // The error that ended the call early, if any.
  absl::Status status() const;

  // Ends the call early unless it has an error already.
  void Fail(const absl::Status& status);

  const std::span<const std::string_view> texts;
  const size_t text_bytes;
  const EncodeOptions& options;
  const std::chrono::steady_clock::time_point submitted = std::chrono::steady_clock::now();

  EncodeResult result;
  bool admitted = false;           // Its bytes are counted in its lane.
  bool begun = false;              // A worker has taken a text.
  bool has_more = false;           // The caller waits to queue more texts.
  size_t tokens_waiting = 0;       // Of its texts in the queue.
  size_t token_vectors_count = 0;  // Tokens whose vectors it has asked for so far; the caller's.
  size_t unfinished = 0;           // Its texts in the queue and with workers.

  std::condition_variable_any changed;  // Wakes the caller: any of these has changed, or room has.

 private:
  mutable embedder_internal::Mutex mutex_;
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace simile

#endif  // SIMILE_EMBEDDER_ENCODE_CALL_H_

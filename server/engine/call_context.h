#ifndef SIMILE_SERVER_ENGINE_CALL_CONTEXT_H_
#define SIMILE_SERVER_ENGINE_CALL_CONTEXT_H_

#include <chrono>
#include <functional>

#include "absl/status/status.h"
#include "server/engine/limits.h"

namespace simile {

// How long a caller still wants its answer.
struct CallContext {
  using Clock = std::chrono::steady_clock;

  Clock::time_point deadline = Clock::time_point::max();
  std::function<bool()> cancelled;  // May be empty. Called from any thread.

  // What to do when the encoder's queue is full: true waits for room, as a stream does, whose
  // client is held back meanwhile; false refuses, since somebody waits for the answer and may ask
  // again.
  bool waits_for_room = false;

  // Bytes of stored documents that the call may bring into memory: no more fit into its answer.
  size_t read_bytes_max = kMessageBytesMax;

  // Asked between the steps of a request: Cancelled or DeadlineExceeded when it is no use going on.
  absl::Status Check() const {
    if (cancelled && cancelled()) return absl::CancelledError("the client cancelled the call");
    if (Clock::now() >= deadline) {
      return absl::DeadlineExceededError("the deadline passed before the work was done");
    }
    return absl::OkStatus();
  }
};

}  // namespace simile

#endif  // SIMILE_SERVER_ENGINE_CALL_CONTEXT_H_

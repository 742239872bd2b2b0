#ifndef SIMILE_EMBEDDER_LANE_ADMISSION_H_
#define SIMILE_EMBEDDER_LANE_ADMISSION_H_

#include <cstddef>
#include <deque>
#include <functional>

#include "absl/status/status.h"
#include "embedder/encode_call.h"
#include "embedder/encode_lanes.h"
#include "embedder/mutex.h"

namespace simile {

// Keeps what is queued in a lane within its limits: the bytes of all texts of the calls that are
// admitted, and the tokens of the texts that wait or are with a worker. A call that finds the lane
// empty is admitted however large it is.
//
// A call either is refused or waits, first come first served and until there is any room at all: so
// small calls cannot keep a large one out. Once admitted it is not refused any more, but waits for
// room for each further slice of its texts.
//
// Thread safety: none; guarded by the lock that Admit is given.
class LaneAdmission {
 public:
  // Of lane `lane` of `lanes`, which must outlive this.
  LaneAdmission(const EncodeLanes& lanes, EncodeLane lane, size_t tokens_max, size_t bytes_max)
      : lanes_(lanes), lane_(lane), tokens_max_(tokens_max), bytes_max_(bytes_max) {}

  // Before a slice of `tokens` is queued. ResourceExhausted with the numbers, or what ended the
  // call while it waited. Leaves `mutex` while it waits.
  absl::Status Admit(EncodeCall& call, size_t tokens, embedder_internal::Mutex& mutex)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);

  // The call is done.
  void Release(EncodeCall& call);

  // Fewer tokens are queued than before.
  void TellOfRoom() const { TellFirst(tokens_line_); }

  size_t bytes_queued() const { return bytes_; }

 private:
  using Line = std::deque<EncodeCall*>;

  absl::Status CheckRoom(const EncodeCall& call, size_t tokens) const;
  static absl::Status WaitIn(Line& line, EncodeCall& call, embedder_internal::Mutex& mutex,
                             const std::function<bool()>& has_room)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  static void TellFirst(const Line& line);

  const EncodeLanes& lanes_;
  const EncodeLane lane_;
  const size_t tokens_max_;
  const size_t bytes_max_;
  size_t bytes_ = 0;
  // Two: a call that waits to be admitted must not keep out one that was, since its bytes are what
  // the other waits for.
  Line bytes_line_;
  Line tokens_line_;
};

}  // namespace simile

#endif  // SIMILE_EMBEDDER_LANE_ADMISSION_H_

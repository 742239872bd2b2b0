#include "embedder/lane_admission.h"

#include <chrono>

#include "fmt/format.h"

namespace simile {
namespace {

// How often a call that waits looks whether it is still wanted.
constexpr std::chrono::milliseconds kWantedPoll{50};

}  // namespace

absl::Status LaneAdmission::Admit(EncodeCall& call, size_t tokens,
                                  embedder_internal::Mutex& mutex) {
  const bool waits = call.admitted || call.options.waits_for_room;
  absl::Status status;
  if (!waits) status = CheckRoom(call, tokens);
  if (!call.admitted) {
    if (waits) status = WaitIn(bytes_line_, call, mutex, [this] { return bytes_ < bytes_max_; });
    if (!status.ok()) return status;
    call.admitted = true;
    bytes_ += call.text_bytes;
  }
  if (!waits) return absl::OkStatus();
  return WaitIn(tokens_line_, call, mutex,
                [this] { return lanes_.tokens_queued(lane_) < tokens_max_; });
}

void LaneAdmission::Release(EncodeCall& call) {
  if (!call.admitted) return;
  call.admitted = false;
  bytes_ -= call.text_bytes;
  TellFirst(bytes_line_);
}

absl::Status LaneAdmission::CheckRoom(const EncodeCall& call, size_t tokens) const {
  const size_t queued = lanes_.tokens_queued(lane_);
  if (queued > 0 && queued + tokens > tokens_max_) {
    return absl::ResourceExhaustedError(fmt::format(
        "{} tokens wait to be embedded and the first of these texts have {}; at most {} may wait: "
        "try again later",
        queued, tokens, tokens_max_));
  }
  if (bytes_ > 0 && bytes_ + call.text_bytes > bytes_max_) {
    return absl::ResourceExhaustedError(
        fmt::format("texts of {} bytes wait to be embedded and these have {}; at most {} may wait: "
                    "try again later",
                    bytes_, call.text_bytes, bytes_max_));
  }
  return absl::OkStatus();
}

absl::Status LaneAdmission::WaitIn(Line& line, EncodeCall& call, embedder_internal::Mutex& mutex,
                                   const std::function<bool()>& has_room) {
  line.push_back(&call);
  absl::Status status;
  while (status.ok() && !(line.front() == &call && has_room())) {
    call.changed.wait_for(mutex, kWantedPoll);
    mutex.unlock();
    status = call.CheckWanted();
    mutex.lock();
  }
  std::erase(line, &call);
  TellFirst(line);
  return status;
}

void LaneAdmission::TellFirst(const Line& line) {
  if (!line.empty()) line.front()->changed.notify_one();
}

}  // namespace simile

#include "embedder/encode_lanes.h"

#include <algorithm>
#include <utility>

namespace simile {
namespace {

// Micro-batches of queries that may pass one of ingest.
constexpr size_t kOvertakingBatches = 4;

// What a worker serves between two steps of ingest: few queries at once, so that each worker that
// comes to such a place takes some, and none of them has a long way.
constexpr size_t kBetweenStepsTokensMax = 128;

}  // namespace

EncodeLanes::EncodeLanes(size_t batch_tokens_max, size_t text_tokens_max)
    : batch_tokens_max_(batch_tokens_max),
      overtaking_tokens_max_(kOvertakingBatches * batch_tokens_max),
      queries_(text_tokens_max),
      ingest_(text_tokens_max) {}

bool EncodeLanes::Add(EncodeLane lane, std::vector<uint32_t> ids,
                      const EncodeRecipient& recipient) {
  EncodeQueue& queue = lane == EncodeLane::kQuery ? queries_ : ingest_;
  return queue.Add(std::move(ids), recipient);
}

std::optional<MicroBatch> EncodeLanes::Take(size_t idle_workers) {
  if (empty()) return std::nullopt;
  const bool ingest_is_due = ingest_has_aged() && !ingest_.empty();
  const EncodeLane lane =
      queries_.empty() || ingest_is_due ? EncodeLane::kIngest : EncodeLane::kQuery;
  const size_t waiting = lane == EncodeLane::kQuery ? queries_.tokens() : ingest_.tokens();
  const size_t share = (waiting + idle_workers) / (idle_workers + 1);
  return TakeFrom(lane, std::min(batch_tokens_max_, share));
}

std::optional<MicroBatch> EncodeLanes::TakeBetweenSteps() {
  if (queries_.empty() || ingest_has_aged()) return std::nullopt;
  return TakeFrom(EncodeLane::kQuery, std::min(batch_tokens_max_, kBetweenStepsTokensMax));
}

MicroBatch EncodeLanes::TakeFrom(EncodeLane lane, size_t tokens_max) {
  EncodeQueue& queue = lane == EncodeLane::kQuery ? queries_ : ingest_;
  MicroBatch batch{.lane = lane};
  const size_t tokens_before = queue.tokens();
  batch.texts = queue.Take(tokens_max);
  batch.tokens = tokens_before - queue.tokens();
  if (lane == EncodeLane::kIngest) {
    ingest_tokens_running_ += batch.tokens;
  } else {
    query_tokens_running_ += batch.tokens;
    const bool overtakes = ingest_tokens_running_ > 0 || !ingest_.empty();
    overtaking_tokens_ = overtakes ? overtaking_tokens_ + batch.tokens : 0;
  }
  return batch;
}

void EncodeLanes::Finish(const MicroBatch& batch) {
  if (batch.lane == EncodeLane::kIngest) {
    ingest_tokens_running_ -= batch.tokens;
    overtaking_tokens_ = 0;
  } else {
    query_tokens_running_ -= batch.tokens;
  }
}

size_t EncodeLanes::tokens_queued(EncodeLane lane) const {
  return lane == EncodeLane::kQuery ? queries_.tokens() + query_tokens_running_
                                    : ingest_.tokens() + ingest_tokens_running_;
}

}  // namespace simile

#include "embedder/encode_queue.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace simile {
namespace {

constexpr size_t kBucketTokens = 16;  // Lengths that a bucket spans.

size_t BucketOf(size_t tokens) { return tokens / kBucketTokens; }

}  // namespace

bool WaitingText::wants_token_vectors() const {
  return std::ranges::any_of(recipients, &EncodeRecipient::wants_token_vectors);
}

EncodeQueue::EncodeQueue(size_t text_tokens_max) : buckets_(BucketOf(text_tokens_max) + 1) {}

bool EncodeQueue::Add(std::vector<uint32_t> ids, const EncodeRecipient& recipient) {
  assert(BucketOf(ids.size()) < buckets_.size());
  auto text = std::make_unique<WaitingText>();
  text->ids = std::move(ids);
  if (const auto equal = texts_.find(text.get()); equal != texts_.end()) {
    (*equal)->recipients.push_back(recipient);
    return false;
  }
  text->recipients.push_back(recipient);
  text->turn = next_turn_++;
  tokens_ += text->ids.size();
  texts_.insert(text.get());
  buckets_[BucketOf(text->ids.size())].push_back(std::move(text));
  return true;
}

size_t EncodeQueue::OldestBucket() const {
  size_t oldest = buckets_.size();
  for (size_t at = 0; at < buckets_.size(); ++at) {
    if (buckets_[at].empty()) continue;
    if (oldest == buckets_.size() || buckets_[at].front()->turn < buckets_[oldest].front()->turn) {
      oldest = at;
    }
  }
  return oldest;
}

std::vector<WaitingText> EncodeQueue::Take(size_t tokens_max) {
  std::vector<WaitingText> taken;
  size_t tokens = 0;
  // False when the next text of the bucket does not fit.
  const auto take_from = [&](Bucket& bucket) {
    while (!bucket.empty()) {
      const size_t length = bucket.front()->ids.size();
      if (!taken.empty() && tokens + length > tokens_max) return false;
      tokens += length;
      texts_.erase(bucket.front().get());
      taken.push_back(std::move(*bucket.front()));
      bucket.pop_front();
    }
    return true;
  };
  const size_t start = OldestBucket();
  if (start == buckets_.size()) return taken;
  for (size_t distance = 0; distance < buckets_.size(); ++distance) {
    if (distance <= start && !take_from(buckets_[start - distance])) break;
    if (start + distance < buckets_.size() && !take_from(buckets_[start + distance])) break;
  }
  tokens_ -= tokens;
  return taken;
}

}  // namespace simile

#ifndef SIMILE_EMBEDDER_ENCODE_QUEUE_H_
#define SIMILE_EMBEDDER_ENCODE_QUEUE_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <unordered_set>
#include <vector>

#include "embedder/token_hash.h"

namespace simile {

class EncodeCall;

// Who waits for the vector of a text: a call and the place of the text in it.
struct EncodeRecipient {
  EncodeCall* call = nullptr;
  size_t position = 0;
  bool wants_token_vectors = false;
};

// A text that waits for a worker, once for all who sent it.
struct WaitingText {
  std::vector<uint32_t> ids;
  std::vector<EncodeRecipient> recipients;
  uint64_t turn = 0;  // Lower: came earlier.

  bool wants_token_vectors() const;  // One of the recipients does.
};

// The texts of one lane that no worker has taken. Equal ones are kept once: the same ids give the
// same vector. They lie in buckets by length, so that what is taken together is of similar length
// and micro-batches are even.
//
// Thread safety: none; the service guards it.
class EncodeQueue {
 public:
  // No text may have more than `text_tokens_max` ids.
  explicit EncodeQueue(size_t text_tokens_max);

  // Returns whether the text is new; else its recipient joins those of its equal.
  bool Add(std::vector<uint32_t> ids, const EncodeRecipient& recipient);

  // Takes the text that has waited longest, then others of its bucket in the order they came, then
  // of the buckets nearest in length, until the next one would bring them above `tokens_max`. At
  // least one text, however long, unless the queue is empty.
  std::vector<WaitingText> Take(size_t tokens_max);

  bool empty() const { return texts_.empty(); }
  size_t tokens() const { return tokens_; }

 private:
  using Bucket = std::deque<std::unique_ptr<WaitingText>>;

  struct HashOfIds {
    size_t operator()(const WaitingText* text) const { return TokenHash()(text->ids); }
  };
  struct SameIds {
    bool operator()(const WaitingText* a, const WaitingText* b) const { return a->ids == b->ids; }
  };

  size_t OldestBucket() const;

  std::vector<Bucket> buckets_;
  std::unordered_set<WaitingText*, HashOfIds, SameIds> texts_;  // All that lie in the buckets.
  size_t tokens_ = 0;
  uint64_t next_turn_ = 0;
};

}  // namespace simile

#endif  // SIMILE_EMBEDDER_ENCODE_QUEUE_H_

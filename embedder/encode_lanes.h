#ifndef SIMILE_EMBEDDER_ENCODE_LANES_H_
#define SIMILE_EMBEDDER_ENCODE_LANES_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "embedder/encode_options.h"
#include "embedder/encode_queue.h"

namespace simile {

// Texts that one worker takes through the model together.
struct MicroBatch {
  EncodeLane lane = EncodeLane::kQuery;
  std::vector<WaitingText> texts;
  size_t tokens = 0;
};

// Decides which texts go through the model next.
//
// 1. Queries go first, and a worker in the middle of an ingest micro-batch serves those that wait
//    between two of its steps.
// 2. Ingest ages by what overtakes it: once queries of 4 * batch_tokens_max tokens have been taken
//    since ingest last got on while it waited or was interrupted, no more are until the next
//    micro-batch of ingest is done. So ingest keeps a fifth of the tokens, however many queries
//    come.
// 3. A micro-batch has at most batch_tokens_max tokens (or one text), and no more than an even
//    share for each worker that would idle otherwise.
//
// Thread safety: none; the service guards it.
class EncodeLanes {
 public:
  EncodeLanes(size_t batch_tokens_max, size_t text_tokens_max);

  // Returns whether the text is new in its lane; see EncodeQueue.
  bool Add(EncodeLane lane, std::vector<uint32_t> ids, const EncodeRecipient& recipient);

  // The next micro-batch for a worker that has nothing to do while `idle_workers` others have
  // nothing either. None when nothing waits.
  std::optional<MicroBatch> Take(size_t idle_workers);

  // Queries for a worker that is in the middle of an ingest micro-batch; few of them, so that other
  // workers take theirs too. None when none wait or ingest has aged.
  std::optional<MicroBatch> TakeBetweenSteps();

  // To be told of every micro-batch that was taken, once it is done.
  void Finish(const MicroBatch& batch);

  bool empty() const { return queries_.empty() && ingest_.empty(); }
  bool has_queries() const { return !queries_.empty(); }

  // Of texts that wait or are with a worker.
  size_t tokens_queued(EncodeLane lane) const;

 private:
  MicroBatch TakeFrom(EncodeLane lane, size_t tokens_max);
  bool ingest_has_aged() const { return overtaking_tokens_ >= overtaking_tokens_max_; }

  const size_t batch_tokens_max_;
  const size_t overtaking_tokens_max_;
  EncodeQueue queries_;
  EncodeQueue ingest_;
  size_t overtaking_tokens_ = 0;  // Of queries, since ingest last got on.
  size_t query_tokens_running_ = 0;
  size_t ingest_tokens_running_ = 0;
};

}  // namespace simile

#endif  // SIMILE_EMBEDDER_ENCODE_LANES_H_

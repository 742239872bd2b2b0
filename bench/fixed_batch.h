#ifndef SIMILE_BENCH_FIXED_BATCH_H_
#define SIMILE_BENCH_FIXED_BATCH_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "embedder/encoder.h"

namespace simile {

// Sequences of given lengths whose token ids follow a rule, the same as in encoder_peers.py: words
// that differ from place to place, between [CLS] and [SEP].
class FixedBatch {
 public:
  // `first` is the number of the first sequence.
  explicit FixedBatch(std::span<const size_t> lengths, size_t first = 0) {
    constexpr uint32_t kCls = 101, kSep = 102, kFirstWord = 1000, kWords = 29000;
    starts_.push_back(0);
    for (size_t sequence = 0; sequence < lengths.size(); ++sequence) {
      ids_.push_back(kCls);
      for (size_t at = 1; at + 1 < lengths[sequence]; ++at) {
        const size_t word = ((first + sequence) * 7919 + at * 104729) % kWords;
        ids_.push_back(kFirstWord + static_cast<uint32_t>(word));
      }
      if (lengths[sequence] > 1) ids_.push_back(kSep);
      starts_.push_back(static_cast<uint32_t>(ids_.size()));
    }
  }

  PackedBatch batch() const { return {.ids = ids_, .sequence_start = starts_}; }

 private:
  std::vector<uint32_t> ids_, starts_;
};

}  // namespace simile

#endif  // SIMILE_BENCH_FIXED_BATCH_H_

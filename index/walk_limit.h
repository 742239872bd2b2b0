#ifndef SIMILE_INDEX_WALK_LIMIT_H_
#define SIMILE_INDEX_WALK_LIMIT_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "index/code_key.h"
#include "index/quantizer.h"

namespace simile::index_internal {

// When a walk ends.
struct WalkEnd {
  size_t places = 0;  // It keeps so many candidates, and ends when all of them are expanded.

  // Unless 0, it ends when those that are left are more than `times_as_far` as the live candidate
  // of this rank, counted from 1, by Quantizer::DistanceAt, and not equally near but for rounding.
  // What lies so far is not kept, but for what rounding may hide.
  size_t rank = 0;
  float times_as_far = 1;
  bool some_are_dead = true;  // Else it takes all candidates for live.
};

// How far a walk goes, as keys.
//
// Thread safety: none.
class WalkLimit {
 public:
  // No row of the graph has more than `largest_squares` as its sum of squares. `quantizer` and
  // `query` must outlive it.
  WalkLimit(const WalkEnd& end, const Quantizer& quantizer, const QueryCode& query,
            float largest_squares, bool euclidean)
      : times_as_far_(end.times_as_far),
        quantizer_(quantizer),
        query_(query),
        largest_squares_(largest_squares),
        euclidean_(euclidean) {
    if (end.rank == 0) return;
    deviation_ = quantizer.KeyDeviation(query, largest_squares, euclidean);
    slack_ = quantizer.KeySlack(query, largest_squares, euclidean);
  }

  // Up to this key candidates are expanded,
  uint32_t expanded() const { return expanded_; }
  // below this one they are kept.
  uint32_t kept() const { return kept_; }

  // The key that it was reckoned from; the farthest before there was one.
  uint32_t ranked() const { return ranked_; }

  // By the key of the candidate of the walk's rank.
  void SetBehind(uint32_t key) {
    if (key == ranked_) return;
    ranked_ = key;
    const float distance = quantizer_.DistanceAt(key, query_, largest_squares_, euclidean_);
    const uint32_t far =
        quantizer_.KeyAt(times_as_far_ * distance, query_, largest_squares_, euclidean_);
    expanded_ = std::max(far, Behind(key, deviation_));
    kept_ = std::max(far, Behind(Behind(key, slack_), 1));
  }

 private:
  static uint32_t Behind(uint32_t key, uint32_t steps) {
    return key + std::min(steps, kFarthestKey - key);
  }

  const float times_as_far_;
  const Quantizer& quantizer_;
  const QueryCode& query_;
  const float largest_squares_;
  const bool euclidean_;
  uint32_t deviation_ = 0, slack_ = 0;
  uint32_t ranked_ = kFarthestKey, expanded_ = kFarthestKey, kept_ = kFarthestKey;
};

}  // namespace simile::index_internal

#endif  // SIMILE_INDEX_WALK_LIMIT_H_

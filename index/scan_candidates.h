#ifndef SIMILE_INDEX_SCAN_CANDIDATES_H_
#define SIMILE_INDEX_SCAN_CANDIDATES_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "index/walk_scratch.h"

namespace simile::index_internal {

// Which rows of a scan may still be among the k nearest of one query: those that are behind the
// k-th by no more than codes may be off.
//
// Thread safety: none.
class ScanCandidates {
 public:
  // A row whose key is larger than another's by more than `slack` is farther for certain.
  ScanCandidates(size_t k, uint32_t slack);

  // Keys at or above it are too far.
  uint32_t Bound() const;

  // A row that is below the bound and not coarse: a key that is off tells nothing about others.
  void Add(uint32_t key, uint32_t slot);

  // To be called now and then: forgets what is too far by now, when that is worth to look.
  void Prune();

  // What is left, in no order.
  std::vector<uint32_t> Take();

 private:
  const size_t k_;
  const uint32_t slack_;
  std::vector<uint32_t> nearest_keys_;  // The k smallest so far; the largest is in front.
  std::vector<ScoredSlot> candidates_;
  size_t candidates_max_;
};

}  // namespace simile::index_internal

#endif  // SIMILE_INDEX_SCAN_CANDIDATES_H_

#ifndef SIMILE_INDEX_DISTANCE_GROWTH_H_
#define SIMILE_INDEX_DISTANCE_GROWTH_H_

#include <atomic>
#include <cstddef>

#include "index/hnsw_graph.h"
#include "index/walk_scratch.h"

namespace simile::index_internal {

// How far the vectors of a graph go on lying behind the nearest, and so when a walk may end.
//
// A walk that always keeps `ef` candidates looks as far for an easy query as for a hard one. Ending
// where the next candidate is so many times as far as the k-th (Adaptive Beam Search; Al-Jazzazi et
// al. 2025, arXiv 2505.15636) finds more for the same work. So that ef goes on saying how much work
// that is, the limit is about where vectors of this graph usually have the ef-th: squared distances
// grow with a power of the rank, whose exponent is learnt from walks to some of them.
//
// Thread safety: all methods may be called together.
class DistanceGrowth {
 public:
  // Notes that so many were added to what are `vectors` now. Learns once as many were added as
  // there were last time, or less than half of those are left. Under a ReaderEpochs::Visit. Cost:
  // when it learns, walks to 256 vectors with 101 candidates each, 5 to 30 ms.
  void Note(size_t added, size_t vectors, const HnswGraph& graph, WalkScratch& scratch);

  // Of a walk for the `k` nearest. Until something is learnt it ends when ef candidates are
  // expanded.
  WalkEnd EndOf(size_t ef, size_t k) const;

 private:
  void Learn(size_t vectors, const HnswGraph& graph, WalkScratch& scratch);

  // Fewer have hardly a 100th nearest.
  static constexpr size_t kVectorsMin = 512;

  std::atomic<size_t> added_{0};
  std::atomic<size_t> learns_at_{kVectorsMin};  // When so many were added.
  std::atomic<size_t> learnt_from_{0};          // Vectors.
  std::atomic<float> exponent_{0};              // 0: not known.
};

}  // namespace simile::index_internal

#endif  // SIMILE_INDEX_DISTANCE_GROWTH_H_

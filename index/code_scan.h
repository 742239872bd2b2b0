#ifndef SIMILE_INDEX_CODE_SCAN_H_
#define SIMILE_INDEX_CODE_SCAN_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "index/hnsw_graph.h"
#include "index/scan_candidates.h"
#include "index/walk_scratch.h"

namespace simile::index_internal {

// Narrows many slots of a graph down to the few that may be the k nearest, by their codes: the
// answer is exact all the same. A code is off by no more than a bound that holds for every row that
// is not coarse (Cauchy-Schwarz; Quantizer::CertainSlack), so whatever is farther than the k-th by
// twice that cannot be among the k nearest. Coarse rows always stay.
//
// Thread safety: none. The graph must outlive it, and its slots stay what they are (ReaderEpochs).
// Cost: reads a row of codes for each slot, a quarter of the components of its vector (sq8).
class CodeScan {
 public:
  // `query` as Quantizer::EncodeQuery makes it. For integer codes.
  CodeScan(const HnswGraph& graph, const QueryCode& query, size_t k, WalkScratch& scratch);

  // At most kRowsMax slots, each at most once of all that are offered.
  void Offer(std::span<const uint32_t> slots);

  // Those that may be among the k nearest, in no order.
  std::vector<uint32_t> Take();

 private:
  const HnswGraph& graph_;
  const QueryCode& query_;
  WalkScratch& scratch_;
  ScanCandidates candidates_;
  std::vector<uint32_t> coarse_;
};

}  // namespace simile::index_internal

#endif  // SIMILE_INDEX_CODE_SCAN_H_

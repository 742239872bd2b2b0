#ifndef SIMILE_INDEX_BATCH_SCAN_H_
#define SIMILE_INDEX_BATCH_SCAN_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "index/hnsw_graph.h"
#include "index/scan_candidates.h"

namespace simile::index_internal {

// As CodeScan, for several queries that share one pass over the rows: each row is read once and
// compared with all of them. What it leaves of each is what a CodeScan leaves.
//
// Thread safety: none. The graph must outlive it, and its slots stay what they are (ReaderEpochs).
// Cost: of a row, as many products as queries, from registers or tiles (BatchKernel).
class BatchScan {
 public:
  // A query as Quantizer::EncodeQuery makes it, and of how many the nearest are wanted.
  struct Query {
    QueryCode code;
    size_t k = 0;
  };

  // 1 to QueryBatch::kQueriesMax queries. For integer codes.
  BatchScan(const HnswGraph& graph, std::vector<Query> queries);

  // At most kRowsMax slots, each at most once of all that are offered.
  void Offer(std::span<const uint32_t> slots);

  // Those that may be among the k nearest of a query, in no order; once for each.
  std::vector<uint32_t> Take(size_t query);

  size_t rows_compared() const { return rows_compared_; }

 private:
  void Compare(std::span<const uint32_t> slots);

  const HnswGraph& graph_;
  QueryBatch batch_;
  std::vector<ScanCandidates> candidates_;  // Of each query.
  const std::unique_ptr<NearRow[]> near_;
  std::vector<uint32_t> coarse_;
  size_t rows_compared_ = 0;
};

}  // namespace simile::index_internal

#endif  // SIMILE_INDEX_BATCH_SCAN_H_

#ifndef SIMILE_INDEX_BATCH_SEARCH_H_
#define SIMILE_INDEX_BATCH_SEARCH_H_

#include <cstddef>
#include <span>
#include <vector>

#include "index/hnsw_search.h"

namespace simile::index_internal {

// The searches of one call of an HnswIndex. Those that compare with the same vectors share a pass
// over their codes; since that makes a scan cheaper, more of them are answered by one.
//
// Thread safety: none; one thread, under a ReaderEpochs::Visit.
class BatchSearch {
 public:
  // A query that is prepared (DistanceKernel::Prepare); nothing is owned.
  struct Query {
    std::span<const float> vector;
    const SearchOptions& options;
  };

  BatchSearch(const HnswSearch::Place& place, WalkScratch& scratch)
      : place_(place), scratch_(scratch) {}

  // Answers in the order of the queries.
  std::vector<SearchAnswer> Run(std::span<const Query> queries);

 private:
  // A query's place among all, and how it is done.
  struct Planned {
    size_t at = 0;
    SearchPlan plan;
  };

  std::vector<Planned> PlanScans(std::span<const Query> queries,
                                 std::span<const size_t> group) const;
  void Scan(std::span<const Query> queries, std::span<const Planned> scans,
            std::vector<SearchAnswer>& answers);

  const HnswSearch::Place place_;
  WalkScratch& scratch_;
};

}  // namespace simile::index_internal

#endif  // SIMILE_INDEX_BATCH_SEARCH_H_

#ifndef SIMILE_INDEX_SEARCH_PLANNER_H_
#define SIMILE_INDEX_SEARCH_PLANNER_H_

#include <cstddef>

#include "index/search_costs.h"
#include "index/vector_index.h"

namespace simile::index_internal {

// What is known of a search before it is done.
struct SearchQuestion {
  size_t vectors = 0;     // In the index.
  size_t candidates = 0;  // Of these, may be returned.
  bool is_filtered = false;
  size_t ef = 0;         // Candidates that a walk keeps.
  size_t links_max = 0;  // Of a node of the graph.
  size_t sharing = 1;    // Searches that would share a scan; each is reckoned its part.
};

struct SearchPlan {
  SearchStrategy strategy = SearchStrategy::kExactScan;
  size_t ef = 0;  // Of the walk, when it is one.
  SearchEstimate estimate;
};

// The way that is reckoned to take the least time, n vectors of which c may be returned:
//
//   scan      compares all c                          exact; best when few may be returned
//   sweep     walks the graph with room for ef n / c  best when many may be returned
//   two-hop   walks from one that may be returned     in between, when n is large
//             to the next
//
// `options` may leave no choice; what it would have been made by is told all the same.
SearchPlan PlanSearch(const SearchQuestion& question, const SearchCosts& costs,
                      const SearchOptions& options);

}  // namespace simile::index_internal

#endif  // SIMILE_INDEX_SEARCH_PLANNER_H_

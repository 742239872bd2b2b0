#include "index/search_planner.h"

#include <algorithm>
#include <cmath>

namespace simile::index_internal {

namespace {

// A two-hop walk meets fewer of the vectors around the query than one that passes over nothing:
// with so many times the candidates it finds as much (bench/filter_bench).
constexpr size_t kTwoHopWider = 5, kTwoHopWiderPer = 3;

// A walk under a filter may find too few, and then the scan comes on top. So a scan that takes
// little more is the better choice, and its answer is exact.
constexpr double kScanPreferred = 1.2;

// How many of a sweep's candidates may be returned is left to chance: so that fewer than k are
// rare, four standard deviations more.
size_t CandidatesFor(size_t k) {
  return k + static_cast<size_t>(4 * std::sqrt(static_cast<double>(k)));
}

}  // namespace

SearchPlan PlanSearch(const SearchQuestion& question, const SearchCosts& costs,
                      const SearchOptions& options) {
  const size_t n = question.vectors;
  const size_t ef =
      question.is_filtered ? std::max(question.ef, CandidatesFor(options.k)) : question.ef;
  const size_t c = std::min(question.candidates, n);
  // So that about as many candidates may be returned as there would be without a filter.
  const size_t sweep_ef = question.is_filtered ? ef * n / std::max<size_t>(1, c) : ef;
  const size_t two_hop_ef = ef * kTwoHopWider / kTwoHopWiderPer;
  const double sweep_ns = costs.WalkNanoseconds(n, sweep_ef, question.links_max);
  double scan_ns = costs.ScanNanoseconds(n, question.sharing), walk_ns = sweep_ns,
         scan_limit_ns = sweep_ns;
  if (question.is_filtered) {
    scan_ns = costs.FilteredScanNanoseconds(n, c, question.sharing);
    walk_ns = std::min(sweep_ns, costs.TwoHopNanoseconds(n, c, two_hop_ef, question.links_max));
    scan_limit_ns = kScanPreferred * walk_ns;
  }
  SearchPlan plan{
      .estimate = {.scan_ns = scan_ns, .walk_ns = walk_ns, .candidates = c, .vectors = n}};
  if (options.exact) {
    plan.strategy = SearchStrategy::kExactScan;
  } else if (options.strategy.has_value()) {
    plan.strategy = *options.strategy;
  } else if (scan_ns <= scan_limit_ns) {
    plan.strategy = SearchStrategy::kExactScan;
  } else {
    plan.strategy = walk_ns < sweep_ns ? SearchStrategy::kTwoHop : SearchStrategy::kGraph;
  }
  plan.ef = plan.strategy == SearchStrategy::kGraph ? sweep_ef : two_hop_ef;
  return plan;
}

}  // namespace simile::index_internal

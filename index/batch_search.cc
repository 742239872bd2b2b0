#include "index/batch_search.h"

#include <algorithm>
#include <utility>

#include "index/batch_scan.h"

namespace simile::index_internal {

std::vector<SearchAnswer> BatchSearch::Run(std::span<const Query> queries) {
  std::vector<SearchAnswer> answers(queries.size());
  std::vector<size_t> left(queries.size());
  for (size_t at = 0; at < left.size(); ++at) left[at] = at;
  std::vector<bool> is_done(queries.size());
  const bool has_codes = place_.graph.quantizer().format() != CodeFormat::kFloat32;
  while (has_codes && left.size() > 1) {
    // Those with the same filter as the first.
    const LabelSet* const filter = queries[left.front()].options.filter;
    // Not of std::ranges: clang 14 does not read what that returns in libstdc++ 12.
    const auto group_end = std::stable_partition(
        left.begin(), left.end(), [&](size_t at) { return queries[at].options.filter == filter; });
    const auto group_size =
        std::min<size_t>(static_cast<size_t>(group_end - left.begin()), QueryBatch::kQueriesMax);
    const std::vector<Planned> scans = PlanScans(queries, std::span(left).first(group_size));
    if (scans.size() > 1) {
      Scan(queries, scans, answers);
      for (const Planned& scan : scans) is_done[scan.at] = true;
    }
    left.erase(left.begin(), left.begin() + static_cast<std::ptrdiff_t>(group_size));
  }
  for (size_t at = 0; at < queries.size(); ++at) {
    if (is_done[at]) continue;
    answers[at] = HnswSearch(place_, queries[at].vector, queries[at].options, scratch_).Run();
  }
  return answers;
}

// Which of some queries with one filter are best done by a scan that all of these share.
std::vector<BatchSearch::Planned> BatchSearch::PlanScans(std::span<const Query> queries,
                                                         std::span<const size_t> group) const {
  // The fewer share it, the dearer it is for each.
  for (size_t sharing = group.size();;) {
    std::vector<Planned> scans;
    for (const size_t at : group) {
      const SearchPlan plan =
          HnswSearch(place_, queries[at].vector, queries[at].options, scratch_).Plan(sharing);
      if (plan.strategy == SearchStrategy::kExactScan) scans.push_back({.at = at, .plan = plan});
    }
    if (scans.size() <= 1 || scans.size() == sharing) return scans;
    sharing = scans.size();
  }
}

void BatchSearch::Scan(std::span<const Query> queries, std::span<const Planned> scans,
                       std::vector<SearchAnswer>& answers) {
  std::vector<BatchScan::Query> scanned(scans.size());
  for (size_t at = 0; at < scans.size(); ++at) {
    const Query& query = queries[scans[at].at];
    place_.graph.quantizer().EncodeQuery(query.vector.data(), scanned[at].code);
    // Vectors that are being replaced may be met twice; then there must be room for both.
    scanned[at].k = query.options.k + place_.upserting;
  }
  std::vector<size_t> rooms;
  for (const BatchScan::Query& query : scanned) rooms.push_back(query.k);
  BatchScan scan(place_.graph, std::move(scanned));
  const Query& first = queries[scans.front().at];
  HnswSearch(place_, first.vector, first.options, scratch_)
      .ForEachCandidateBlock([&](std::span<const uint32_t> block) { scan.Offer(block); });
  for (size_t at = 0; at < scans.size(); ++at) {
    const Query& query = queries[scans[at].at];
    HnswSearch search(place_, query.vector, query.options, scratch_);
    answers[scans[at].at] =
        search.AnswerOfScan(scans[at].plan, scan.rows_compared(), rooms[at], scan.Take(at));
  }
}

}  // namespace simile::index_internal

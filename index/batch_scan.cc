#include "index/batch_scan.h"

#include <algorithm>
#include <utility>

namespace simile::index_internal {
namespace {

// Until there are bounds all rows are near: so the first are few.
constexpr size_t kFirstRows = 32;

}  // namespace

BatchScan::BatchScan(const HnswGraph& graph, std::vector<Query> queries)
    : graph_(graph), near_(std::make_unique_for_overwrite<NearRow[]>(kRowsMax * queries.size())) {
  for (Query& query : queries) {
    candidates_.emplace_back(query.k, graph.CertainSlack(query.code));
    batch_.queries.push_back(std::move(query.code));
  }
  graph.Pack(batch_);
}

void BatchScan::Offer(std::span<const uint32_t> slots) {
  while (!slots.empty()) {
    const size_t some = std::min(slots.size(), std::max(rows_compared_, kFirstRows));
    Compare(slots.first(some));
    slots = slots.subspan(some);
  }
}

void BatchScan::Compare(std::span<const uint32_t> slots) {
  rows_compared_ += slots.size();
  uint32_t bounds[QueryBatch::kQueriesMax];
  for (size_t query = 0; query < candidates_.size(); ++query) {
    bounds[query] = candidates_[query].Bound();
  }
  const size_t found = graph_.NearerThan(batch_, slots, bounds, near_.get());
  for (const NearRow& near : std::span(near_.get(), found)) {
    if (!graph_.IsCoarse(near.slot)) candidates_[near.query].Add(near.key, near.slot);
  }
  for (const uint32_t slot : slots) {
    if (graph_.IsCoarse(slot)) coarse_.push_back(slot);
  }
  for (ScanCandidates& candidates : candidates_) candidates.Prune();
}

std::vector<uint32_t> BatchScan::Take(size_t query) {
  std::vector<uint32_t> slots = candidates_[query].Take();
  slots.insert(slots.end(), coarse_.begin(), coarse_.end());
  return slots;
}

}  // namespace simile::index_internal

#include "index/code_scan.h"

namespace simile::index_internal {

CodeScan::CodeScan(const HnswGraph& graph, const QueryCode& query, size_t k, WalkScratch& scratch)
    : graph_(graph), query_(query), scratch_(scratch), candidates_(k, graph.CertainSlack(query)) {}

void CodeScan::Offer(std::span<const uint32_t> slots) {
  scratch_.work.codes_compared += slots.size();
  const size_t near = graph_.NearerThan(query_, slots, candidates_.Bound(), scratch_.near_slots,
                                        scratch_.near_keys);
  for (size_t at = 0; at < near; ++at) {
    const uint32_t slot = scratch_.near_slots[at];
    if (!graph_.IsCoarse(slot)) candidates_.Add(scratch_.near_keys[at], slot);
  }
  for (const uint32_t slot : slots) {
    if (graph_.IsCoarse(slot)) coarse_.push_back(slot);
  }
  candidates_.Prune();
}

std::vector<uint32_t> CodeScan::Take() {
  std::vector<uint32_t> slots = candidates_.Take();
  slots.insert(slots.end(), coarse_.begin(), coarse_.end());
  return slots;
}

}  // namespace simile::index_internal

#include "index/code_scan.h"

#include <algorithm>
#include <limits>

namespace simile::index_internal {
namespace {

constexpr size_t kCandidatesMin = 1'024;

}  // namespace

CodeScan::CodeScan(const HnswGraph& graph, const QueryCode& query, size_t k, WalkScratch& scratch)
    : graph_(graph),
      query_(query),
      k_(k),
      slack_(graph.CertainSlack(query)),
      scratch_(scratch),
      candidates_max_(std::max(kCandidatesMin, 4 * k)) {}

// Keys at or above it are too far.
uint32_t CodeScan::Bound() const {
  if (nearest_keys_.size() < k_) return kFarthestKey;
  const uint32_t farthest = nearest_keys_.front();
  return farthest < kFarthestKey - 1 - slack_ ? farthest + slack_ + 1 : kFarthestKey;
}

void CodeScan::Note(uint32_t key) {
  if (nearest_keys_.size() < k_) {
    nearest_keys_.push_back(key);
    std::ranges::push_heap(nearest_keys_);
  } else if (key < nearest_keys_.front()) {
    std::ranges::pop_heap(nearest_keys_);
    nearest_keys_.back() = key;
    std::ranges::push_heap(nearest_keys_);
  }
}

void CodeScan::Offer(std::span<const uint32_t> slots) {
  scratch_.work.codes_compared += slots.size();
  const size_t near =
      graph_.NearerThan(query_, slots, Bound(), scratch_.near_slots, scratch_.near_keys);
  for (size_t at = 0; at < near; ++at) {
    const uint32_t slot = scratch_.near_slots[at];
    // A key that is off tells nothing about others either.
    if (graph_.IsCoarse(slot)) continue;
    Note(scratch_.near_keys[at]);
    candidates_.push_back({.key = scratch_.near_keys[at], .slot = slot});
  }
  for (const uint32_t slot : slots) {
    if (graph_.IsCoarse(slot)) coarse_.push_back(slot);
  }
  if (candidates_.size() < candidates_max_) return;
  std::erase_if(candidates_, [bound = Bound()](const ScoredSlot& one) { return one.key >= bound; });
  candidates_max_ = std::max(candidates_max_, 2 * candidates_.size());
}

std::vector<uint32_t> CodeScan::Take() {
  std::vector<uint32_t> slots = std::move(coarse_);
  const uint32_t bound = Bound();
  for (const ScoredSlot& one : candidates_) {
    if (one.key < bound) slots.push_back(one.slot);
  }
  return slots;
}

}  // namespace simile::index_internal

#include "index/scan_candidates.h"

#include <algorithm>

#include "index/code_key.h"

namespace simile::index_internal {
namespace {

constexpr size_t kCandidatesMin = 1'024;

}  // namespace

ScanCandidates::ScanCandidates(size_t k, uint32_t slack)
    : k_(k), slack_(slack), candidates_max_(std::max(kCandidatesMin, 4 * k)) {}

uint32_t ScanCandidates::Bound() const {
  if (nearest_keys_.size() < k_) return kFarthestKey;
  const uint32_t farthest = nearest_keys_.front();
  return farthest < kFarthestKey - 1 - slack_ ? farthest + slack_ + 1 : kFarthestKey;
}

void ScanCandidates::Add(uint32_t key, uint32_t slot) {
  if (nearest_keys_.size() < k_) {
    nearest_keys_.push_back(key);
    std::ranges::push_heap(nearest_keys_);
  } else if (key < nearest_keys_.front()) {
    std::ranges::pop_heap(nearest_keys_);
    nearest_keys_.back() = key;
    std::ranges::push_heap(nearest_keys_);
  }
  candidates_.push_back({.key = key, .slot = slot});
}

void ScanCandidates::Prune() {
  if (candidates_.size() < candidates_max_) return;
  std::erase_if(candidates_, [bound = Bound()](const ScoredSlot& one) { return one.key >= bound; });
  candidates_max_ = std::max(candidates_max_, 2 * candidates_.size());
}

std::vector<uint32_t> ScanCandidates::Take() {
  std::vector<uint32_t> slots;
  const uint32_t bound = Bound();
  for (const ScoredSlot& one : candidates_) {
    if (one.key < bound) slots.push_back(one.slot);
  }
  return slots;
}

}  // namespace simile::index_internal

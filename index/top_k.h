#ifndef SIMILE_INDEX_TOP_K_H_
#define SIMILE_INDEX_TOP_K_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "index/vector_index.h"

namespace simile {

// Keeps the k nearest of all that are offered; equal distances by label, so that an answer does not
// depend on the order of offers. Cost: O(log k) for an offer that is kept, O(1) for the rest.
class TopK {
 public:
  explicit TopK(size_t k) : k_(k) {}

  void Offer(uint64_t label, float distance) {
    const Neighbor neighbor{.label = label, .distance = distance};
    if (heap_.size() < k_) {
      heap_.push_back(neighbor);
      std::push_heap(heap_.begin(), heap_.end(), Nearer);
    } else if (Nearer(neighbor, heap_.front())) {
      std::pop_heap(heap_.begin(), heap_.end(), Nearer);
      heap_.back() = neighbor;
      std::push_heap(heap_.begin(), heap_.end(), Nearer);
    }
  }

  // Nearest first; leaves nothing behind.
  std::vector<Neighbor> Take() {
    std::sort_heap(heap_.begin(), heap_.end(), Nearer);
    return std::move(heap_);
  }

  static bool Nearer(const Neighbor& a, const Neighbor& b) {
    return a.distance != b.distance ? a.distance < b.distance : a.label < b.label;
  }

 private:
  const size_t k_;
  std::vector<Neighbor> heap_;  // The farthest is in front.
};

}  // namespace simile

#endif  // SIMILE_INDEX_TOP_K_H_

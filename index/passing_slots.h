#ifndef SIMILE_INDEX_PASSING_SLOTS_H_
#define SIMILE_INDEX_PASSING_SLOTS_H_

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "index/hnsw_graph.h"
#include "index/label_set.h"
#include "index/label_slots.h"

namespace simile::index_internal {

// The live slots of a graph whose labels are in a set.
//
// Thread safety: immutable.
class PassingSlots {
 public:
  // Looks at the label of every slot.
  // Cost: about a nanosecond a slot, and a bit of memory.
  PassingSlots(const HnswGraph& graph, const LabelSet& labels);

  size_t size() const { return size_; }
  bool Contains(uint32_t slot) const {
    return slot < size_ && (words_[slot / 64] >> slot % 64 & 1) != 0;
  }

  // Up to `count` of them, spread over all slots.
  std::vector<uint32_t> Spread(size_t count) const;

  // In ascending order.
  template <typename Visit>
  void ForEach(Visit visit) const {
    for (size_t at = 0; at < words_.size(); ++at) {
      for (uint64_t word = words_[at]; word != 0; word &= word - 1) {
        visit(static_cast<uint32_t>(at * 64 + static_cast<size_t>(std::countr_zero(word))));
      }
    }
  }

 private:
  const size_t size_;
  std::vector<uint64_t> words_;
};

// The same as a list, by where each label is: cheaper when they are few.
// Cost: a look into a hash table for each label.
std::vector<uint32_t> SlotsOfLabels(const HnswGraph& graph, const LabelSlots& label_slots,
                                    const LabelSet& labels);

}  // namespace simile::index_internal

#endif  // SIMILE_INDEX_PASSING_SLOTS_H_

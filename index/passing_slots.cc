#include "index/passing_slots.h"

#include <algorithm>
#include <atomic>

namespace simile::index_internal {

PassingSlots::PassingSlots(const HnswGraph& graph, const LabelSet& labels)
    : size_(graph.slot_end()), words_((size_ + 63) / 64) {
  // Slots of a word lie in one chunk, so that states and labels follow each other.
  static_assert(SlotMemory::kChunkSlots % 64 == 0);
  const BitSet& passing = labels.labels();
  for (size_t first = 0; first < size_; first += 64) {
    const size_t count = std::min<size_t>(64, size_ - first);
    uint8_t* const states = &graph.memory().State(static_cast<uint32_t>(first));
    const uint64_t* const slot_labels = &graph.memory().Label(static_cast<uint32_t>(first));
    uint64_t word = 0;
    for (size_t at = 0; at < count; ++at) {
      // The label of a slot that is not live may be being written.
      const auto state = std::atomic_ref(states[at]).load(std::memory_order_acquire);
      if (state != static_cast<uint8_t>(HnswGraph::State::kLive)) [[unlikely]]
        continue;
      word |= uint64_t{passing.Contains(slot_labels[at])} << at;
    }
    words_[first / 64] = word;
  }
}

std::vector<uint32_t> PassingSlots::Spread(size_t count) const {
  std::vector<uint32_t> spread;
  if (words_.empty()) return spread;
  const size_t step = std::max<size_t>(1, words_.size() / count);
  // From each place on, the next one that is there; none twice.
  for (size_t place = 0, next = 0; place < words_.size() && spread.size() < count; place += step) {
    next = std::max(next, place);
    while (next < words_.size() && words_[next] == 0) ++next;
    if (next == words_.size()) break;
    spread.push_back(
        static_cast<uint32_t>(next * 64 + static_cast<size_t>(std::countr_zero(words_[next]))));
    ++next;
  }
  return spread;
}

std::vector<uint32_t> SlotsOfLabels(const HnswGraph& graph, const LabelSlots& label_slots,
                                    const LabelSet& labels) {
  // Writers wait while a block is looked up.
  constexpr size_t kBlockLabels = 512;
  std::vector<uint32_t> slots;
  slots.reserve(labels.count());
  std::vector<uint64_t> block;
  block.reserve(kBlockLabels);
  const auto look_up = [&] {
    label_slots.FindAll(block, slots);
    block.clear();
  };
  labels.labels().ForEach([&](size_t label) {
    block.push_back(label);
    if (block.size() == kBlockLabels) look_up();
  });
  look_up();
  std::erase_if(slots, [&graph](uint32_t slot) { return !graph.IsLive(slot); });
  return slots;
}

}  // namespace simile::index_internal

#ifndef SIMILE_INDEX_VISITED_SLOTS_H_
#define SIMILE_INDEX_VISITED_SLOTS_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace simile::index_internal {

// Which slots a walk has met: one bit each. A walk meets few of many slots, so in a graph of more
// than a million only the words that it touched are cleared for the next one.
//
// Thread safety: none.
class VisitedSlots {
 public:
  // Forgets all, of whatever graph; slots below `slot_count`, and some more, may come.
  void Reset(size_t slot_count) {
    if (notes_touched_) {
      for (const uint32_t word : touched_) words_[word] = 0;
    } else {
      std::fill_n(words_.begin(), word_count_, 0);
    }
    touched_.clear();
    const size_t words = slot_count / 64 + 1;
    notes_touched_ = words > kClearedWholeWords;
    word_count_ = words + words / 8 + 1;
    if (word_count_ > words_.size()) words_.resize(word_count_);
  }

  // Keeps those of `count` slots, given by slot_at(0) and so on, that were not met before, in
  // order, and notes them. Whether one is new nobody could foretell, so there is no branch on it.
  // Slots that were not expected at Reset are left out. `fresh` must have room for all.
  template <typename SlotAt>
  size_t KeepFresh(size_t count, SlotAt slot_at, uint32_t* fresh) {
    uint64_t* const words = words_.data();
    const size_t word_count = word_count_;
    size_t kept = 0;
    for (size_t at = 0; at < count; ++at) {
      const uint32_t slot = slot_at(at);
      if (slot / 64 >= word_count) [[unlikely]]
        continue;
      const uint64_t word = words[slot / 64];
      const uint32_t bit = slot % 64;
      fresh[kept] = slot;
      kept += ~(word >> bit) & 1;
      words[slot / 64] = word | uint64_t{1} << bit;
    }
    if (notes_touched_) {
      const size_t noted = touched_.size();
      touched_.resize(noted + kept);
      for (size_t at = 0; at < kept; ++at) touched_[noted + at] = fresh[at] / 64;
    }
    return kept;
  }

 private:
  // 128 KiB, which the second cache holds: to clear all takes less than to note what is touched.
  static constexpr size_t kClearedWholeWords = 16'384;

  std::vector<uint64_t> words_;
  size_t word_count_ = 0;  // Of the words, those that this walk may touch.
  std::vector<uint32_t> touched_;
  bool notes_touched_ = false;
};

}  // namespace simile::index_internal

#endif  // SIMILE_INDEX_VISITED_SLOTS_H_

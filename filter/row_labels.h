#ifndef SIMILE_FILTER_ROW_LABELS_H_
#define SIMILE_FILTER_ROW_LABELS_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/bit_set.h"

namespace simile {

// The label of each row. Rows and labels are both given in order, so mostly 64 rows that follow
// each other have labels that do; sets of such rows become sets of labels a word at a time.
//
// Thread safety: none.
class RowLabels {
 public:
  size_t size() const { return labels_.size(); }
  uint64_t operator[](size_t row) const { return labels_[row]; }

  void Append() {
    labels_.push_back(0);
    if (labels_.size() % 64 == 1) is_straight_.push_back(0);
  }

  void Set(size_t row, uint64_t label) {
    labels_[row] = label;
    label_end_ = std::max(label_end_, label + 1);
    is_straight_[row / 64] = IsStraight(row / 64) ? 1 : 0;
  }

  BitSet LabelsOf(const BitSet& rows) const {
    BitSet labels(label_end_);
    for (size_t at = 0; at < rows.word_count(); ++at) {
      const uint64_t word = rows.word(at);
      if (word == 0) continue;
      if (is_straight_[at] != 0) {
        labels.AddWord(labels_[at * 64], word);
        continue;
      }
      for (uint64_t rest = word; rest != 0; rest &= rest - 1) {
        labels.Add(labels_[at * 64 + static_cast<size_t>(std::countr_zero(rest))]);
      }
    }
    return labels;
  }

  size_t memory_bytes() const {
    return labels_.capacity() * sizeof(uint64_t) + is_straight_.capacity();
  }

 private:
  bool IsStraight(size_t word) const {
    const size_t first = word * 64;
    if (first + 64 > labels_.size()) return false;
    for (size_t at = 1; at < 64; ++at) {
      if (labels_[first + at] != labels_[first] + at) return false;
    }
    return true;
  }

  std::vector<uint64_t> labels_;
  std::vector<uint8_t> is_straight_;  // For each 64 rows.
  uint64_t label_end_ = 0;
};

}  // namespace simile

#endif  // SIMILE_FILTER_ROW_LABELS_H_

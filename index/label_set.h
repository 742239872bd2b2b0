#ifndef SIMILE_INDEX_LABEL_SET_H_
#define SIMILE_INDEX_LABEL_SET_H_

#include <cstddef>
#include <cstdint>
#include <utility>

#include "base/bit_set.h"

namespace simile {

// The labels that a search may return, and how many they are.
//
// Thread safety: none; a set that nobody changes may be read by all.
class LabelSet {
 public:
  explicit LabelSet(BitSet labels) : labels_(std::move(labels)), count_(labels_.Count()) {}

  bool Contains(uint64_t label) const { return labels_.Contains(label); }
  size_t count() const { return count_; }
  const BitSet& labels() const { return labels_; }

  void Remove(uint64_t label) {
    if (!Contains(label)) return;
    labels_.Remove(label);
    --count_;
  }

 private:
  BitSet labels_;
  size_t count_;
};

}  // namespace simile

#endif  // SIMILE_INDEX_LABEL_SET_H_

#ifndef SIMILE_INDEX_CANDIDATE_POOL_H_
#define SIMILE_INDEX_CANDIDATE_POOL_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "index/code_key.h"

namespace simile::index_internal {

// The nearest slots that a walk over a graph has met, in order, each expanded or not: one sorted
// array instead of the two heaps of the HNSW paper. An entry is key, slot and the expanded bit in
// 64 bits, so order is a comparison of integers and a place is found without branches.
//
// Thread safety: none.
class CandidatePool {
 public:
  void Reset(size_t ef) {
    if (entries_.size() < ef + 1) entries_.resize(ef + 1);
    ef_ = ef;
    size_ = 0;
    next_ = 0;
  }

  // A key at or above it does not come in.
  uint32_t bound() const { return size_ < ef_ ? kFarthestKey : key(size_ - 1); }

  // Returns the place of the new entry; ef when it is too far.
  size_t Insert(uint32_t key, uint32_t slot) {
    const uint64_t entry = static_cast<uint64_t>(key) << 32 | static_cast<uint64_t>(slot) << 1;
    const size_t place = PlaceOf(entry);
    if (place >= ef_) return ef_;
    const size_t moved = (size_ < ef_ ? size_ : ef_ - 1) - place;
    std::memmove(entries_.data() + place + 1, entries_.data() + place, moved * sizeof(uint64_t));
    entries_.data()[place] = entry;
    if (size_ < ef_) ++size_;
    if (place < next_) next_ = place;
    return place;
  }

  // Marks the nearest entry that is not expanded as such, and gives its slot. False when all are,
  // or when its key is above `farthest`.
  bool Expand(uint32_t& slot_to_expand, uint32_t farthest = kFarthestKey) {
    while (next_ < size_ && (entries_.data()[next_] & 1) != 0) ++next_;
    if (next_ >= size_ || key(next_) > farthest) return false;
    slot_to_expand = slot(next_);
    entries_.data()[next_++] |= 1;
    return true;
  }

  // Where Expand looks next; size() at the end.
  size_t next() const { return next_; }
  size_t size() const { return size_; }
  uint32_t key(size_t place) const { return static_cast<uint32_t>(entries_.data()[place] >> 32); }
  uint32_t slot(size_t place) const { return static_cast<uint32_t>(entries_.data()[place]) >> 1; }

 private:
  size_t PlaceOf(uint64_t entry) const {
    const uint64_t* first = entries_.data();
    for (size_t length = size_; length > 1;) {
      const size_t half = length / 2;
      const uint64_t* const behind = first + half;
      first = behind[-1] < entry ? behind : first;  // A conditional move: nobody could foretell it.
      length -= half;
    }
    const auto place = static_cast<size_t>(first - entries_.data());
    return place + (size_ > 0 && *first < entry);
  }

  std::vector<uint64_t> entries_;
  size_t ef_ = 0;
  size_t size_ = 0;
  size_t next_ = 0;  // All before it are expanded.
};

}  // namespace simile::index_internal

#endif  // SIMILE_INDEX_CANDIDATE_POOL_H_

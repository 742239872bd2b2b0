#ifndef SIMILE_BASE_BIT_SET_H_
#define SIMILE_BASE_BIT_SET_H_

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace simile {

// A set of small numbers, a bit each. What lies beyond size() is not in it.
//
// Thread safety: none.
class BitSet {
 public:
  explicit BitSet(size_t size = 0) : size_(size), words_((size + 63) / 64) {}

  size_t size() const { return size_; }

  void Grow(size_t size) {
    if (size <= size_) return;
    size_ = size;
    words_.resize((size + 63) / 64);
  }

  // Both for numbers below size().
  void Add(size_t number) { words_[number / 64] |= uint64_t{1} << number % 64; }
  void Remove(size_t number) { words_[number / 64] &= ~(uint64_t{1} << number % 64); }

  // Adds `first` + i for each bit i of `word`; all below size().
  void AddWord(size_t first, uint64_t word) {
    words_[first / 64] |= word << first % 64;
    if (first % 64 == 0) return;
    const uint64_t rest = word >> (64 - first % 64);
    if (rest != 0) words_[first / 64 + 1] |= rest;
  }

  bool Contains(size_t number) const {
    return number < size_ && (words_[number / 64] >> number % 64 & 1) != 0;
  }

  // Sets of other sizes: what is missing counts as not in it.
  void Unite(const BitSet& other) {
    Grow(other.size_);
    for (size_t at = 0; at < other.words_.size(); ++at) words_[at] |= other.words_[at];
  }
  void Intersect(const BitSet& other) {
    const size_t common = std::min(words_.size(), other.words_.size());
    for (size_t at = 0; at < common; ++at) words_[at] &= other.words_[at];
    std::fill(words_.begin() + static_cast<ptrdiff_t>(common), words_.end(), 0);
  }
  void Subtract(const BitSet& other) {
    const size_t common = std::min(words_.size(), other.words_.size());
    for (size_t at = 0; at < common; ++at) words_[at] &= ~other.words_[at];
  }

  size_t Count() const {
    size_t count = 0;
    for (const uint64_t word : words_) count += static_cast<size_t>(std::popcount(word));
    return count;
  }

  bool IsEmpty() const {
    return std::ranges::all_of(words_, [](uint64_t word) { return word == 0; });
  }

  // In ascending order.
  template <typename Visit>
  void ForEach(Visit visit) const {
    for (size_t at = 0; at < words_.size(); ++at) {
      for (uint64_t word = words_[at]; word != 0; word &= word - 1) {
        visit(at * 64 + static_cast<size_t>(std::countr_zero(word)));
      }
    }
  }

  // 64 numbers each, the smallest in the lowest bit.
  size_t word_count() const { return words_.size(); }
  uint64_t word(size_t at) const { return words_[at]; }

  size_t memory_bytes() const { return words_.capacity() * sizeof(uint64_t); }

 private:
  size_t size_;
  std::vector<uint64_t> words_;
};

}  // namespace simile

#endif  // SIMILE_BASE_BIT_SET_H_

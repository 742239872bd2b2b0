#ifndef SIMILE_FILTER_POSTING_H_
#define SIMILE_FILTER_POSTING_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/bit_set.h"
#include "roaring/roaring.hh"

namespace simile {

// The rows that have a value. One row, as of a value that is unique, takes no memory of its own;
// more are a roaring bitmap (Chambi et al. 2016, arXiv 1402.6407).
//
// Thread safety: none.
class Posting {
 public:
  void Add(uint32_t row) {
    if (count_ == 0) {
      only_ = row;
      count_ = 1;
    } else if (count_ == 1) {
      if (row == only_) return;
      rows_ = std::make_unique<Roaring>();
      rows_->add(only_);
      rows_->add(row);
      count_ = 2;
    } else if (rows_->addChecked(row)) {
      ++count_;
    }
  }

  // Takes away the rows that are in `dead`.
  void Subtract(const BitSet& dead) {
    if (count_ == 1) {
      if (dead.Contains(only_)) count_ = 0;
      return;
    }
    if (count_ == 0) return;
    auto kept = std::make_unique<Roaring>();
    ForEach([&](uint32_t row) {
      if (!dead.Contains(row)) kept->add(row);
    });
    count_ = static_cast<uint32_t>(kept->cardinality());
    if (count_ == 1) only_ = kept->minimum();
    kept->runOptimize();
    rows_ = count_ > 1 ? std::move(kept) : nullptr;
  }

  // Adds those rows to `rows` that are below its size. `unpacked` is room for a copy of them.
  void AddTo(BitSet& rows, std::vector<uint32_t>& unpacked) const {
    if (count_ < 2) {
      if (count_ == 1 && only_ < rows.size()) rows.Add(only_);
      return;
    }
    unpacked.resize(count_);
    rows_->toUint32Array(unpacked.data());
    // In ascending order.
    if (unpacked.back() < rows.size()) {
      for (const uint32_t row : unpacked) rows.Add(row);
      return;
    }
    for (const uint32_t row : unpacked) {
      if (row < rows.size()) rows.Add(row);
    }
  }

  template <typename Visit>
  void ForEach(Visit visit) const {
    if (count_ == 1) visit(only_);
    if (count_ < 2) return;
    const auto call = [](uint32_t row, void* to) {
      (*static_cast<Visit*>(to))(row);
      return true;
    };
    rows_->iterate(call, &visit);
  }

  size_t CountIn(const BitSet& rows) const {
    size_t count = 0;
    ForEach([&](uint32_t row) { count += rows.Contains(row) ? 1 : 0; });
    return count;
  }

  uint32_t count() const { return count_; }

  // Of a bitmap: what its containers take and about 100 bytes around them.
  size_t memory_bytes() const {
    return count_ < 2 ? 0 : 100 + rows_->getSizeInBytes(/*portable=*/false);
  }

 private:
  uint32_t only_ = 0;
  uint32_t count_ = 0;
  std::unique_ptr<Roaring> rows_;  // When there are two or more.
};

}  // namespace simile

#endif  // SIMILE_FILTER_POSTING_H_

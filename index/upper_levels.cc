#include "index/upper_levels.h"

#include "fmt/format.h"

namespace simile::index_internal {

UpperLevels::~UpperLevels() {
  WriterLock lock(mutex_);
  for (size_t block = 0; block < block_count_; ++block) delete[] blocks_[block].load();
}

absl::StatusOr<uint32_t> UpperLevels::Take(size_t count) {
  WriterLock lock(mutex_);
  // Rows that follow each other must lie in one block.
  if (rows_taken_ / kBlockRows != (rows_taken_ + count - 1) / kBlockRows) {
    rows_taken_ = (rows_taken_ / kBlockRows + 1) * kBlockRows;
  }
  const size_t first = rows_taken_;
  while (block_count_ * kBlockRows < first + count) {
    if (block_count_ == kBlocksMax) {
      return absl::ResourceExhaustedError(fmt::format(
          "the index has room for {} lists of links above the lowest level, and all are taken",
          kBlocksMax * kBlockRows));
    }
    blocks_[block_count_++].store(new uint32_t[kBlockRows * row_words_](),
                                  std::memory_order_release);
  }
  rows_taken_ += count;
  return static_cast<uint32_t>(first);
}

size_t UpperLevels::memory_bytes() const {
  ReaderLock lock(mutex_);
  return block_count_ * kBlockRows * row_words_ * sizeof(uint32_t);
}

}  // namespace simile::index_internal

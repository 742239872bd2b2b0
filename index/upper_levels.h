#ifndef SIMILE_INDEX_UPPER_LEVELS_H_
#define SIMILE_INDEX_UPPER_LEVELS_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "base/shared_mutex.h"

namespace simile::index_internal {

// The links of the levels above the lowest. One slot in m is there, so rows are few and lie by
// themselves: a row is a count, then up to m slots. Rows of one slot follow each other, level 1
// first. Blocks of rows never move.
//
// Thread safety: Take may run beside everything else. What lies in a row is guarded by whoever uses
// it.
class UpperLevels {
 public:
  explicit UpperLevels(size_t links_max) : row_words_(links_max + 1) {}
  ~UpperLevels();
  UpperLevels(const UpperLevels&) = delete;
  UpperLevels& operator=(const UpperLevels&) = delete;

  // The first of `count` new rows, which follow each other. ResourceExhausted when all are taken.
  absl::StatusOr<uint32_t> Take(size_t count);

  // The count, then the links.
  uint32_t* Row(size_t row) const {
    return blocks_[row / kBlockRows].load(std::memory_order_acquire) +
           row % kBlockRows * row_words_;
  }

  size_t memory_bytes() const;

 private:
  static constexpr size_t kBlockRows = 4'096;
  static constexpr size_t kBlocksMax = 65'536;

  const size_t row_words_;
  const std::unique_ptr<std::atomic<uint32_t*>[]> blocks_ =
      std::make_unique<std::atomic<uint32_t*>[]>(kBlocksMax);
  mutable SharedMutex mutex_;
  size_t rows_taken_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t block_count_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace simile::index_internal

#endif  // SIMILE_INDEX_UPPER_LEVELS_H_

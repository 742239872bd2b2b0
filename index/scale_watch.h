#ifndef SIMILE_INDEX_SCALE_WATCH_H_
#define SIMILE_INDEX_SCALE_WATCH_H_

#include <algorithm>
#include <atomic>
#include <cstddef>

#include "index/quantizer.h"

namespace simile::index_internal {

// Tells when vectors have drifted away from those that the scale of a quantizer was learnt from:
// when a sixteenth of the recent rows are coarse, or when recent components hardly ever reach the
// upper half of the range, so that half of the levels are of no use. Recent are a quarter of all
// rows there were, so that the work which a new scale costs stays a constant share.
//
// Thread safety: all methods may be called together; a row that is noted just then may be lost.
class ScaleWatch {
 public:
  static constexpr size_t kRowsMin = 4'096;

  explicit ScaleWatch(const Quantizer& quantizer)
      : is_needed_(quantizer.format() != CodeFormat::kFloat32),
        dimension_(quantizer.dimension()),
        clipped_share_(quantizer.clipped_share()) {}

  void Note(const EncodedRow& row) {
    if (!is_needed_) return;
    if (row.is_coarse) coarse_.fetch_add(1, std::memory_order_relaxed);
    if (row.in_upper_half > 0) {
      in_upper_half_.fetch_add(row.in_upper_half, std::memory_order_relaxed);
    }
    const size_t all = all_.fetch_add(1, std::memory_order_relaxed) + 1;
    const size_t recent = recent_.fetch_add(1, std::memory_order_relaxed) + 1;
    if (recent >= std::max(kRowsMin, all / 4)) Judge();
  }

  // Whether the scale should be learnt anew.
  bool is_stale() const { return is_stale_.load(std::memory_order_relaxed); }

 private:
  void Judge() {
    const size_t recent = recent_.exchange(0);
    if (recent < kRowsMin) return;  // Another thread has judged them.
    const size_t coarse = coarse_.exchange(0);
    const auto in_upper_half = static_cast<double>(in_upper_half_.exchange(0));
    const auto components = static_cast<double>(recent * dimension_);
    const bool is_too_wide = in_upper_half < clipped_share_ * components / 2;
    is_stale_ = coarse > recent / 16 || is_too_wide;
  }

  const bool is_needed_;
  const size_t dimension_;
  const double clipped_share_;
  std::atomic<size_t> all_{0};
  std::atomic<size_t> recent_{0};
  std::atomic<size_t> coarse_{0};
  std::atomic<size_t> in_upper_half_{0};
  std::atomic<bool> is_stale_{false};
};

}  // namespace simile::index_internal

#endif  // SIMILE_INDEX_SCALE_WATCH_H_

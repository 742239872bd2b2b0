#ifndef SIMILE_INDEX_AUTO_INDEX_H_
#define SIMILE_INDEX_AUTO_INDEX_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "base/shared_mutex.h"
#include "index/flat_index.h"
#include "index/hnsw_index.h"
#include "index/vector_index.h"

namespace simile {

// The exact scan while the collection is small, our HNSW graph once it is not: by then there are
// enough vectors to learn the scale of the graph's codes from. The change is made in
// small steps: each insert above the limit also moves a few older vectors into the graph, while
// searches still scan; when all are there, the scan's copy is dropped. So no single write stalls.
//
// Thread safety: as VectorIndex.
class AutoIndex final : public VectorIndex {
 public:
  // From so many on there is enough to learn a scale from, and codes pay off: our graph compares
  // with all by codes for as long as that is the cheaper way (index/search_costs.h).
  static constexpr size_t kScanVectorsMax = 1'024;

  explicit AutoIndex(const IndexSettings& settings, size_t scan_vectors_max = kScanVectorsMax);

  absl::Status Upsert(uint64_t label, std::span<const float> vector) override;
  bool Remove(uint64_t label) override;
  absl::StatusOr<SearchAnswer> Search(std::span<const float> query,
                                      const SearchOptions& options) const override;
  std::vector<absl::StatusOr<SearchAnswer>> SearchBatch(
      std::span<const BatchQuery> queries) const override;
  void LearnFrom(std::span<const float> vectors) override;
  absl::StatusOr<uint64_t> Restore(size_t threads) override;
  absl::StatusOr<CheckpointReport> Checkpoint(uint64_t sequence) override;
  size_t dimension() const override { return settings_.dimension; }
  Metric metric() const override { return settings_.metric; }
  IndexStatistics Statistics() const override;

 private:
  // Which engines hold the vectors: the scan, both, or the graph.
  enum class Phase { kScan, kMoving, kGraph };

  absl::Status UpsertWhileMoving(uint64_t label, std::span<const float> vector);
  absl::Status MoveSome() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool RemoveFrom(uint64_t label) ABSL_SHARED_LOCKS_REQUIRED(mutex_);

  const IndexSettings settings_;
  const size_t scan_vectors_max_;

  // The graph, once it is in charge for good: from then on nobody needs the lock.
  std::atomic<HnswIndex*> settled_{nullptr};

  // Shared by everything while the scan is in charge; alone for each step of the move.
  mutable SharedMutex mutex_;
  Phase phase_ ABSL_GUARDED_BY(mutex_) = Phase::kScan;
  std::unique_ptr<FlatIndex> scan_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<HnswIndex> graph_ ABSL_GUARDED_BY(mutex_);
  std::vector<uint64_t> to_move_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace simile

#endif  // SIMILE_INDEX_AUTO_INDEX_H_

#ifndef SIMILE_INDEX_FLAT_INDEX_H_
#define SIMILE_INDEX_FLAT_INDEX_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "absl/status/statusor.h"
#include "base/shared_mutex.h"
#include "index/distance.h"
#include "index/top_k.h"
#include "index/vector_index.h"

namespace simile {

// The exact scan: every search compares with every vector, so its answers are the truth that all
// recall tests measure against. Vectors lie in chunks that never move; a removed one is replaced by
// the last.
//
// Thread safety: as VectorIndex; searches share a lock that changes take alone.
// Cost: a search reads 4 * dimension bytes a vector; memory is that plus about 40 bytes a vector.
class FlatIndex final : public VectorIndex {
 public:
  FlatIndex(Metric metric, size_t dimension);

  absl::Status Upsert(uint64_t label, std::span<const float> vector) override;
  bool Remove(uint64_t label) override;
  // Waits once for the searches that are running, not once for each label.
  void RemoveAll(std::span<const uint64_t> labels);
  absl::StatusOr<SearchAnswer> Search(std::span<const float> query,
                                      const SearchOptions& options) const override;
  std::vector<absl::StatusOr<SearchAnswer>> SearchBatch(
      std::span<const BatchQuery> queries) const override;
  size_t dimension() const override { return kernel_.dimension(); }
  Metric metric() const override { return kernel_.metric(); }
  IndexStatistics Statistics() const override;

  size_t size() const;

  // All labels, in no order.
  std::vector<uint64_t> Labels() const;

  // The vector as it is compared (scaled to length 1 under cosine); empty when there is none.
  std::vector<float> Vector(uint64_t label) const;

  // Those of all vectors, end to end, in no order.
  std::vector<float> Components() const;

 private:
  static constexpr size_t kChunkVectors = 1024;

  // With more the first cache holds a vector no longer, and changes wait for long.
  static constexpr size_t kScansTogether = 8;

  // What a search has found so far.
  struct Scan {
    size_t answer = 0;  // Its place.
    std::vector<float> vector;
    const LabelSet* filter = nullptr;
    TopK nearest;
    size_t compared = 0;
  };

  void ScanTogether(std::span<Scan> scans) const;
  bool RemoveLocked(uint64_t label) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  float* At(size_t slot) const ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return chunks_[slot / kChunkVectors].get() + slot % kChunkVectors * kernel_.dimension();
  }

  const DistanceKernel kernel_;

  mutable SharedMutex mutex_;
  std::vector<std::unique_ptr<float[]>> chunks_ ABSL_GUARDED_BY(mutex_);
  std::vector<uint64_t> labels_ ABSL_GUARDED_BY(mutex_);  // By slot.
  std::unordered_map<uint64_t, size_t> slots_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace simile

#endif  // SIMILE_INDEX_FLAT_INDEX_H_

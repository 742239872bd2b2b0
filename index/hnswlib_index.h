#ifndef SIMILE_INDEX_HNSWLIB_INDEX_H_
#define SIMILE_INDEX_HNSWLIB_INDEX_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "absl/status/statusor.h"
#include "index/vector_index.h"

namespace simile {

// The HNSW graph of hnswlib (Malkov & Yashunin 2016, arXiv 1603.09320), behind the promises of
// VectorIndex: its rule that inserts may run together, searches may run together, but never both,
// is kept by a lock inside (index/rooms.h); its exceptions stop here.
//
// A replaced or removed vector leaves a tombstone in the graph; once tombstones are a quarter of
// the live vectors, their places are used again. A search that finds too few among tombstones, and
// every filtered search, falls back to the exact scan, so that no result is lost.
//
// Cost at m = 16: 4 * dimension + 150 bytes a vector; a search visits a few hundred vectors.
class HnswlibIndex final : public VectorIndex {
 public:
  explicit HnswlibIndex(const IndexSettings& settings);
  ~HnswlibIndex() override;

  absl::Status Upsert(uint64_t label, std::span<const float> vector) override;
  bool Remove(uint64_t label) override;
  absl::StatusOr<SearchAnswer> Search(std::span<const float> query,
                                      const SearchOptions& options) const override;
  size_t dimension() const override;
  Metric metric() const override;
  IndexStatistics Statistics() const override;

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace simile

#endif  // SIMILE_INDEX_HNSWLIB_INDEX_H_

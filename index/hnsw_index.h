#ifndef SIMILE_INDEX_HNSW_INDEX_H_
#define SIMILE_INDEX_HNSW_INDEX_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "index/vector_index.h"

namespace simile {

// Our HNSW graph: walks over codes, then compares the nearest by their float32 components.
// Searches take no lock, inserts run beside them and beside each other. A replaced or removed
// vector is dead at once; the graph is repaired around it by later writes, a little each, and its
// place is used again (index/graph_repair.h).
//
// A search that meets too many dead vectors looks further, and at last at all vectors, so that no
// result is lost. A filtered search compares with all vectors that pass, or walks as much further
// as few pass, whichever is cheaper; when a walk finds too few, all that pass are compared.
class HnswIndex final : public VectorIndex {
 public:
  // `sample` is some vectors that are typical of what will come, end to end as kernels prepare them
  // (index/distance.h): the scale of the codes is learnt from them.
  // What is in the directory of `settings` is removed; an error of that comes with Checkpoint.
  HnswIndex(const IndexSettings& settings, std::span<const float> sample);
  ~HnswIndex() override;

  // An index of what the last checkpoint left, and the sequence that it covers; errors as of
  // VectorIndex::Restore.
  struct Restored {
    std::unique_ptr<HnswIndex> index;
    uint64_t sequence = 0;
  };
  static absl::StatusOr<Restored> Open(const IndexSettings& settings, size_t threads);

  absl::Status Upsert(uint64_t label, std::span<const float> vector) override;
  bool Remove(uint64_t label) override;
  absl::StatusOr<SearchAnswer> Search(std::span<const float> query,
                                      const SearchOptions& options) const override;
  std::vector<absl::StatusOr<SearchAnswer>> SearchBatch(
      std::span<const BatchQuery> queries) const override;
  absl::StatusOr<CheckpointReport> Checkpoint(uint64_t sequence) override;
  size_t dimension() const override;
  Metric metric() const override;
  IndexStatistics Statistics() const override;

 private:
  class State;
  explicit HnswIndex(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace simile

#endif  // SIMILE_INDEX_HNSW_INDEX_H_

#ifndef SIMILE_TESTS_INDEX_SEEDED_VECTORS_H_
#define SIMILE_TESTS_INDEX_SEEDED_VECTORS_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "index/vector_index.h"

namespace simile {

// The same vectors for the same seed, on every machine. They lie near a plane of few dimensions, as
// the embeddings of a sentence encoder do; independent components would have no near neighbors.
class SeededVectors {
 public:
  SeededVectors(size_t count, size_t dimension, uint32_t seed);

  std::span<const float> operator[](size_t at) const {
    return std::span(components_).subspan(at * dimension_, dimension_);
  }
  size_t size() const { return components_.size() / dimension_; }
  size_t dimension() const { return dimension_; }

 private:
  size_t dimension_;
  std::vector<float> components_;
};

// The share of the k nearest to each of `queries`, by `truth`, that `index` finds at its default
// settings.
double RecallOf(const VectorIndex& index, const VectorIndex& truth, const SeededVectors& queries,
                size_t k);

std::vector<uint64_t> LabelsOf(const SearchAnswer& answer);

}  // namespace simile

#endif  // SIMILE_TESTS_INDEX_SEEDED_VECTORS_H_

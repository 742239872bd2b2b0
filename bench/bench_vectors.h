#ifndef SIMILE_BENCH_BENCH_VECTORS_H_
#define SIMILE_BENCH_BENCH_VECTORS_H_

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace simile {

// Vectors for a benchmark, end to end.
struct BenchVectors {
  size_t dimension = 0;
  std::vector<float> floats;

  size_t size() const { return dimension == 0 ? 0 : floats.size() / dimension; }
  std::span<const float> operator[](size_t at) const {
    return std::span(floats).subspan(at * dimension, dimension);
  }
};

// Embeddings of the first `count` texts of a file (bench/text_corpus.h) by a model, kept beside it
// in FILE.fvecs for the next time.
absl::StatusOr<BenchVectors> EmbeddedTexts(const std::string& model, const std::string& texts,
                                           size_t count);

// `count` vectors of length 1: a mixture of 1,000 Gaussians in a latent space of 30 dimensions,
// mapped to `dimension` by one random matrix, with noise of 0.3 on every axis. Always the same.
BenchVectors SyntheticVectors(size_t count, size_t dimension);

}  // namespace simile

#endif  // SIMILE_BENCH_BENCH_VECTORS_H_

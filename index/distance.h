#ifndef SIMILE_INDEX_DISTANCE_H_
#define SIMILE_INDEX_DISTANCE_H_

#include <cstddef>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "index/metric.h"

namespace simile {

// Sums over n components with the widest vectors this machine has (Highway; chosen at run time).
// The order of additions depends on the machine's vector width, so the last bits may differ between
// machines, never between calls.
using VectorFunction = float (*)(const float* a, const float* b, size_t n);

VectorFunction DotFunction();              // Sum of a[i] * b[i].
VectorFunction SquaredDistanceFunction();  // Sum of (a[i] - b[i])^2.

// What engines compare instead of the distance of a metric: cheaper, in the same order. Under
// cosine both vectors have length 1.
//   cosine, dot product: -(a . b)      Euclidean: |a - b|^2
class DistanceKernel {
 public:
  DistanceKernel(Metric metric, size_t dimension);

  float Key(const float* a, const float* b) const {
    return metric_ == Metric::kEuclidean ? function_(a, b, dimension_)
                                         : -function_(a, b, dimension_);
  }

  // The distance in the metric's own unit.
  float ToDistance(float key) const;

  // The vector as it is stored and compared: scaled to length 1 under cosine. InvalidArgument when
  // the size is not the dimension, or the length is zero under cosine or above 1e18 elsewhere.
  absl::StatusOr<std::vector<float>> Prepare(std::span<const float> vector) const;

  Metric metric() const { return metric_; }
  size_t dimension() const { return dimension_; }

 private:
  const Metric metric_;
  const size_t dimension_;
  const VectorFunction function_;
};

}  // namespace simile

#endif  // SIMILE_INDEX_DISTANCE_H_

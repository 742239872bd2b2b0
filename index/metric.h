#ifndef SIMILE_INDEX_METRIC_H_
#define SIMILE_INDEX_METRIC_H_

namespace simile {

// How far apart two vectors are. Every distance is smaller when nearer.
enum class Metric {
  kCosine,      // 1 - cos(a, b), 0 to 2.
  kEuclidean,   // |a - b|, the L2 distance, not squared.
  kDotProduct,  // -(a . b).
};

}  // namespace simile

#endif  // SIMILE_INDEX_METRIC_H_

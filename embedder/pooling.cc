#include "embedder/pooling.h"

#include <algorithm>
#include <cmath>

namespace simile {

void Pool(const float* rows, size_t count, Pooling pooling, bool normalize,
          std::span<float> vector) {
  const size_t size = vector.size();
  std::copy_n(rows, size, vector.data());
  for (size_t row = 1; row < count && pooling != Pooling::kCls; ++row) {
    const float* next = rows + row * size;
    if (pooling == Pooling::kMax) {
      for (size_t axis = 0; axis < size; ++axis) vector[axis] = std::max(vector[axis], next[axis]);
    } else {
      for (size_t axis = 0; axis < size; ++axis) vector[axis] += next[axis];
    }
  }
  if (pooling == Pooling::kMean) {
    const float share = 1 / static_cast<float>(count);
    for (float& value : vector) value *= share;
  }
  if (normalize) ScaleToUnitLength(vector);
}

void ScaleToUnitLength(std::span<float> vector) {
  double squares = 0;
  for (const float value : vector) squares += static_cast<double>(value) * value;
  const double length = std::max(std::sqrt(squares), 1e-12);  // The reference's own lower bound.
  for (float& value : vector) value = static_cast<float>(value / length);
}

}  // namespace simile

#include "embedder/pooling.h"

#include <algorithm>
#include <cmath>

namespace simile {

namespace {

// The sum of all rows, the n-th multiplied by `weight(n)`, n from 1 on; returns the weights' sum.
template <typename Weight>
float AddRows(std::span<const float> rows, size_t count, Weight weight, std::span<float> sum) {
  std::ranges::fill(sum, 0.0f);
  float weights = 0;
  for (size_t row = 0; row < count; ++row) {
    const float* values = rows.data() + row * sum.size();
    const float factor = weight(row + 1);
    weights += factor;
    for (size_t axis = 0; axis < sum.size(); ++axis) sum[axis] += factor * values[axis];
  }
  return weights;
}

void Scale(float factor, std::span<float> vector) {
  for (float& value : vector) value *= factor;
}

void TakeLargest(std::span<const float> rows, size_t count, std::span<float> vector) {
  std::copy_n(rows.data(), vector.size(), vector.data());
  for (size_t row = 1; row < count; ++row) {
    const float* values = rows.data() + row * vector.size();
    for (size_t axis = 0; axis < vector.size(); ++axis) {
      vector[axis] = std::max(vector[axis], values[axis]);
    }
  }
}

}  // namespace

void Pool(std::span<const float> rows, size_t count, Pooling pooling, std::span<float> vector) {
  const auto once = [](size_t) { return 1.0f; };
  switch (pooling) {
    case Pooling::kCls:
      std::copy_n(rows.data(), vector.size(), vector.data());
      break;
    case Pooling::kLastToken:
      std::copy_n(rows.data() + (count - 1) * vector.size(), vector.size(), vector.data());
      break;
    case Pooling::kMax:
      TakeLargest(rows, count, vector);
      break;
    case Pooling::kMean:
      Scale(1 / AddRows(rows, count, once, vector), vector);
      break;
    case Pooling::kMeanSqrtLength:
      Scale(1 / std::sqrt(AddRows(rows, count, once, vector)), vector);
      break;
    case Pooling::kWeightedMean: {
      const auto place = [](size_t number) { return static_cast<float>(number); };
      Scale(1 / AddRows(rows, count, place, vector), vector);
      break;
    }
  }
}

void ScaleToUnitLength(std::span<float> vector) {
  double squares = 0;
  for (const float value : vector) squares += static_cast<double>(value) * value;
  const double length = std::max(std::sqrt(squares), 1e-12);  // The reference's own lower bound.
  for (float& value : vector) value = static_cast<float>(value / length);
}

}  // namespace simile

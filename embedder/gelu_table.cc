#include "embedder/gelu_table.h"

#include <cmath>
#include <numbers>

namespace simile {
namespace {

GeluTable MakeTable() {
  GeluTable table;
  const auto q = [](double y) { return std::erf(y / std::numbers::sqrt2) / 2; };
  for (size_t segment = 0; segment + 1 < GeluTable::kSegments; ++segment) {
    const double width = 1.0 / static_cast<double>(GeluTable::kPerUnit);
    const double middle = (static_cast<double>(segment) + 0.5) * width;
    const double offset = width / 2 * std::cos(std::numbers::pi / 6);
    const double first = middle - offset, last = middle + offset;
    // Newton's form of the parabola through the three nodes, multiplied out.
    const double slope_left = (q(middle) - q(first)) / offset;
    const double slope_right = (q(last) - q(middle)) / offset;
    const double bend = (slope_right - slope_left) / (2 * offset);
    table.coefficients[2][segment] = static_cast<float>(bend);
    table.coefficients[1][segment] = static_cast<float>(slope_left - bend * (first + middle));
    table.coefficients[0][segment] =
        static_cast<float>(q(first) - slope_left * first + bend * first * middle);
  }
  table.coefficients[0][GeluTable::kSegments - 1] = 0.5f;
  return table;
}

}  // namespace

const GeluTable& TheGeluTable() {
  static const GeluTable table = MakeTable();
  return table;
}

}  // namespace simile

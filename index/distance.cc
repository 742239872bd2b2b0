#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "index/distance.cc"
// Highway asks for this order.
// clang-format off
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
// clang-format on

#include "index/distance.h"

#include <cmath>

#include "fmt/format.h"

HWY_BEFORE_NAMESPACE();
namespace simile {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// Four sums side by side hide the latency of one fused multiply-add.
template <typename Step>
float SumOver(const float* a, const float* b, size_t n, Step step) {
  const hn::ScalableTag<float> tag;
  const size_t lanes = hn::Lanes(tag);
  auto sum0 = hn::Zero(tag), sum1 = hn::Zero(tag), sum2 = hn::Zero(tag), sum3 = hn::Zero(tag);
  size_t at = 0;
  for (; at + 4 * lanes <= n; at += 4 * lanes) {
    sum0 = step(hn::LoadU(tag, a + at), hn::LoadU(tag, b + at), sum0);
    sum1 = step(hn::LoadU(tag, a + at + lanes), hn::LoadU(tag, b + at + lanes), sum1);
    sum2 = step(hn::LoadU(tag, a + at + 2 * lanes), hn::LoadU(tag, b + at + 2 * lanes), sum2);
    sum3 = step(hn::LoadU(tag, a + at + 3 * lanes), hn::LoadU(tag, b + at + 3 * lanes), sum3);
  }
  for (; at + lanes <= n; at += lanes) {
    sum0 = step(hn::LoadU(tag, a + at), hn::LoadU(tag, b + at), sum0);
  }
  if (at < n) {
    // Zeros beyond the end change neither sum.
    HWY_ALIGN float tail_a[HWY_MAX_BYTES / sizeof(float)] = {};
    HWY_ALIGN float tail_b[HWY_MAX_BYTES / sizeof(float)] = {};
    for (size_t rest = 0; at + rest < n; ++rest) {
      tail_a[rest] = a[at + rest];
      tail_b[rest] = b[at + rest];
    }
    sum1 = step(hn::Load(tag, tail_a), hn::Load(tag, tail_b), sum1);
  }
  return hn::GetLane(hn::SumOfLanes(tag, hn::Add(hn::Add(sum0, sum1), hn::Add(sum2, sum3))));
}

float Dot(const float* a, const float* b, size_t n) {
  return SumOver(a, b, n, [](auto x, auto y, auto sum) HWY_ATTR { return hn::MulAdd(x, y, sum); });
}

float SquaredDistance(const float* a, const float* b, size_t n) {
  return SumOver(a, b, n, [](auto x, auto y, auto sum) HWY_ATTR {
    const auto difference = hn::Sub(x, y);
    return hn::MulAdd(difference, difference, sum);
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace simile
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace simile {

HWY_EXPORT(Dot);
HWY_EXPORT(SquaredDistance);

VectorFunction DotFunction() {
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
  return &HWY_DYNAMIC_DISPATCH(Dot);
}

VectorFunction SquaredDistanceFunction() {
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
  return &HWY_DYNAMIC_DISPATCH(SquaredDistance);
}

namespace {

// Four times it, the square of the largest distance, is still a float32.
constexpr double kSquaresMax = 1e36;

}  // namespace

DistanceKernel::DistanceKernel(Metric metric, size_t dimension)
    : metric_(metric),
      dimension_(dimension),
      function_(metric == Metric::kEuclidean ? SquaredDistanceFunction() : DotFunction()) {}

float DistanceKernel::ToDistance(float key) const {
  switch (metric_) {
    case Metric::kCosine:
      return std::fmax(0.0f, 1 + key);  // Rounding may go below zero.
    case Metric::kEuclidean:
      return std::sqrt(key);
    case Metric::kDotProduct:
      return key;
  }
  return key;
}

absl::StatusOr<std::vector<float>> DistanceKernel::Prepare(std::span<const float> vector) const {
  if (vector.size() != dimension_) {
    return absl::InvalidArgumentError(
        fmt::format("the vector has {} dimensions; the index has {}", vector.size(), dimension_));
  }
  std::vector<float> prepared(vector.begin(), vector.end());
  double squares = 0;
  for (const float component : vector) squares += static_cast<double>(component) * component;
  if (metric_ != Metric::kCosine) {
    // A distance that is no number has no place in an order.
    if (squares <= kSquaresMax) return prepared;
    return absl::InvalidArgumentError(
        fmt::format("the vector has length {:g}; at most {:g} is possible", std::sqrt(squares),
                    std::sqrt(kSquaresMax)));
  }
  if (!(squares > 0) || !std::isfinite(squares)) {
    return absl::InvalidArgumentError(
        "the vector has no direction, which the cosine metric needs: its length is zero or not a "
        "number");
  }
  const double scale = 1 / std::sqrt(squares);
  for (float& component : prepared) component = static_cast<float>(component * scale);
  return prepared;
}

}  // namespace simile
#endif  // HWY_ONCE

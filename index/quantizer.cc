#include "index/quantizer.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "index/code_key.h"

namespace simile::index_internal {
namespace {

constexpr size_t kLineBytes = 64;
constexpr size_t kSq4BlockComponents = 128;
constexpr int32_t kSq8Middle = 128;
constexpr int32_t kInt8Max = 127;
constexpr int32_t kSq4Max = 15;

// Shares of the components that may be clipped: where bytes have room, hardly any; where there are
// sixteen levels, finer ones are worth more than the ends, if the ends are not what says most.
constexpr float kSq8Clipped = 1e-5f;
constexpr float kSq4Clipped[] = {1e-2f, 3e-3f, 1e-3f, 3e-4f, 1e-4f, 1e-5f};

// Scales are bounded, so that components of any size stay numbers.
constexpr float kScaleMax = 1e30f;

constexpr size_t kSampleComponentsMax = 2'000'000;
constexpr size_t kTriedComponentsMax = 400'000;

size_t RowBytes(CodeFormat format, size_t dimension) {
  const auto rounded = [](size_t bytes) {
    return (bytes + kLineBytes - 1) / kLineBytes * kLineBytes;
  };
  switch (format) {
    case CodeFormat::kFloat32:
      return rounded(dimension * sizeof(float));
    case CodeFormat::kSq8:
      return rounded(dimension);
    case CodeFormat::kSq4:
      return (dimension + kSq4BlockComponents - 1) / kSq4BlockComponents * kLineBytes;
  }
  return 0;
}

// The sizes of the components of whole vectors, of so many that there are about `count_max`.
std::vector<float> SizesOf(std::span<const float> sample, size_t dimension, size_t count_max) {
  std::vector<float> sizes;
  const size_t step = dimension * std::max<size_t>(1, sample.size() / count_max);
  for (size_t first = 0; first + dimension <= sample.size(); first += step) {
    for (const float component : sample.subspan(first, dimension)) {
      sizes.push_back(std::fabs(component));
    }
  }
  return sizes;
}

// The size that only the given share of the components exceeds.
float LargestKept(std::vector<float>& sizes, double clipped_share) {
  if (sizes.empty()) return 1;
  const auto rank = static_cast<size_t>(static_cast<double>(sizes.size()) * (1 - clipped_share));
  const auto kept = sizes.begin() + static_cast<ptrdiff_t>(std::min(rank, sizes.size() - 1));
  std::nth_element(sizes.begin(), kept, sizes.end());
  // Mostly zeros: then the largest of all.
  const float size = *kept > 0 ? *kept : *std::ranges::max_element(sizes);
  return size > 0 ? size : 1;
}

// What codes take from products of two vectors that are like those of the sample: a dimension
// counts by what vectors have there.
double ProductLoss(RoundFunction round, size_t dimension, std::span<const float> sizes,
                   float scale) {
  std::vector<double> squares(dimension), lost(dimension);
  std::vector<int8_t> rounded(dimension);
  for (size_t first = 0; first < sizes.size(); first += dimension) {
    round(&sizes[first], dimension, scale, rounded.data());
    for (size_t axis = 0; axis < dimension; ++axis) {
      const float scaled = sizes[first + axis] * scale;
      const double off = scaled - static_cast<float>(rounded[axis]);
      squares[axis] += static_cast<double>(scaled) * scaled;
      lost[axis] += off * off;
    }
  }
  double sum = 0;
  for (size_t axis = 0; axis < dimension; ++axis) sum += squares[axis] * lost[axis];
  return sum / std::pow(static_cast<double>(scale), 4);
}

float ScaleTo(int32_t largest_level, float size) {
  return std::min(static_cast<float>(largest_level) / size, kScaleMax);
}

CodeScale ScaleFor(CodeFormat format, size_t dimension, std::span<const float> sample,
                   const CodeKernels& kernels) {
  if (format == CodeFormat::kFloat32) return {};
  std::vector<float> sizes = SizesOf(sample, dimension, kSampleComponentsMax);
  if (format == CodeFormat::kSq8) {
    return {.scale = ScaleTo(kInt8Max, LargestKept(sizes, kSq8Clipped)),
            .clipped_share = kSq8Clipped};
  }
  const std::vector<float> tried = SizesOf(sample, dimension, kTriedComponentsMax);
  CodeScale best;
  double least = std::numeric_limits<double>::infinity();
  for (const float clipped_share : kSq4Clipped) {
    const float scale = ScaleTo(kSq4Max, LargestKept(sizes, clipped_share));
    const double loss = ProductLoss(kernels.round(format), dimension, tried, scale);
    if (best.clipped_share != 0 && !(loss < least)) continue;
    best = {.scale = scale, .clipped_share = clipped_share};
    least = loss;
  }
  return best;
}

RoundedComponents EncodeSq8(RoundFunction round, const float* vector, size_t dimension, float scale,
                            uint8_t* row) {
  const RoundedComponents rounded = round(vector, dimension, scale, reinterpret_cast<int8_t*>(row));
  for (size_t at = 0; at < dimension; ++at) row[at] = static_cast<uint8_t>(row[at] + kSq8Middle);
  return rounded;
}

// A line of a row has 64 components in the lower halves of its bytes, the next 64 in the upper.
RoundedComponents EncodeSq4(RoundFunction round, const float* vector, size_t dimension, float scale,
                            uint8_t* row) {
  RoundedComponents all;
  for (size_t first = 0; first < dimension; first += kSq4BlockComponents, row += kLineBytes) {
    int8_t levels[kSq4BlockComponents];
    std::memset(levels, -kSq4Max, sizeof(levels));
    const size_t count = std::min(dimension - first, kSq4BlockComponents);
    const RoundedComponents rounded = round(vector + first, count, scale, levels);
    for (size_t at = 0; at < kLineBytes; ++at) {
      const int low = (levels[at] + kSq4Max) / 2;
      const int high = (levels[at + kLineBytes] + kSq4Max) / 2;
      row[at] = static_cast<uint8_t>(low + 16 * high);
    }
    all.squares += rounded.squares;
    all.sum += rounded.sum;
    all.lost_squares += rounded.lost_squares;
    all.in_upper_half += rounded.in_upper_half;
  }
  return all;
}

// In four sums, so that an addition does not wait for the one before.
double SquaresOf(const float* vector, size_t dimension) {
  double sums[4] = {};
  size_t at = 0;
  for (; at + 4 <= dimension; at += 4) {
    for (size_t lane = 0; lane < 4; ++lane) {
      sums[lane] += static_cast<double>(vector[at + lane]) * vector[at + lane];
    }
  }
  for (; at < dimension; ++at) sums[0] += static_cast<double>(vector[at]) * vector[at];
  return sums[0] + sums[1] + sums[2] + sums[3];
}

size_t QueryBytes(CodeFormat format, size_t row_bytes) {
  return format == CodeFormat::kSq4 ? 2 * row_bytes : row_bytes;
}

// Of a query with a row, in units of a key.
float LargestProduct(const QueryCode& query, float largest_squares) {
  return std::sqrt(query.squares) * (std::sqrt(largest_squares) / query.ratio);
}

int8_t* Int8Components(QueryCode& query) {
  return reinterpret_cast<int8_t*>(query.components.data());
}

}  // namespace

Quantizer::Quantizer(CodeFormat format, size_t dimension, std::span<const float> sample,
                     const CodeKernels& kernels)
    : Quantizer(format, dimension, ScaleFor(format, dimension, sample, kernels), kernels) {}

Quantizer::Quantizer(CodeFormat format, size_t dimension, const CodeScale& scale,
                     const CodeKernels& kernels)
    : format_(format),
      dimension_(dimension),
      row_bytes_(RowBytes(format, dimension)),
      scale_(scale.scale),
      clipped_share_(scale.clipped_share),
      components_(kernels.components(format)),
      round_(kernels.round(format)),
      round_query_(kernels.round(CodeFormat::kSq8)) {}

float Quantizer::RowErrorMax() const {
  // Of a component a value that was rounded to a step s loses s / sqrt(12) on average, at most s/2;
  // the more components, the closer their mean is to the average.
  const float step = format_ == CodeFormat::kSq8 ? 1 : 2;
  const auto dimension = static_cast<float>(dimension_);
  const float average = step * std::sqrt(dimension / 12);
  // Where many are clipped, that is lost beside.
  const float more = format_ == CodeFormat::kSq8 ? 1.0f : 1.25f;
  return more * std::min(1 + 4 / std::sqrt(dimension), std::sqrt(3.0f)) * average;
}

EncodedRow Quantizer::EncodeRow(const float* vector, std::byte* row) const {
  std::memset(row, 0, row_bytes_);
  if (format_ == CodeFormat::kFloat32) {
    std::memcpy(row, vector, dimension_ * sizeof(float));
    return {.squares = static_cast<float>(SquaresOf(vector, dimension_))};
  }
  auto* bytes = reinterpret_cast<uint8_t*>(row);
  const RoundedComponents rounded = format_ == CodeFormat::kSq8
                                        ? EncodeSq8(round_, vector, dimension_, scale_, bytes)
                                        : EncodeSq4(round_, vector, dimension_, scale_, bytes);
  const float error_max = RowErrorMax();
  return {.squares = static_cast<float>(rounded.squares),
          .is_coarse = !(rounded.lost_squares <= error_max * error_max),
          .in_upper_half = rounded.in_upper_half};
}

void Quantizer::EncodeQuery(const float* vector, QueryCode& query) const {
  query.components.assign(QueryBytes(format_, row_bytes_), std::byte{0});
  query.squares = static_cast<float>(SquaresOf(vector, dimension_) * scale_ * scale_);
  query.offset = 0;
  query.ratio = 1;
  query.error = 0;
  if (format_ == CodeFormat::kFloat32) {
    std::memcpy(query.components.data(), vector, dimension_ * sizeof(float));
    return;
  }
  float largest = 0;
  for (size_t at = 0; at < dimension_; ++at) largest = std::max(largest, std::fabs(vector[at]));
  const float own_scale = largest > 0 ? ScaleTo(kInt8Max, largest) : 1;
  query.ratio = scale_ / own_scale;
  const RoundedComponents rounded =
      round_query_(vector, dimension_, own_scale, Int8Components(query));
  query.error = std::sqrt(rounded.lost_squares);
  query.offset = (format_ == CodeFormat::kSq8 ? kSq8Middle : kSq4Max) * rounded.sum;
}

uint32_t Quantizer::KeyDeviation(const QueryCode& query, float row_squares, bool euclidean) const {
  if (format_ == CodeFormat::kFloat32) return 0;
  // A value that was rounded to a step s is off by s / sqrt(12) on average.
  const float step = format_ == CodeFormat::kSq8 ? 1 : 2;
  const float own_length = std::sqrt(query.squares) / query.ratio;
  const float variance = (own_length * own_length * step * step + row_squares) / 12;
  const float deviation = std::sqrt(variance);
  return KeyOfSquaredDistance(euclidean ? 2 * query.ratio * deviation : deviation);
}

uint32_t Quantizer::KeySlack(const QueryCode& query, float row_squares, bool euclidean) const {
  constexpr uint32_t kDeviations = 5;
  const uint32_t deviation = KeyDeviation(query, row_squares, euclidean);
  return kDeviations * std::min(deviation, kFarthestKey / kDeviations);
}

uint32_t Quantizer::CertainSlack(const QueryCode& query, float largest_squares,
                                 bool euclidean) const {
  // With v and q the vector and the query in units of their codes, and v' and q' these:
  // |qv - q'v'| <= |q - q'| |v'| + |q| |v - v'|, and |v|^2 differs from |v'|^2 by no more than
  // |v - v'| (2 |v'| + |v - v'|).
  const float row_error = RowErrorMax();
  const float row_length = std::sqrt(largest_squares);
  const float own_length = std::sqrt(query.squares) / query.ratio;
  float off = query.error * row_length + own_length * row_error;
  if (euclidean) {
    // Keys of distances are computed in float32.
    off = 2 * query.ratio * off + row_error * (2 * row_length + row_error) +
          0x1p-20f * (query.squares + largest_squares);
  }
  // Either of the two rows may be off.
  return KeyOfSquaredDistance(2 * off) + 2;
}

float Quantizer::DistanceAt(uint32_t key, const QueryCode& query, float largest_squares,
                            bool euclidean) const {
  float distance = 0;
  if (format_ == CodeFormat::kFloat32) {
    distance = FloatOfOrderedBits(key);
  } else if (euclidean) {
    distance = static_cast<float>(key);
  } else {
    distance = static_cast<float>(static_cast<int32_t>(key - KeyOfProduct(0)));
  }
  if (!euclidean) distance += LargestProduct(query, largest_squares);
  return std::max(distance, 0.0f);
}

uint32_t Quantizer::KeyAt(float distance, const QueryCode& query, float largest_squares,
                          bool euclidean) const {
  if (!euclidean) distance -= LargestProduct(query, largest_squares);
  if (!std::isfinite(distance)) return kFarthestKey;
  if (format_ == CodeFormat::kFloat32) return OrderedBits(distance);
  if (euclidean) return KeyOfSquaredDistance(distance);
  constexpr float kProductMax = 0x1p30f;
  return KeyOfProduct(-static_cast<int32_t>(std::clamp(distance, -kProductMax, kProductMax)));
}

void Quantizer::QueryOfRow(const std::byte* row, float squares, QueryCode& query) const {
  query.components.resize(QueryBytes(format_, row_bytes_));
  query.squares = squares;
  query.offset = 0;
  query.ratio = 1;
  query.error = 0;
  if (format_ == CodeFormat::kFloat32) {
    std::memcpy(query.components.data(), row, row_bytes_);
    return;
  }
  const int32_t sum = components_(row, row_bytes_, dimension_, Int8Components(query));
  query.offset = (format_ == CodeFormat::kSq8 ? kSq8Middle : kSq4Max) * sum;
}

}  // namespace simile::index_internal

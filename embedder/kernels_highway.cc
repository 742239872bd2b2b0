// The float32 levels, compiled once for each instruction set (Highway's foreach_target).
//
// Operands and projections are rows of floats, each row padded to a whole number of panels. A
// product of rows and weights runs in tiles of kTileRows rows by two vectors of outputs, held in
// registers over the whole loop over inputs:
//   1. Weights are packed into panels of two vectors of outputs, so that the loop reads them in
//      order.
//   2. Inputs are taken in blocks of kBlockInputs, so that a panel's block stays in the first-level
//      cache while all rows pass by; between blocks the sums wait in the result.
//   3. Bias, GELU and the sum with what was there are done while a tile is still in registers.
// Each sum is one chain of fused multiply-adds in the order of inputs, in every tile height, so a
// row has the same bits wherever it lies.

// A processor with SSSE3 and without SSE4 is older than any that runs this.
#define HWY_DISABLED_TARGETS HWY_SSSE3
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "embedder/kernels_highway.cc"
// Highway asks for this order.
// clang-format off
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
// clang-format on

#include <algorithm>
#include <cmath>
#include <cstring>

#include "embedder/kernel_levels.h"
#include "embedder/kernels.h"

HWY_BEFORE_NAMESPACE();
namespace simile {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

using Tag = hn::ScalableTag<float>;
using Vector = hn::Vec<Tag>;

// 32 registers hold 12 rows of two sums beside the operands; 16 registers hold 6.
constexpr size_t kTileRows = HWY_MAX_BYTES == 64 ? 12 : 6;
constexpr size_t kBlockInputs = 384;
constexpr float kMaskedScore = -1e30f;  // Its exponential is zero.

HWY_INLINE size_t PanelWidth() { return 2 * hn::Lanes(Tag()); }
HWY_INLINE size_t PanelCount(size_t columns) { return (columns + PanelWidth() - 1) / PanelWidth(); }
HWY_INLINE size_t Stride(size_t columns) { return PanelCount(columns) * PanelWidth(); }

HWY_INLINE const float* Floats(const std::byte* bytes) {
  return reinterpret_cast<const float*>(bytes);
}
HWY_INLINE float* Floats(std::byte* bytes) { return reinterpret_cast<float*>(bytes); }

// What happens to a tile before its first and after its last input.
struct TileEnds {
  const float* bias = nullptr;  // Null: nothing is added.
  bool continues = false;       // True: the sums go on from what is in the result.
  bool gelu = false;
  const float* next = nullptr;  // As large as the panel: brought into the second cache; or null.
};

// exp(x) for x <= 0: 2^n by the exponent's bits times 2^f, |f| <= 1/2, by a polynomial of degree 6
// (Taylor's, whose error there is below a unit in the last place). 0 below -87.
HWY_INLINE Vector ExpOfNegative(Vector x) {
  const Tag tag;
  const hn::RebindToSigned<Tag> integers;
  const Vector binary =
      hn::Max(hn::Mul(x, hn::Set(tag, 1.44269504088896341f)), hn::Set(tag, -126.0f));
  const Vector whole = hn::Round(binary);
  const Vector f = hn::Sub(binary, whole);
  Vector power = hn::MulAdd(f, hn::Set(tag, 1.54035304e-4f), hn::Set(tag, 1.33335581e-3f));
  power = hn::MulAdd(power, f, hn::Set(tag, 9.61812911e-3f));
  power = hn::MulAdd(power, f, hn::Set(tag, 5.55041087e-2f));
  power = hn::MulAdd(power, f, hn::Set(tag, 2.40226507e-1f));
  power = hn::MulAdd(power, f, hn::Set(tag, 6.93147181e-1f));
  power = hn::MulAdd(power, f, hn::Set(tag, 1.0f));
  const auto exponent = hn::ShiftLeft<23>(hn::ConvertTo(integers, whole));
  const Vector result = hn::BitCast(tag, hn::Add(hn::BitCast(integers, power), exponent));
  return hn::IfThenElseZero(hn::Gt(x, hn::Set(tag, -87.0f)), result);
}

// GELU(x) = x/2 (1 + erf(x / sqrt 2)), erf by Abramowitz & Stegun 7.1.26 (error below 1.5e-7).
HWY_INLINE Vector Gelu(Vector x) {
  const Tag tag;
  const Vector z = hn::Mul(hn::Abs(x), hn::Set(tag, 0.70710678118654752f));
  const Vector t =
      hn::Div(hn::Set(tag, 1.0f), hn::MulAdd(z, hn::Set(tag, 0.3275911f), hn::Set(tag, 1.0f)));
  Vector series = hn::MulAdd(t, hn::Set(tag, 1.061405429f), hn::Set(tag, -1.453152027f));
  series = hn::MulAdd(series, t, hn::Set(tag, 1.421413741f));
  series = hn::MulAdd(series, t, hn::Set(tag, -0.284496736f));
  series = hn::MulAdd(series, t, hn::Set(tag, 0.254829592f));
  // Half of 1 - erf(|x| / sqrt 2), times x: small where GELU of a negative x is small.
  const Vector rest = hn::Mul(hn::Mul(hn::Mul(series, t), ExpOfNegative(hn::Neg(hn::Mul(z, z)))),
                              hn::Mul(x, hn::Set(tag, 0.5f)));
  return hn::IfThenElse(hn::Lt(x, hn::Zero(tag)), rest, hn::Sub(x, rest));
}

HWY_INLINE void FetchLines(const float* numbers, size_t count) {
  constexpr size_t kLineNumbers = 16;
  constexpr int kIntoSecondCache = 2;
  for (size_t number = 0; number < count; number += kLineNumbers) {
    __builtin_prefetch(numbers + number, 0, kIntoSecondCache);
  }
}

// One tile: kRows rows of `in`, `inputs` long, times a panel, into two vectors a row of `out`.
template <size_t kRows>
HWY_INLINE void Tile(const float* in, size_t in_stride, size_t inputs, const float* panel,
                     const TileEnds& ends, float* out, size_t out_stride) {
  const Tag tag;
  const size_t lanes = hn::Lanes(tag);
  Vector left[kRows], right[kRows];
  const Vector bias_left = ends.bias != nullptr ? hn::LoadU(tag, ends.bias) : hn::Zero(tag);
  const Vector bias_right =
      ends.bias != nullptr ? hn::LoadU(tag, ends.bias + lanes) : hn::Zero(tag);
#pragma GCC unroll 16
  for (size_t row = 0; row < kRows; ++row) {
    left[row] = bias_left;
    right[row] = bias_right;
  }
  if (ends.continues) {
#pragma GCC unroll 16
    for (size_t row = 0; row < kRows; ++row) {
      left[row] = hn::Add(left[row], hn::LoadU(tag, out + row * out_stride));
      right[row] = hn::Add(right[row], hn::LoadU(tag, out + row * out_stride + lanes));
    }
  }
  for (size_t input = 0; input < inputs; ++input) {
    const Vector weights_left = hn::LoadU(tag, panel + input * 2 * lanes);
    const Vector weights_right = hn::LoadU(tag, panel + input * 2 * lanes + lanes);
    if (ends.next != nullptr) FetchLines(ends.next + input * 2 * lanes, 2 * lanes);
#pragma GCC unroll 16
    for (size_t row = 0; row < kRows; ++row) {
      const Vector value = hn::Set(tag, in[row * in_stride + input]);
      left[row] = hn::MulAdd(value, weights_left, left[row]);
      right[row] = hn::MulAdd(value, weights_right, right[row]);
    }
  }
#pragma GCC unroll 16
  for (size_t row = 0; row < kRows; ++row) {
    if (ends.gelu) {
      left[row] = Gelu(left[row]);
      right[row] = Gelu(right[row]);
    }
    hn::StoreU(left[row], tag, out + row * out_stride);
    hn::StoreU(right[row], tag, out + row * out_stride + lanes);
  }
}

// All rows times one panel, in the highest tiles that fit. The first of them fetches what is next.
HWY_INLINE void TileRows(const float* in, size_t in_stride, size_t rows, size_t inputs,
                         const float* panel, TileEnds ends, float* out, size_t out_stride) {
  size_t row = 0;
  const auto step = [&](auto tile, size_t height) HWY_ATTR {
    for (; row + height <= rows; row += height) {
      tile(in + row * in_stride, in_stride, inputs, panel, ends, out + row * out_stride,
           out_stride);
      ends.next = nullptr;
    }
  };
  step(Tile<kTileRows>, kTileRows);
  step(Tile<4>, 4);
  step(Tile<1>, 1);
}

// out[row][all panels] = in[row] times the panels.
HWY_INLINE void Multiply(const float* in, size_t in_stride, size_t rows, size_t inputs,
                         const float* panels, size_t out_stride, float* out) {
  for (size_t column = 0; column < out_stride; column += PanelWidth()) {
    TileRows(in, in_stride, rows, inputs, panels + column * inputs, {}, out + column, out_stride);
  }
}

// exp(score / sqrt(head_size) - largest) in place; returns their sum. Scores beyond `tokens` are
// set to count for nothing.
HWY_INLINE float Softmax(float* scores, size_t tokens, size_t padded, size_t head_size) {
  const Tag tag;
  const size_t lanes = hn::Lanes(tag);
  std::fill(scores + tokens, scores + padded, kMaskedScore);
  Vector largest = hn::Set(tag, kMaskedScore);
  for (size_t at = 0; at < padded; at += lanes) {
    largest = hn::Max(largest, hn::LoadU(tag, scores + at));
  }
  largest = hn::MaxOfLanes(tag, largest);
  const Vector scale = hn::Set(tag, 1 / std::sqrt(static_cast<float>(head_size)));
  Vector sum = hn::Zero(tag);
  for (size_t at = 0; at < padded; at += lanes) {
    const Vector score = hn::Mul(hn::Sub(hn::LoadU(tag, scores + at), largest), scale);
    const Vector share = ExpOfNegative(score);
    hn::StoreU(share, tag, scores + at);
    sum = hn::Add(sum, share);
  }
  return hn::GetLane(hn::SumOfLanes(tag, sum));
}

HWY_INLINE void PackKeys(const float* from, size_t stride, size_t tokens, size_t head_size,
                         float* to) {
  const size_t width = PanelWidth();
  for (size_t panel = 0; panel < PanelCount(tokens); ++panel, to += width * head_size) {
    const size_t first = panel * width;
    const size_t real = std::min(width, tokens - first);
    if (real < width) std::memset(to, 0, width * head_size * sizeof(float));
    for (size_t token = 0; token < real; ++token) {
      const float* key = from + (first + token) * stride;
      for (size_t axis = 0; axis < head_size; ++axis) to[axis * width + token] = key[axis];
    }
  }
}

HWY_INLINE void PackValues(const float* from, size_t stride, size_t tokens, size_t head_size,
                           float* to) {
  const size_t width = PanelWidth();
  for (size_t panel = 0; panel < PanelCount(head_size); ++panel, to += width * tokens) {
    const size_t first = panel * width;
    const size_t real = std::min(width, head_size - first);
    for (size_t token = 0; token < tokens; ++token) {
      std::memcpy(to + token * width, from + token * stride + first, real * sizeof(float));
      std::fill(to + token * width + real, to + (token + 1) * width, 0.0f);
    }
  }
}

HWY_INLINE void NormRow(float* values, const Norm& norm, float* copy) {
  const Tag tag;
  const size_t lanes = hn::Lanes(tag);
  const size_t size = norm.gamma.size();
  Vector sum = hn::Zero(tag);
  for (size_t axis = 0; axis < size; axis += lanes) {
    sum = hn::Add(sum, hn::LoadU(tag, values + axis));
  }
  const float mean = hn::GetLane(hn::SumOfLanes(tag, sum)) / static_cast<float>(size);
  const Vector means = hn::Set(tag, mean);
  Vector squares = hn::Zero(tag);
  for (size_t axis = 0; axis < size; axis += lanes) {
    const Vector difference = hn::Sub(hn::LoadU(tag, values + axis), means);
    squares = hn::MulAdd(difference, difference, squares);
  }
  const float spread = hn::GetLane(hn::SumOfLanes(tag, squares)) / static_cast<float>(size);
  const Vector scales = hn::Set(tag, 1 / std::sqrt(spread + norm.epsilon));
  for (size_t axis = 0; axis < size; axis += lanes) {
    const Vector centred = hn::Mul(hn::Sub(hn::LoadU(tag, values + axis), means), scales);
    const Vector result = hn::MulAdd(centred, hn::LoadU(tag, norm.gamma.data() + axis),
                                     hn::LoadU(tag, norm.beta.data() + axis));
    hn::StoreU(result, tag, values + axis);
    hn::StoreU(result, tag, copy + axis);
  }
}

class HighwayKernels final : public Kernels {
 public:
  std::string name() const override { return LevelNameOfHighwayTarget(HWY_TARGET); }
  Precision precision() const override { return Precision::kFloat32; }
  // Whole vectors of a row, at every width.
  bool CanRun(size_t hidden_size, size_t) const override { return hidden_size % 32 == 0; }

  PackedWeights Pack(std::span<const float> weights, std::span<const float> bias, size_t outputs,
                     size_t inputs) const override {
    const size_t width = PanelWidth();
    PackedWeights packed{.outputs = outputs,
                         .inputs = inputs,
                         .weights = OpaqueBuffer(Stride(outputs) * inputs * sizeof(float)),
                         .bias = AlignedBuffer<float>(Stride(outputs))};
    std::ranges::copy(bias, packed.bias.data());
    for (size_t output = 0; output < outputs; ++output) {
      float* to = Floats(packed.weights.data()) + output / width * width * inputs + output % width;
      for (size_t input = 0; input < inputs; ++input) {
        to[input * width] = weights[output * inputs + input];
      }
    }
    return packed;
  }

  size_t OperandBytes(size_t rows, size_t columns) const override {
    return rows * Stride(columns) * sizeof(float);
  }

  size_t ProjectionBytes(size_t rows, size_t columns) const override {
    return OperandBytes(rows, columns);
  }

  size_t AttentionScratchBytes(size_t tokens_max, size_t head_size) const override {
    return (Stride(tokens_max) * (head_size + kTileRows) +
            Stride(head_size) * (tokens_max + kTileRows)) *
           sizeof(float);
  }

  void LayerNorm(float* rows, size_t count, const Norm& norm, std::byte* operand) const override {
    const size_t size = norm.gamma.size();
    for (size_t row = 0; row < count; ++row) {
      NormRow(rows + row * size, norm, Floats(operand) + row * Stride(size));
    }
  }

  void Project(const std::byte* operand, size_t rows, const PackedWeights& weights,
               std::byte* projections) const override {
    Linear(operand, rows, weights, {}, Floats(projections), Stride(weights.outputs));
  }

  void LinearGelu(const std::byte* operand, size_t rows, const PackedWeights& weights,
                  std::byte* out) const override {
    Linear(operand, rows, weights, {.gelu = true}, Floats(out), Stride(weights.outputs));
  }

  void LinearAdd(const std::byte* operand, size_t rows, const PackedWeights& weights,
                 float* out) const override {
    Linear(operand, rows, weights, {.continues = true}, out, weights.outputs);
  }

  void Attention(const std::byte* projections, const AttentionShape& shape, std::byte* scratch,
                 std::byte* operand) const override {
    const size_t hidden = shape.heads * shape.head_size;
    const size_t stride = Stride(3 * hidden);
    const size_t key_stride = Stride(shape.tokens);
    const size_t value_stride = Stride(shape.head_size);
    float* keys = Floats(scratch);                        // [panel][axis][token]
    float* values = keys + key_stride * shape.head_size;  // [panel][token][axis]
    float* scores = values + value_stride * shape.tokens;
    float* sums = scores + kTileRows * key_stride;
    const float* first = Floats(projections) + shape.first_row * stride;
    float* out = Floats(operand) + shape.first_row * Stride(hidden);
    for (size_t head = 0; head < shape.heads; ++head) {
      const float* queries = first + head * shape.head_size;
      PackKeys(queries + hidden, stride, shape.tokens, shape.head_size, keys);
      PackValues(queries + 2 * hidden, stride, shape.tokens, shape.head_size, values);
      for (size_t row = 0; row < shape.tokens; row += kTileRows) {
        const size_t rows = std::min(kTileRows, shape.tokens - row);
        Multiply(queries + row * stride, stride, rows, shape.head_size, keys, key_stride, scores);
        float totals[kTileRows];
        for (size_t line = 0; line < rows; ++line) {
          totals[line] =
              Softmax(scores + line * key_stride, shape.tokens, key_stride, shape.head_size);
        }
        Multiply(scores, key_stride, rows, shape.tokens, values, value_stride, sums);
        for (size_t line = 0; line < rows; ++line) {
          float* to = out + (row + line) * Stride(hidden) + head * shape.head_size;
          const float scale = 1 / totals[line];
          for (size_t axis = 0; axis < shape.head_size; ++axis) {
            to[axis] = sums[line * value_stride + axis] * scale;
          }
        }
      }
    }
  }

 private:
  // With `ends` of the whole product; its bias is the weights' own.
  static void Linear(const std::byte* operand, size_t rows, const PackedWeights& weights,
                     const TileEnds& ends, float* out, size_t out_stride) {
    const size_t in_stride = Stride(weights.inputs);
    for (size_t first = 0; first < weights.inputs; first += kBlockInputs) {
      const size_t count = std::min(kBlockInputs, weights.inputs - first);
      const bool is_last = first + count == weights.inputs;
      for (size_t column = 0; column < weights.outputs; column += PanelWidth()) {
        const float* const panel =
            Floats(weights.weights.data()) + column * weights.inputs + first * PanelWidth();
        const bool ends_row = column + PanelWidth() >= weights.outputs;
        // A query alone has so few rows that it would wait for memory half of its time.
        const TileEnds block_ends{
            .bias = first == 0 ? weights.bias.data() + column : nullptr,
            .continues = ends.continues || first > 0,
            .gelu = ends.gelu && is_last,
            .next = ends_row ? nullptr : panel + weights.inputs * PanelWidth()};
        TileRows(Floats(operand) + first, in_stride, rows, count, panel, block_ends, out + column,
                 out_stride);
      }
    }
  }
};

const Kernels* GetKernels() {
  static const HighwayKernels kernels;
  return &kernels;
}

}  // namespace HWY_NAMESPACE
}  // namespace simile
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace simile {

HWY_EXPORT(GetKernels);

std::vector<const Kernels*> HighwayLevels() {
  std::vector<const Kernels*> levels;
  // A lower bit is a better target. What Highway emulates is no faster than the scalar level.
  const int64_t supported =
      hwy::SupportedTargets() & HWY_TARGETS & ~int64_t{HWY_EMU128 | HWY_SCALAR};
  for (int64_t rest = supported; rest != 0; rest &= rest - 1) {
    hwy::SetSupportedTargetsForTest(rest & -rest);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
    levels.push_back(HWY_DYNAMIC_DISPATCH(GetKernels)());
  }
  hwy::SetSupportedTargetsForTest(0);
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
  return levels;
}

}  // namespace simile
#endif  // HWY_ONCE

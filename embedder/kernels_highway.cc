// The working kernels, compiled once for each instruction set (Highway's foreach_target).
//
// A product of rows and weights runs in tiles of kTileRows rows by two vectors of outputs, held in
// registers over the whole loop over inputs:
//   1. Weights are packed into panels of two vectors of outputs, so that the loop reads them in
//      order.
//   2. Inputs are taken in blocks of kBlockInputs, so that a panel's block stays in the first-level
//      cache while all rows pass by; between blocks the sums wait in the output.
//   3. Bias, activation and residual are added while a tile is still in registers.
// Each sum is one chain of fused multiply-adds in the order of inputs, in every tile height, so a
// row has the same bits wherever it lies.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "embedder/kernels_highway.cc"
// Highway asks for this order.
// clang-format off
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "hwy/contrib/math/math-inl.h"
// clang-format on

#include <algorithm>
#include <cmath>
#include <cstring>

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
HWY_INLINE size_t PanelCount(size_t outputs) { return (outputs + PanelWidth() - 1) / PanelWidth(); }

// What happens to a tile before its first and after its last input.
struct TileEnds {
  const float* bias = nullptr;  // Null: the sums go on from `out`.
  bool finishes = true;         // False: more inputs follow.
  Activation activation = Activation::kNone;
  const float* residual = nullptr;  // Of the tile's first row; rows as far apart as in `out`.
};

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
  const Vector rest = hn::Mul(hn::Mul(hn::Mul(series, t), hn::Exp(tag, hn::Neg(hn::Mul(z, z)))),
                              hn::Mul(x, hn::Set(tag, 0.5f)));
  return hn::IfThenElse(hn::Lt(x, hn::Zero(tag)), rest, hn::Sub(x, rest));
}

// One tile: kRows rows of `in`, `inputs` long, times a panel, into two vectors a row of `out`.
template <size_t kRows>
HWY_INLINE void Tile(const float* in, size_t in_stride, size_t inputs, const float* panel,
                     const TileEnds& ends, float* out, size_t out_stride) {
  const Tag tag;
  const size_t lanes = hn::Lanes(tag);
  Vector left[kRows], right[kRows];
  if (ends.bias != nullptr) {
    const Vector bias_left = hn::LoadU(tag, ends.bias);
    const Vector bias_right = hn::LoadU(tag, ends.bias + lanes);
#pragma GCC unroll 16
    for (size_t row = 0; row < kRows; ++row) {
      left[row] = bias_left;
      right[row] = bias_right;
    }
  } else {
#pragma GCC unroll 16
    for (size_t row = 0; row < kRows; ++row) {
      left[row] = hn::LoadU(tag, out + row * out_stride);
      right[row] = hn::LoadU(tag, out + row * out_stride + lanes);
    }
  }
  for (size_t input = 0; input < inputs; ++input) {
    const Vector weights_left = hn::LoadU(tag, panel + input * 2 * lanes);
    const Vector weights_right = hn::LoadU(tag, panel + input * 2 * lanes + lanes);
#pragma GCC unroll 16
    for (size_t row = 0; row < kRows; ++row) {
      const Vector value = hn::Set(tag, in[row * in_stride + input]);
      left[row] = hn::MulAdd(value, weights_left, left[row]);
      right[row] = hn::MulAdd(value, weights_right, right[row]);
    }
  }
#pragma GCC unroll 16
  for (size_t row = 0; row < kRows; ++row) {
    if (ends.finishes && ends.activation == Activation::kGelu) {
      left[row] = Gelu(left[row]);
      right[row] = Gelu(right[row]);
    }
    if (ends.finishes && ends.residual != nullptr) {
      const float* residual = ends.residual + row * out_stride;
      left[row] = hn::Add(left[row], hn::LoadU(tag, residual));
      right[row] = hn::Add(right[row], hn::LoadU(tag, residual + lanes));
    }
    hn::StoreU(left[row], tag, out + row * out_stride);
    hn::StoreU(right[row], tag, out + row * out_stride + lanes);
  }
}

// All rows times one panel, in the highest tiles that fit.
HWY_INLINE void TileRows(const float* in, size_t in_stride, size_t rows, size_t inputs,
                         const float* panel, TileEnds ends, float* out, size_t out_stride) {
  size_t row = 0;
  const float* residual = ends.residual;
  const auto step = [&](auto tile, size_t height) HWY_ATTR {
    for (; row + height <= rows; row += height) {
      if (residual != nullptr) ends.residual = residual + row * out_stride;
      tile(in + row * in_stride, in_stride, inputs, panel, ends, out + row * out_stride,
           out_stride);
    }
  };
  step(Tile<kTileRows>, kTileRows);
  step(Tile<4>, 4);
  step(Tile<1>, 1);
}

class HighwayKernels final : public Kernels {
 public:
  std::string name() const override { return hwy::TargetName(HWY_TARGET); }

  PackedWeights Pack(std::span<const float> weights, size_t outputs, size_t inputs) const override {
    const size_t width = PanelWidth();
    PackedWeights packed{.outputs = outputs,
                         .inputs = inputs,
                         .data = NewAlignedFloats(PanelCount(outputs) * width * inputs)};
    for (size_t panel = 0; panel < PanelCount(outputs); ++panel) {
      float* to = packed.data.get() + panel * width * inputs;
      for (size_t input = 0; input < inputs; ++input) {
        for (size_t column = 0; column < width; ++column) {
          const size_t output = panel * width + column;
          to[input * width + column] = output < outputs ? weights[output * inputs + input] : 0;
        }
      }
    }
    return packed;
  }

  void Linear(const float* in, size_t rows, const PackedWeights& weights, const float* bias,
              Activation activation, const float* residual, float* out) const override {
    const size_t width = PanelWidth();
    const size_t whole_panels = weights.outputs / width;
    for (size_t first = 0; first < weights.inputs; first += kBlockInputs) {
      const size_t count = std::min(kBlockInputs, weights.inputs - first);
      const bool finishes = first + count == weights.inputs;
      for (size_t panel = 0; panel < whole_panels; ++panel) {
        const size_t column = panel * width;
        const TileEnds ends{.bias = first == 0 ? bias + column : nullptr,
                            .finishes = finishes,
                            .activation = activation,
                            .residual = residual != nullptr ? residual + column : nullptr};
        TileRows(in + first, weights.inputs, rows, count,
                 weights.data.get() + (panel * weights.inputs + first) * width, ends, out + column,
                 weights.outputs);
      }
    }
    if (whole_panels * width < weights.outputs) {
      LastPanel(in, rows, weights, bias, activation, residual, out);
    }
  }

  size_t AttentionScratch(size_t tokens_max, size_t head_size) const override {
    const size_t width = PanelWidth();
    return PanelCount(tokens_max) * width * (head_size + kTileRows) +
           PanelCount(head_size) * width * (tokens_max + kTileRows);
  }

  void Attention(const float* qkv, size_t tokens, size_t heads, size_t head_size, float* scratch,
                 float* out) const override {
    const size_t width = PanelWidth();
    const size_t hidden = heads * head_size;
    const size_t score_stride = PanelCount(tokens) * width;
    const size_t value_stride = PanelCount(head_size) * width;
    float* keys = scratch;                            // [panel][axis][token]
    float* values = keys + score_stride * head_size;  // [panel][token][axis]
    float* scores = values + value_stride * tokens;
    float* sums = scores + kTileRows * score_stride;
    for (size_t head = 0; head < heads; ++head) {
      const float* queries = qkv + head * head_size;
      PackKeys(queries + hidden, 3 * hidden, tokens, head_size, keys);
      PackValues(queries + 2 * hidden, 3 * hidden, tokens, head_size, values);
      for (size_t row = 0; row < tokens; row += kTileRows) {
        const size_t rows = std::min(kTileRows, tokens - row);
        Multiply(queries + row * 3 * hidden, 3 * hidden, rows, head_size, keys, score_stride,
                 scores);
        float totals[kTileRows];
        for (size_t line = 0; line < rows; ++line) {
          totals[line] = Softmax(scores + line * score_stride, tokens, score_stride, head_size);
        }
        Multiply(scores, score_stride, rows, tokens, values, value_stride, sums);
        for (size_t line = 0; line < rows; ++line) {
          float* to = out + (row + line) * hidden + head * head_size;
          const float scale = 1 / totals[line];
          for (size_t axis = 0; axis < head_size; ++axis) {
            to[axis] = sums[line * value_stride + axis] * scale;
          }
        }
      }
    }
  }

  void LayerNorm(float* rows, size_t count, size_t size, const float* gamma, const float* beta,
                 float epsilon) const override {
    const Tag tag;
    const size_t lanes = hn::Lanes(tag);
    const size_t even = size - size % lanes;
    for (size_t row = 0; row < count; ++row) {
      float* values = rows + row * size;
      Vector sum = hn::Zero(tag);
      for (size_t axis = 0; axis < even; axis += lanes) {
        sum = hn::Add(sum, hn::LoadU(tag, values + axis));
      }
      float total = hn::GetLane(hn::SumOfLanes(tag, sum));
      for (size_t axis = even; axis < size; ++axis) total += values[axis];
      const float mean = total / static_cast<float>(size);
      const Vector means = hn::Set(tag, mean);
      Vector squares = hn::Zero(tag);
      for (size_t axis = 0; axis < even; axis += lanes) {
        const Vector difference = hn::Sub(hn::LoadU(tag, values + axis), means);
        squares = hn::MulAdd(difference, difference, squares);
      }
      float spread = hn::GetLane(hn::SumOfLanes(tag, squares));
      for (size_t axis = even; axis < size; ++axis) {
        spread += (values[axis] - mean) * (values[axis] - mean);
      }
      const float scale = 1 / std::sqrt(spread / static_cast<float>(size) + epsilon);
      const Vector scales = hn::Set(tag, scale);
      for (size_t axis = 0; axis < even; axis += lanes) {
        const Vector centred = hn::Mul(hn::Sub(hn::LoadU(tag, values + axis), means), scales);
        hn::StoreU(hn::MulAdd(centred, hn::LoadU(tag, gamma + axis), hn::LoadU(tag, beta + axis)),
                   tag, values + axis);
      }
      for (size_t axis = even; axis < size; ++axis) {
        values[axis] = (values[axis] - mean) * scale * gamma[axis] + beta[axis];
      }
    }
  }

  void Embed(std::span<const uint32_t> ids, const float* words, const float* positions, size_t size,
             float* rows) const override {
    for (size_t token = 0; token < ids.size(); ++token) {
      const float* word = words + ids[token] * size;
      for (size_t axis = 0; axis < size; ++axis) {
        rows[token * size + axis] = word[axis] + positions[token * size + axis];
      }
    }
  }

  void Pool(const float* rows, size_t count, size_t size, Pooling pooling, bool normalize,
            float* out) const override {
    std::copy_n(rows, size, out);
    for (size_t row = 1; row < count && pooling != Pooling::kCls; ++row) {
      for (size_t axis = 0; axis < size; ++axis) {
        const float next = rows[row * size + axis];
        out[axis] = pooling == Pooling::kMax ? std::max(out[axis], next) : out[axis] + next;
      }
    }
    const float share = pooling == Pooling::kMean ? 1 / static_cast<float>(count) : 1;
    double squares = 0;
    for (size_t axis = 0; axis < size; ++axis) {
      out[axis] *= share;
      squares += static_cast<double>(out[axis]) * out[axis];
    }
    if (!normalize) return;
    const double length = std::max(std::sqrt(squares), 1e-12);
    for (size_t axis = 0; axis < size; ++axis) {
      out[axis] = static_cast<float>(out[axis] / length);
    }
  }

 private:
  // The panel that is not full: its tile goes to a buffer, and what is real is copied.
  static void LastPanel(const float* in, size_t rows, const PackedWeights& weights,
                        const float* bias, Activation activation, const float* residual,
                        float* out) {
    const size_t width = PanelWidth();
    const size_t column = weights.outputs / width * width;
    const size_t real = weights.outputs - column;
    HWY_ALIGN float padded_bias[2 * HWY_MAX_BYTES / sizeof(float)] = {};
    HWY_ALIGN float tile[2 * HWY_MAX_BYTES / sizeof(float)] = {};
    std::copy_n(bias + column, real, padded_bias);
    for (size_t row = 0; row < rows; ++row) {
      for (size_t first = 0; first < weights.inputs; first += kBlockInputs) {
        const size_t count = std::min(kBlockInputs, weights.inputs - first);
        const TileEnds ends{.bias = first == 0 ? padded_bias : nullptr,
                            .finishes = first + count == weights.inputs,
                            .activation = activation};
        Tile<1>(in + row * weights.inputs + first, weights.inputs, count,
                weights.data.get() + column * weights.inputs + first * width, ends, tile, width);
      }
      for (size_t offset = 0; offset < real; ++offset) {
        const size_t at = row * weights.outputs + column + offset;
        out[at] = tile[offset] + (residual != nullptr ? residual[at] : 0);
      }
    }
  }

  static void PackKeys(const float* from, size_t stride, size_t tokens, size_t head_size,
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

  static void PackValues(const float* from, size_t stride, size_t tokens, size_t head_size,
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

  // out[row][all panels] = in[row] times the panels, without bias.
  static void Multiply(const float* in, size_t in_stride, size_t rows, size_t inputs,
                       const float* panels, size_t out_stride, float* out) {
    const size_t width = PanelWidth();
    static constexpr float kZeros[2 * HWY_MAX_BYTES / sizeof(float)] = {};
    for (size_t column = 0; column < out_stride; column += width) {
      TileRows(in, in_stride, rows, inputs, panels + column * inputs, {.bias = kZeros},
               out + column, out_stride);
    }
  }

  // exp(score / sqrt(head_size) - largest) in place; returns their sum. Scores beyond `tokens` are
  // set to count for nothing.
  static float Softmax(float* scores, size_t tokens, size_t padded, size_t head_size) {
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
      const Vector share = hn::Exp(tag, score);
      hn::StoreU(share, tag, scores + at);
      sum = hn::Add(sum, share);
    }
    return hn::GetLane(hn::SumOfLanes(tag, sum));
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

const Kernels& BestKernels() {
  static const Kernels* const best = [] {
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
    return HWY_DYNAMIC_DISPATCH(GetKernels)();
  }();
  return *best;
}

std::vector<const Kernels*> AllKernels() {
  std::vector<const Kernels*> all;
  // A lower bit is a better target.
  const int64_t supported = hwy::SupportedTargets() & HWY_TARGETS;
  for (int64_t rest = supported; rest != 0; rest &= rest - 1) {
    hwy::SetSupportedTargetsForTest(rest & -rest);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
    all.push_back(HWY_DYNAMIC_DISPATCH(GetKernels)());
  }
  hwy::SetSupportedTargetsForTest(0);
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
  return all;
}

}  // namespace simile
#endif  // HWY_ONCE

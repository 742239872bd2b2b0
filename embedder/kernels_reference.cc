#include <algorithm>
#include <cmath>

#include "embedder/kernels.h"

namespace simile {
namespace {

double Gelu(double x) { return x / 2 * (1 + std::erf(x / std::sqrt(2.0))); }

class ReferenceKernelsType final : public Kernels {
 public:
  std::string name() const override { return "reference"; }

  PackedWeights Pack(std::span<const float> weights, size_t outputs, size_t inputs) const override {
    PackedWeights packed{
        .outputs = outputs, .inputs = inputs, .data = NewAlignedFloats(weights.size())};
    std::ranges::copy(weights, packed.data.get());
    return packed;
  }

  void Linear(const float* in, size_t rows, const PackedWeights& weights, const float* bias,
              Activation activation, const float* residual, float* out) const override {
    for (size_t row = 0; row < rows; ++row) {
      for (size_t output = 0; output < weights.outputs; ++output) {
        const float* weight = weights.data.get() + output * weights.inputs;
        double sum = bias[output];
        for (size_t input = 0; input < weights.inputs; ++input) {
          sum += static_cast<double>(in[row * weights.inputs + input]) * weight[input];
        }
        if (activation == Activation::kGelu) sum = Gelu(sum);
        if (residual != nullptr) sum += residual[row * weights.outputs + output];
        out[row * weights.outputs + output] = static_cast<float>(sum);
      }
    }
  }

  size_t AttentionScratch(size_t, size_t) const override { return 0; }

  void Attention(const float* qkv, size_t tokens, size_t heads, size_t head_size, float*,
                 float* out) const override {
    const size_t hidden = heads * head_size;
    std::vector<double> shares(tokens);
    for (size_t head = 0; head < heads; ++head) {
      for (size_t token = 0; token < tokens; ++token) {
        const float* query = qkv + token * 3 * hidden + head * head_size;
        double largest = -INFINITY;
        for (size_t other = 0; other < tokens; ++other) {
          const float* key = qkv + other * 3 * hidden + hidden + head * head_size;
          double score = 0;
          for (size_t axis = 0; axis < head_size; ++axis) {
            score += static_cast<double>(query[axis]) * key[axis];
          }
          shares[other] = score / std::sqrt(static_cast<double>(head_size));
          largest = std::max(largest, shares[other]);
        }
        double total = 0;
        for (double& share : shares) total += share = std::exp(share - largest);
        for (size_t axis = 0; axis < head_size; ++axis) {
          double sum = 0;
          for (size_t other = 0; other < tokens; ++other) {
            sum += shares[other] * qkv[other * 3 * hidden + 2 * hidden + head * head_size + axis];
          }
          out[token * hidden + head * head_size + axis] = static_cast<float>(sum / total);
        }
      }
    }
  }

  void LayerNorm(float* rows, size_t count, size_t size, const float* gamma, const float* beta,
                 float epsilon) const override {
    for (size_t row = 0; row < count; ++row) {
      float* values = rows + row * size;
      double mean = 0;
      for (size_t axis = 0; axis < size; ++axis) mean += values[axis];
      mean /= static_cast<double>(size);
      double variance = 0;
      for (size_t axis = 0; axis < size; ++axis) {
        variance += (values[axis] - mean) * (values[axis] - mean);
      }
      variance /= static_cast<double>(size);
      const double scale = 1 / std::sqrt(variance + epsilon);
      for (size_t axis = 0; axis < size; ++axis) {
        values[axis] = static_cast<float>((values[axis] - mean) * scale * gamma[axis] + beta[axis]);
      }
    }
  }

  void Embed(std::span<const uint32_t> ids, const float* words, const float* positions, size_t size,
             float* rows) const override {
    for (size_t token = 0; token < ids.size(); ++token) {
      for (size_t axis = 0; axis < size; ++axis) {
        rows[token * size + axis] =
            words[ids[token] * size + axis] + positions[token * size + axis];
      }
    }
  }

  void Pool(const float* rows, size_t count, size_t size, Pooling pooling, bool normalize,
            float* out) const override {
    std::vector<double> pooled(size);
    for (size_t axis = 0; axis < size; ++axis) {
      double value = rows[axis];
      for (size_t row = 1; row < count && pooling != Pooling::kCls; ++row) {
        const double next = rows[row * size + axis];
        value = pooling == Pooling::kMax ? std::max(value, next) : value + next;
      }
      pooled[axis] = pooling == Pooling::kMean ? value / static_cast<double>(count) : value;
    }
    double squares = 0;
    for (const double value : pooled) squares += value * value;
    const double length = normalize ? std::max(std::sqrt(squares), 1e-12) : 1;
    for (size_t axis = 0; axis < size; ++axis)
      out[axis] = static_cast<float>(pooled[axis] / length);
  }
};

}  // namespace

const Kernels& ReferenceKernels() {
  static const ReferenceKernelsType kernels;
  return kernels;
}

AlignedFloats NewAlignedFloats(size_t count) {
  return AlignedFloats(
      static_cast<float*>(::operator new[](count * sizeof(float), std::align_val_t{64})));
}

}  // namespace simile

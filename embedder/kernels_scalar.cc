// Plain loops that add up in double: slow, and the oracle of the tests. Operands and projections
// are rows of floats.
#include <algorithm>
#include <cmath>
#include <vector>

#include "embedder/kernels.h"

namespace simile {
namespace {

const float* Floats(const std::byte* bytes) { return reinterpret_cast<const float*>(bytes); }
float* Floats(std::byte* bytes) { return reinterpret_cast<float*>(bytes); }

double Gelu(double x) { return x / 2 * (1 + std::erf(x / std::sqrt(2.0))); }

// Of one row and one output, with bias.
double Product(const float* row, const PackedWeights& weights, size_t output) {
  const float* weight = Floats(weights.weights.data()) + output * weights.inputs;
  double sum = weights.bias.data()[output];
  for (size_t input = 0; input < weights.inputs; ++input) {
    sum += static_cast<double>(row[input]) * weight[input];
  }
  return sum;
}

// Calls `use` with the place in a dense result and the product, for each row and output.
template <typename Use>
void ForEachProduct(const std::byte* operand, size_t rows, const PackedWeights& weights, Use use) {
  for (size_t row = 0; row < rows; ++row) {
    for (size_t output = 0; output < weights.outputs; ++output) {
      use(row * weights.outputs + output,
          Product(Floats(operand) + row * weights.inputs, weights, output));
    }
  }
}

class ScalarKernelsType final : public Kernels {
 public:
  std::string name() const override { return "scalar"; }
  Precision precision() const override { return Precision::kFloat32; }
  bool CanRun(size_t, size_t) const override { return true; }

  PackedWeights Pack(std::span<const float> weights, std::span<const float> bias, size_t outputs,
                     size_t inputs) const override {
    PackedWeights packed{.outputs = outputs,
                         .inputs = inputs,
                         .weights = OpaqueBuffer(weights.size_bytes()),
                         .bias = AlignedBuffer<float>(bias.size())};
    std::ranges::copy(weights, Floats(packed.weights.data()));
    std::ranges::copy(bias, packed.bias.data());
    return packed;
  }

  size_t OperandBytes(size_t rows, size_t columns) const override {
    return rows * columns * sizeof(float);
  }
  size_t ProjectionBytes(size_t rows, size_t columns) const override {
    return rows * columns * sizeof(float);
  }
  size_t AttentionScratchBytes(size_t, size_t) const override { return 0; }

  void LayerNorm(float* rows, size_t count, const Norm& norm, std::byte* operand) const override {
    const size_t size = norm.gamma.size();
    for (size_t row = 0; row < count; ++row) {
      float* values = rows + row * size;
      double mean = 0, variance = 0;
      for (size_t axis = 0; axis < size; ++axis) mean += values[axis];
      mean /= static_cast<double>(size);
      for (size_t axis = 0; axis < size; ++axis) {
        variance += (values[axis] - mean) * (values[axis] - mean);
      }
      const double scale = 1 / std::sqrt(variance / static_cast<double>(size) + norm.epsilon);
      for (size_t axis = 0; axis < size; ++axis) {
        const double centred = (values[axis] - mean) * scale;
        values[axis] = static_cast<float>(centred * norm.gamma[axis] + norm.beta[axis]);
      }
    }
    std::copy_n(rows, count * size, Floats(operand));
  }

  void Project(const std::byte* operand, size_t rows, const PackedWeights& weights,
               std::byte* projections) const override {
    ForEachProduct(operand, rows, weights, [&](size_t at, double product) {
      Floats(projections)[at] = static_cast<float>(product);
    });
  }

  void Attention(const std::byte* projections, const AttentionShape& shape, std::byte*,
                 std::byte* operand) const override {
    const size_t hidden = shape.heads * shape.head_size;
    for (size_t head = 0; head < shape.heads; ++head) {
      const size_t corner = shape.first_row * 3 * hidden + head * shape.head_size;
      for (size_t token = 0; token < shape.tokens; ++token) {
        AttendOne(Floats(projections) + corner, token, shape,
                  Floats(operand) + (shape.first_row + token) * hidden + head * shape.head_size);
      }
    }
  }

  void LinearGelu(const std::byte* operand, size_t rows, const PackedWeights& weights,
                  std::byte* out) const override {
    ForEachProduct(operand, rows, weights, [&](size_t at, double product) {
      Floats(out)[at] = static_cast<float>(Gelu(product));
    });
  }

  void LinearAdd(const std::byte* operand, size_t rows, const PackedWeights& weights,
                 float* out) const override {
    ForEachProduct(operand, rows, weights, [&](size_t at, double product) {
      out[at] = static_cast<float>(out[at] + product);
    });
  }

 private:
  // `head` is the query of the sequence's first token, of one head; `out` has head_size floats.
  static void AttendOne(const float* head, size_t token, const AttentionShape& shape, float* out) {
    const size_t hidden = shape.heads * shape.head_size;
    const float* query = head + token * 3 * hidden;
    std::vector<double> shares(shape.tokens);
    for (size_t other = 0; other < shape.tokens; ++other) {
      const float* key = head + other * 3 * hidden + hidden;
      for (size_t axis = 0; axis < shape.head_size; ++axis) {
        shares[other] += static_cast<double>(query[axis]) * key[axis];
      }
      shares[other] /= std::sqrt(static_cast<double>(shape.head_size));
    }
    const double largest = *std::ranges::max_element(shares);
    double total = 0;
    for (double& share : shares) total += share = std::exp(share - largest);
    for (size_t axis = 0; axis < shape.head_size; ++axis) {
      double sum = 0;
      for (size_t other = 0; other < shape.tokens; ++other) {
        sum += shares[other] * head[other * 3 * hidden + 2 * hidden + axis];
      }
      out[axis] = static_cast<float>(sum / total);
    }
  }
};

}  // namespace

const Kernels& ScalarKernels() {
  static const ScalarKernelsType kernels;
  return kernels;
}

}  // namespace simile

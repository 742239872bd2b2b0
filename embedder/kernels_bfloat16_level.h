#ifndef SIMILE_EMBEDDER_KERNELS_BFLOAT16_LEVEL_H_
#define SIMILE_EMBEDDER_KERNELS_BFLOAT16_LEVEL_H_

// Kernels in bfloat16 around a level's Product; see kernels_bfloat16.h for the layouts and for how
// to include this.

#include "embedder/attention_bfloat16.h"
#include "embedder/kernels_bfloat16.h"

namespace simile {
namespace bfloat16 {

// Product has
//   static constexpr const char* kName;
//   class Unit;  // Lives while products are computed on this thread.
//   // out[row][column] = the sum over `blocks` of a[block] * b[block], for `rows` of at most 32
//   // rows (what lies in `out` between the last and the next multiple of 16 may be overwritten)
//   // and 32 columns. The blocks of `a` lie `a_step` numbers apart, those of `b` end to end.
//   Blocks
//   // at `next`, as many, are brought into the second cache on the way; null: none. Calls
//   // `meanwhile` once for each block: work that may run beside the product.
//   template <typename Meanwhile>
//   static void Multiply(const Number* a, size_t a_step, const Number* b, size_t blocks,
//                        size_t rows, float* out, size_t out_stride, const Number* next,
//                        Meanwhile meanwhile);
template <typename Product>
class Level final : public Kernels {
 public:
  std::string name() const override { return Product::kName; }
  Precision precision() const override { return Precision::kBfloat16; }
  bool CanRun(size_t hidden_size, size_t head_size) const override {
    return hidden_size % kBlock == 0 && (head_size == 32 || head_size == 64);
  }

  PackedWeights Pack(std::span<const float> weights, std::span<const float> bias, size_t outputs,
                     size_t inputs) const override {
    const size_t input_blocks = Blocks(inputs);
    PackedWeights packed{
        .outputs = outputs,
        .inputs = inputs,
        .weights = OpaqueBuffer(Blocks(outputs) * input_blocks * kBlockNumbers * sizeof(Number)),
        .bias = AlignedBuffer<float>(Blocks(outputs) * kBlock)};
    std::copy(bias.begin(), bias.end(), packed.bias.data());
    auto* numbers = reinterpret_cast<Number*>(packed.weights.data());
    for (size_t output = 0; output < outputs; ++output) {
      for (size_t input = 0; input < inputs; ++input) {
        Number* block = numbers + (output / kBlock * input_blocks + input / kBlock) * kBlockNumbers;
        const size_t half = output % kBlock / kLanes, pair = input % kBlock / 2;
        block[((half * kPairs + pair) * kLanes + output % kLanes) * 2 + input % 2] =
            Round(weights[output * inputs + input]);
      }
    }
    return packed;
  }

  size_t OperandBytes(size_t rows, size_t columns) const override {
    return Blocks(rows) * Blocks(columns) * kBlockNumbers * sizeof(Number);
  }

  size_t ProjectionBytes(size_t rows, size_t columns) const override {
    return Blocks(columns) * RowsPadded(rows) * kBlock * sizeof(Number);
  }

  size_t AttentionScratchBytes(size_t tokens_max, size_t head_size) const override {
    return HeadAttention<Product>::ScratchBytes(tokens_max, head_size);
  }

  void LayerNorm(float* rows, size_t count, const Norm& norm, std::byte* operand) const override {
    const size_t size = norm.gamma.size();
    for (size_t row = 0; row < count; ++row) {
      NormRow(
          rows + row * size, norm,
          Numbers(operand) + row / kBlock * Blocks(size) * kBlockNumbers + row % kBlock * kBlock);
    }
  }

  void Project(const std::byte* operand, size_t rows, const PackedWeights& weights,
               std::byte* projections) const override {
    Linear(operand, rows, weights, ToProjections{Numbers(projections), RowsPadded(rows)});
  }

  void Attention(const std::byte* projections, const AttentionShape& shape, std::byte* scratch,
                 std::byte* operand) const override {
    const typename Product::Unit unit;
    HeadAttention<Product> attention(Numbers(projections) + shape.first_row * kBlock,
                                     RowsPadded(shape.batch_rows), shape, scratch,
                                     Numbers(operand));
    for (size_t head = 0; head < shape.heads; ++head) attention.Run(head);
  }

  void LinearGelu(const std::byte* operand, size_t rows, const PackedWeights& weights,
                  std::byte* out) const override {
    Linear(operand, rows, weights, ToGelu{Numbers(out), Blocks(weights.outputs), Gelu()});
  }

  void LinearAdd(const std::byte* operand, size_t rows, const PackedWeights& weights,
                 float* out) const override {
    Linear(operand, rows, weights, ToSum{out, weights.outputs});
  }

 private:
  static Number* Numbers(std::byte* bytes) { return reinterpret_cast<Number*>(bytes); }
  static const Number* Numbers(const std::byte* bytes) {
    return reinterpret_cast<const Number*>(bytes);
  }

  // One more block than the rows need: attention reads whole blocks from any row on.
  static constexpr size_t RowsPadded(size_t rows) { return (Blocks(rows) + 1) * kBlock; }

  template <typename Use>
  static void Linear(const std::byte* operand, size_t rows, const PackedWeights& weights,
                     const Use& use) {
    const typename Product::Unit unit;
    const size_t input_blocks = Blocks(weights.inputs);
    const size_t lines_a_step = (kBlock + input_blocks - 1) / input_blocks;
    BlockFinisher<Use> finisher(use);
    alignas(64) float sums[2][kBlockNumbers];
    size_t current = 0;
    // Weights outermost: a panel of them stays in the first cache while all rows pass by. The
    // first rows fetch the next panel: a query alone has so few rows that it would wait for memory
    // half of its time.
    for (size_t block = 0; block < Blocks(weights.outputs); ++block) {
      const Number* panel = Numbers(weights.weights.data()) + block * input_blocks * kBlockNumbers;
      const bool is_last = block + 1 == Blocks(weights.outputs);
      const Number* const next = is_last ? nullptr : panel + input_blocks * kBlockNumbers;
      for (size_t row = 0; row < rows; row += kBlock) {
        const size_t count = std::min(kBlock, rows - row);
        Product::Multiply(Numbers(operand) + row / kBlock * input_blocks * kBlockNumbers,
                          kBlockNumbers, panel, input_blocks, count, sums[current], kBlock,
                          row == 0 ? next : nullptr, [&] { finisher.Step(lines_a_step); });
        finisher.Finish();
        finisher.Begin(sums[current], weights.bias.data(), row, count, block);
        current = 1 - current;
      }
    }
    finisher.Finish();
  }

  static void NormRow(float* values, const Norm& norm, Number* line) {
    const size_t size = norm.gamma.size();
    const float share = 1 / static_cast<float>(size);
    __m512 sum = _mm512_setzero_ps();
    for (size_t axis = 0; axis < size; axis += kLanes) {
      sum = _mm512_add_ps(sum, _mm512_loadu_ps(values + axis));
    }
    const __m512 mean = _mm512_set1_ps(_mm512_reduce_add_ps(sum) * share);
    __m512 squares = _mm512_setzero_ps();
    for (size_t axis = 0; axis < size; axis += kLanes) {
      const __m512 difference = _mm512_sub_ps(_mm512_loadu_ps(values + axis), mean);
      squares = _mm512_fmadd_ps(difference, difference, squares);
    }
    const float variance = _mm512_reduce_add_ps(squares) * share;
    const __m512 scale = _mm512_set1_ps(1 / std::sqrt(variance + norm.epsilon));
    const auto normed = [&](size_t axis) {
      const __m512 centred =
          _mm512_mul_ps(_mm512_sub_ps(_mm512_loadu_ps(values + axis), mean), scale);
      const __m512 result = _mm512_fmadd_ps(centred, _mm512_loadu_ps(norm.gamma.data() + axis),
                                            _mm512_loadu_ps(norm.beta.data() + axis));
      _mm512_storeu_ps(values + axis, result);
      return result;
    };
    for (size_t axis = 0; axis < size; axis += kBlock, line += kBlockNumbers) {
      const __m512 first = normed(axis);
      StoreLine(line, first, normed(axis + kLanes));
    }
  }
};

}  // namespace bfloat16
}  // namespace simile

#endif  // SIMILE_EMBEDDER_KERNELS_BFLOAT16_LEVEL_H_

#ifndef SIMILE_EMBEDDER_KERNELS_H_
#define SIMILE_EMBEDDER_KERNELS_H_

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "embedder/aligned_buffer.h"

namespace simile {

// What the operands of products are rounded to. Sums, the residual stream, norms and softmax are
// float32 in every precision.
enum class Precision { kFloat32, kBfloat16 };

const char* PrecisionName(Precision precision);

// Memory whose layout only the level that made it knows.
using OpaqueBuffer = AlignedBuffer<std::byte>;

// The weights [outputs][inputs] and the bias of a linear layer, in the order in which the kernels
// of one level read them.
struct PackedWeights {
  size_t outputs = 0;
  size_t inputs = 0;
  OpaqueBuffer weights;
  AlignedBuffer<float> bias;  // Padded with zeros to what the level reads at once.
};

// A layer norm: to mean 0 and variance 1, times gamma, plus beta.
struct Norm {
  std::vector<float> gamma;
  std::vector<float> beta;
  float epsilon = 1e-12f;
};

// Where the rows of one sequence lie in a batch, and how its heads are cut.
struct AttentionShape {
  size_t batch_rows = 0;  // Of all sequences of the batch.
  size_t first_row = 0;
  size_t tokens = 0;  // Of this sequence.
  size_t heads = 0;
  size_t head_size = 0;
};

// The arithmetic of a BERT at one level: an instruction set and a precision. Rows are tokens, all
// sequences of a batch end to end.
//
// Between kernels a batch is in one of three forms. `rows` are plain float32, row by row, and hold
// the residual stream. An `operand` is what a product reads on its left side, and `projections` are
// what attention reads; both have a layout and a precision of the level's own. Their buffers must
// have OperandBytes or ProjectionBytes of at least as many rows as are used, and must have been all
// zero when new.
//
// In every kernel the result of a row depends on that row (in attention: on its sequence) alone,
// added up in the same order wherever it lies, so a text has the same bits in any batch.
//
// Thread safety: immutable; all methods may be called together.
class Kernels {
 public:
  virtual ~Kernels() = default;

  // "amx", "avx512_bf16", "avx512", "avx2", "neon", "scalar".
  virtual std::string name() const = 0;
  virtual Precision precision() const = 0;

  // Whether this level has code for a model of that shape.
  virtual bool CanRun(size_t hidden_size, size_t head_size) const = 0;

  virtual PackedWeights Pack(std::span<const float> weights, std::span<const float> bias,
                             size_t outputs, size_t inputs) const = 0;

  virtual size_t OperandBytes(size_t rows, size_t columns) const = 0;
  virtual size_t ProjectionBytes(size_t rows, size_t columns) const = 0;
  // Scratch memory of Attention for sequences of at most `tokens_max`.
  virtual size_t AttentionScratchBytes(size_t tokens_max, size_t head_size) const = 0;

  // Norms each of `count` rows in place, and writes them to `operand` too.
  virtual void LayerNorm(float* rows, size_t count, const Norm& norm, std::byte* operand) const = 0;

  // projections = operand * weights + bias: queries, keys and values of all heads, in this order.
  virtual void Project(const std::byte* operand, size_t rows, const PackedWeights& weights,
                       std::byte* projections) const = 0;

  // For each head of one sequence softmax(q k^T / sqrt(head_size)) v, to its rows of `operand`.
  virtual void Attention(const std::byte* projections, const AttentionShape& shape,
                         std::byte* scratch, std::byte* operand) const = 0;

  // out = GELU(operand * weights + bias): the GELU with erf, not its tanh likeness.
  virtual void LinearGelu(const std::byte* operand, size_t rows, const PackedWeights& weights,
                          std::byte* out) const = 0;

  // rows += operand * weights + bias.
  virtual void LinearAdd(const std::byte* operand, size_t rows, const PackedWeights& weights,
                         float* out) const = 0;
};

// One for each level that this machine has, best first. The scalar one, which adds up in double and
// is the oracle of the tests, is always the last. Looks at the machine once; at no cost after.
const std::vector<const Kernels*>& AllKernels();

// The best level for a model of that shape, with float32 alone when `precision` says so. Never
// null: the scalar level runs every shape.
const Kernels* BestKernels(size_t hidden_size, size_t head_size, bool float32_only);

// The level of that name; null when this machine or this build has none.
const Kernels* FindKernels(std::string_view name);

const Kernels& ScalarKernels();

}  // namespace simile

#endif  // SIMILE_EMBEDDER_KERNELS_H_

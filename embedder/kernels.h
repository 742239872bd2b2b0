#ifndef SIMILE_EMBEDDER_KERNELS_H_
#define SIMILE_EMBEDDER_KERNELS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <vector>

#include "embedder/model_config.h"

namespace simile {

// Memory for floats on cache line boundaries.
struct AlignedDelete {
  void operator()(float* floats) const { ::operator delete[](floats, std::align_val_t{64}); }
};
using AlignedFloats = std::unique_ptr<float[], AlignedDelete>;
AlignedFloats NewAlignedFloats(size_t count);

// A weight matrix in the order its kernels read it.
struct PackedWeights {
  size_t outputs = 0;
  size_t inputs = 0;
  AlignedFloats data;
};

enum class Activation { kNone, kGelu };  // GELU with erf, not its tanh likeness.

// The arithmetic of a BERT, behind which each instruction set has its own code. Rows are tokens;
// all matrices are row-major and dense unless said otherwise. In every kernel the result of a row
// depends on that row (in attention: on its sequence) alone, added up in the same order wherever it
// lies, so a text has the same bits in any batch.
//
// Thread safety: immutable; all methods may be called together.
class Kernels {
 public:
  virtual ~Kernels() = default;

  // What the code was compiled for, e.g. "AVX3_DL", or "reference".
  virtual std::string name() const = 0;

  // Packs `weights` of shape [outputs][inputs].
  virtual PackedWeights Pack(std::span<const float> weights, size_t outputs,
                             size_t inputs) const = 0;

  // out[r][o] = activation(sum of in[r][i] * weights[o][i] + bias[o]) + residual[r][o].
  // `residual` may be null; it may not be `out`.
  virtual void Linear(const float* in, size_t rows, const PackedWeights& weights, const float* bias,
                      Activation activation, const float* residual, float* out) const = 0;

  // Floats of scratch that Attention needs for sequences of at most `tokens_max`.
  virtual size_t AttentionScratch(size_t tokens_max, size_t head_size) const = 0;

  // For one sequence of `tokens` rows: softmax(q k^T / sqrt(head_size)) v, for each head. `qkv` has
  // rows of 3 * heads * head_size: queries, keys, values; `out` rows of heads * head_size.
  virtual void Attention(const float* qkv, size_t tokens, size_t heads, size_t head_size,
                         float* scratch, float* out) const = 0;

  // In place: each row to mean 0 and variance 1, times gamma, plus beta.
  virtual void LayerNorm(float* rows, size_t count, size_t size, const float* gamma,
                         const float* beta, float epsilon) const = 0;

  // rows[t] = words[ids[t]] + positions[t], for one sequence. `positions` has the token type's
  // embedding added.
  virtual void Embed(std::span<const uint32_t> ids, const float* words, const float* positions,
                     size_t size, float* rows) const = 0;

  // One vector from the rows of a sequence; with `normalize` scaled to length 1.
  virtual void Pool(const float* rows, size_t count, size_t size, Pooling pooling, bool normalize,
                    float* out) const = 0;
};

// The fastest kernels of this machine.
const Kernels& BestKernels();

// One for each instruction set that this machine has, best first: for tests.
std::vector<const Kernels*> AllKernels();

// Scalar code that adds up in double: slow and plain, the oracle of the tests.
const Kernels& ReferenceKernels();

}  // namespace simile

#endif  // SIMILE_EMBEDDER_KERNELS_H_

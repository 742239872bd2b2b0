#ifndef SIMILE_EMBEDDER_KERNELS_BFLOAT16_H_
#define SIMILE_EMBEDDER_KERNELS_BFLOAT16_H_

// What the two bfloat16 levels share: layouts, what happens to a product's result, norm, attention.
// A level adds the product of blocks. Needs AVX-512 (F, BW, DQ, VL, BF16): include it between
// HWY_PUSH_ATTRIBUTES and HWY_POP_ATTRIBUTES, after every header that the file needs.
//
// All operands of products are cut into blocks of 32 x 32 numbers, 2 KiB each, in which the rows
// are one cache line long:
//
//   operand   [row block][column block][32 rows][32 columns]
//
//        columns 0..31     columns 32..63           A product of 32 rows walks from left to right
//      +-----------------+-----------------+---     through one row of blocks: one stream of whole
//   r0 | block 0         | block 1         | ...    cache lines, whatever the width.
//   .. |  32 x 32        |  32 x 32        |
//   r31|                 |                 |
//      +-----------------+-----------------+---
//
//   weights   [output block][input block][2 halves][16 pairs of inputs][16 outputs][2 inputs]
//
//      half 0: outputs 0..15       half 1: outputs 16..31     The two inputs of a pair lie
//      together:
//      +--------------------+      +--------------------+     what TDPBF16PS and VDPBF16PS multiply
//   p0 |w00 w01|w10 w11|... |   p0 |                    |     at once. wij: output i, input j.
//   p1 |w02 w03|w12 w13|... |   p1 |                    |
//   .. |                    |   .. |                    |
//
//   projections  [column block][row][32 columns]: a head of size 32 has its queries in one column
//      block, its keys and its values in two others, so attention reads whole lines too; a head of
//      size 64 has two blocks each.
//
// Every buffer has a whole number of row blocks. What stands in rows beyond the batch is multiplied
// too, but no row ever sees another's, so it only has to be finite, and it is: zero, or left from
// an earlier batch.

#include <immintrin.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "embedder/gelu_table.h"
#include "embedder/kernels.h"

namespace simile {
namespace bfloat16 {

using Number = uint16_t;  // The upper half of a float32.

constexpr size_t kBlock = 32;  // Rows and columns of a block.
constexpr size_t kBlockNumbers = kBlock * kBlock;
constexpr size_t kPairs = kBlock / 2;
constexpr size_t kLanes = 16;
constexpr size_t kQueryRows =
    16;  // That attention takes at once: their scores fit the first cache.

constexpr size_t Blocks(size_t count) { return (count + kBlock - 1) / kBlock; }

inline Number Round(float value) {
  const __m128 vector = _mm_set_ss(value);
  return static_cast<Number>(_mm_extract_epi16((__m128i)_mm_cvtneps_pbh(vector), 0));
}

// Rounds 32 floats to one line of a block.
inline void StoreLine(Number* line, __m512 first, __m512 second) {
  _mm512_storeu_si512(line, (__m512i)_mm512_cvtne2ps_pbh(second, first));
}

// 2^x for x <= 0, by a polynomial of degree 5 (relative error below 3e-6, a hundredth of what
// rounding to bfloat16 adds).
inline __m512 PowerOfTwo(__m512 x) {
  const __m512 whole = _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  const __m512 f = _mm512_sub_ps(x, whole);
  __m512 power = _mm512_set1_ps(1.33335581e-3f);
  power = _mm512_fmadd_ps(power, f, _mm512_set1_ps(9.61812911e-3f));
  power = _mm512_fmadd_ps(power, f, _mm512_set1_ps(5.55041087e-2f));
  power = _mm512_fmadd_ps(power, f, _mm512_set1_ps(2.40226507e-1f));
  power = _mm512_fmadd_ps(power, f, _mm512_set1_ps(6.93147181e-1f));
  power = _mm512_fmadd_ps(power, f, _mm512_set1_ps(1.0f));
  return _mm512_scalef_ps(power, whole);
}

// GELU by the table of gelu_table.h, held in six registers.
class Gelu {
 public:
  Gelu() {
    for (size_t degree = 0; degree < 3; ++degree) {
      const float* row = TheGeluTable().coefficients[degree].data();
      low_[degree] = _mm512_loadu_ps(row);
      high_[degree] = _mm512_loadu_ps(row + kLanes);
    }
  }

  __m512 operator()(__m512 x) const {
    const __m512 size = _mm512_abs_ps(x);
    const __m512 place = _mm512_min_ps(_mm512_mul_ps(size, _mm512_set1_ps(GeluTable::kPerUnit)),
                                       _mm512_set1_ps(GeluTable::kSegments - 1));
    const __m512i segment = _mm512_cvttps_epi32(place);
    __m512 half = _mm512_permutex2var_ps(low_[2], segment, high_[2]);
    half = _mm512_fmadd_ps(half, size, _mm512_permutex2var_ps(low_[1], segment, high_[1]));
    half = _mm512_fmadd_ps(half, size, _mm512_permutex2var_ps(low_[0], segment, high_[0]));
    return _mm512_fmadd_ps(size, half, _mm512_mul_ps(x, _mm512_set1_ps(0.5f)));
  }

 private:
  __m512 low_[3], high_[3];
};

// The three things that happen to a line of sums. Each is called with the row and the block of
// outputs that the line belongs to.
struct ToProjections {
  Number* projections;
  size_t rows_padded;
  void operator()(size_t row, size_t block, __m512 first, __m512 second) const {
    StoreLine(projections + (block * rows_padded + row) * kBlock, first, second);
  }
};

struct ToGelu {
  Number* operand;
  size_t column_blocks;
  Gelu gelu;
  void operator()(size_t row, size_t block, __m512 first, __m512 second) const {
    Number* line =
        operand + (row / kBlock * column_blocks + block) * kBlockNumbers + row % kBlock * kBlock;
    StoreLine(line, gelu(first), gelu(second));
  }
};

struct ToSum {
  float* rows;
  size_t columns;
  void operator()(size_t row, size_t block, __m512 first, __m512 second) const {
    float* line = rows + row * columns + block * kBlock;
    _mm512_storeu_ps(line, _mm512_add_ps(first, _mm512_loadu_ps(line)));
    _mm512_storeu_ps(line + kLanes, _mm512_add_ps(second, _mm512_loadu_ps(line + kLanes)));
  }
};

// Finishes a block of sums line by line, so that a level can do it while it computes the next.
template <typename Use>
class BlockFinisher {
 public:
  explicit BlockFinisher(const Use& use) : use_(use) {}

  // `sums` are 32 a row and must stay until Finish.
  void Begin(const float* sums, const float* bias, size_t first_row, size_t rows, size_t block) {
    sums_ = sums;
    bias_first_ = _mm512_loadu_ps(bias + block * kBlock);
    bias_second_ = _mm512_loadu_ps(bias + block * kBlock + kLanes);
    first_row_ = first_row;
    rows_ = rows;
    block_ = block;
    next_ = 0;
  }

  void Step(size_t lines) {
    const size_t end = std::min(rows_, next_ + lines);
    for (; next_ < end; ++next_) {
      const float* line = sums_ + next_ * kBlock;
      use_(first_row_ + next_, block_, _mm512_add_ps(_mm512_load_ps(line), bias_first_),
           _mm512_add_ps(_mm512_load_ps(line + kLanes), bias_second_));
    }
  }

  void Finish() { Step(kBlock); }

 private:
  const Use use_;
  const float* sums_ = nullptr;
  __m512 bias_first_ = _mm512_setzero_ps(), bias_second_ = _mm512_setzero_ps();
  size_t first_row_ = 0, rows_ = 0, block_ = 0, next_ = 0;
};

// Transposes 16 lines of 16 pairs: keys by axes become axes by keys. A pair moves as one number.
inline void TransposePairs(const Number* lines, Number* out) {
  __m512i a[16], b[16];
  for (size_t i = 0; i < 16; ++i) a[i] = _mm512_loadu_si512(lines + i * kBlock);
  for (size_t i = 0; i < 8; ++i) {
    b[2 * i] = _mm512_unpacklo_epi32(a[2 * i], a[2 * i + 1]);
    b[2 * i + 1] = _mm512_unpackhi_epi32(a[2 * i], a[2 * i + 1]);
  }
  for (size_t i = 0; i < 4; ++i) {
    a[4 * i] = _mm512_unpacklo_epi64(b[4 * i], b[4 * i + 2]);
    a[4 * i + 1] = _mm512_unpackhi_epi64(b[4 * i], b[4 * i + 2]);
    a[4 * i + 2] = _mm512_unpacklo_epi64(b[4 * i + 1], b[4 * i + 3]);
    a[4 * i + 3] = _mm512_unpackhi_epi64(b[4 * i + 1], b[4 * i + 3]);
  }
  // Now each 128-bit lane is right in itself; two rounds put the lanes in their places.
  for (size_t i = 0; i < 4; ++i) {
    b[i] = _mm512_shuffle_i32x4(a[i], a[i + 4], 0x88);
    b[i + 4] = _mm512_shuffle_i32x4(a[i], a[i + 4], 0xdd);
    b[i + 8] = _mm512_shuffle_i32x4(a[i + 8], a[i + 12], 0x88);
    b[i + 12] = _mm512_shuffle_i32x4(a[i + 8], a[i + 12], 0xdd);
  }
  for (size_t i = 0; i < 4; ++i) {
    a[i] = _mm512_shuffle_i32x4(b[i], b[i + 8], 0x88);
    a[i + 8] = _mm512_shuffle_i32x4(b[i], b[i + 8], 0xdd);
    a[i + 4] = _mm512_shuffle_i32x4(b[i + 4], b[i + 12], 0x88);
    a[i + 12] = _mm512_shuffle_i32x4(b[i + 4], b[i + 12], 0xdd);
  }
  for (size_t i = 0; i < 16; ++i) _mm512_storeu_si512(out + i * kBlock, a[i]);
}

// Two lines, of two keys, become pairs of keys: the first 16 axes to `out`, the others to the
// second half of the block.
inline void InterleaveLines(__m512i even, __m512i odd, Number* out) {
  const __m512i first = _mm512_set_epi16(47, 15, 46, 14, 45, 13, 44, 12, 43, 11, 42, 10, 41, 9, 40,
                                         8, 39, 7, 38, 6, 37, 5, 36, 4, 35, 3, 34, 2, 33, 1, 32, 0);
  const __m512i second = _mm512_add_epi16(first, _mm512_set1_epi16(16));
  _mm512_storeu_si512(out, _mm512_permutex2var_epi16(even, first, odd));
  _mm512_storeu_si512(out + kBlockNumbers / 2, _mm512_permutex2var_epi16(even, second, odd));
}

}  // namespace bfloat16
}  // namespace simile

#endif  // SIMILE_EMBEDDER_KERNELS_BFLOAT16_H_

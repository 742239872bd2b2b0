// The level of AVX512-BF16: VDPBF16PS adds the products of 16 pairs of bfloat16 to 16 sums.
#include "embedder/kernel_levels.h"

#if defined(__x86_64__)

#include <cpuid.h>
#include <hwy/base.h>
#include <immintrin.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <span>
#include <string>

#include "base/x86_features.h"
#include "embedder/gelu_table.h"
#include "embedder/kernels.h"

HWY_PUSH_ATTRIBUTES("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,fma,avx2")

#include "embedder/kernels_bfloat16_level.h"

namespace simile {
namespace {

using bfloat16::kBlock;
using bfloat16::kBlockNumbers;
using bfloat16::kPairs;
using bfloat16::Number;

// Eight rows of two sums leave half of the registers for operands and are enough to hide the
// latency of the dot product.
constexpr size_t kTileRows = 8;

struct DotProduct {
  static constexpr const char* kName = "avx512_bf16";
  class [[maybe_unused]] Unit {};

  template <typename Meanwhile>
  static void Multiply(const Number* a, size_t a_step, const Number* b, size_t blocks, size_t rows,
                       float* out, size_t out_stride, const Number* next, Meanwhile meanwhile) {
    for (size_t row = 0; row < rows; row += kTileRows) {
      const Number* const a_tile = a + row * kBlock;
      float* const out_tile = out + row * out_stride;
      if (row == 0 && next != nullptr) {
        MultiplyTile<true>(a_tile, a_step, b, blocks, out_tile, out_stride, next);
      } else {
        MultiplyTile<false>(a_tile, a_step, b, blocks, out_tile, out_stride, next);
      }
    }
    for (size_t block = 0; block < blocks; ++block) meanwhile();
  }

 private:
  // Not inlined, so that what its caller keeps in registers does not push sums out of them.
  template <bool kFetch>
  HWY_NOINLINE static void MultiplyTile(const Number* a, size_t a_step, const Number* b,
                                        size_t blocks, float* out, size_t out_stride,
                                        const Number* next) {
    __m512 first[kTileRows], second[kTileRows];
#pragma GCC unroll 8
    for (size_t row = 0; row < kTileRows; ++row) {
      first[row] = second[row] = _mm512_setzero_ps();
    }
    for (size_t block = 0; block < blocks; ++block, a += a_step, b += kBlockNumbers) {
      for (size_t pair = 0; pair < kPairs; ++pair) {
        const __m512bh b_first = (__m512bh)_mm512_loadu_si512(b + pair * kBlock);
        const __m512bh b_second =
            (__m512bh)_mm512_loadu_si512(b + kBlockNumbers / 2 + pair * kBlock);
        if constexpr (kFetch) {
          _mm_prefetch(reinterpret_cast<const char*>(next + pair * kBlock), _MM_HINT_T1);
          _mm_prefetch(reinterpret_cast<const char*>(next + (kPairs + pair) * kBlock), _MM_HINT_T1);
        }
#pragma GCC unroll 8
        for (size_t row = 0; row < kTileRows; ++row) {
          int32_t numbers;
          std::memcpy(&numbers, a + row * kBlock + pair * 2, sizeof(numbers));
          const __m512bh both = (__m512bh)_mm512_set1_epi32(numbers);
          first[row] = _mm512_dpbf16_ps(first[row], b_first, both);
          second[row] = _mm512_dpbf16_ps(second[row], b_second, both);
        }
      }
      if constexpr (kFetch) next += kBlockNumbers;
    }
#pragma GCC unroll 8
    for (size_t row = 0; row < kTileRows; ++row) {
      _mm512_storeu_ps(out + row * out_stride, first[row]);
      _mm512_storeu_ps(out + row * out_stride + bfloat16::kLanes, second[row]);
    }
  }
};

// Seconds of a loop of independent operations on eight registers.
template <typename Operation>
double SecondsOf(Operation operation) {
  constexpr size_t kRounds = 4000;
  __m512 sums[8];
  for (__m512& sum : sums) sum = _mm512_setzero_ps();
  const auto start = std::chrono::steady_clock::now();
  for (size_t round = 0; round < kRounds; ++round) {
#pragma GCC unroll 8
    for (__m512& sum : sums) sum = operation(sum);
    asm volatile(""
                 : "+v"(sums[0]), "+v"(sums[1]), "+v"(sums[2]), "+v"(sums[3]), "+v"(sums[4]),
                   "+v"(sums[5]), "+v"(sums[6]), "+v"(sums[7]));
  }
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// A dot product does twice the work of a multiply-add. The least of several turns of each, so that
// a pause of this thread counts for nothing.
bool DotProductsPay() {
  const __m512 zero = _mm512_setzero_ps();
  double dot_product = INFINITY, multiply_add = INFINITY;
  for (int turn = 0; turn < 5; ++turn) {
    dot_product = std::min(dot_product, SecondsOf([&](__m512 sum) {
                             return _mm512_dpbf16_ps(sum, (__m512bh)zero, (__m512bh)zero);
                           }));
    multiply_add = std::min(
        multiply_add, SecondsOf([&](__m512 sum) { return _mm512_fmadd_ps(zero, zero, sum); }));
  }
  return 2 * multiply_add > 1.2 * dot_product;
}

}  // namespace
}  // namespace simile

HWY_POP_ATTRIBUTES

namespace simile {

const Kernels* Avx512Bfloat16Kernels() {
  static const Kernels* const kernels = []() -> const Kernels* {
    static const bfloat16::Level<DotProduct> level;
    return HasAvx512Bfloat16() && DotProductsPay() ? &level : nullptr;
  }();
  return kernels;
}

}  // namespace simile

#else

namespace simile {

const Kernels* Avx512Bfloat16Kernels() { return nullptr; }

}  // namespace simile

#endif

// The level of AMX: TDPBF16PS multiplies a tile of 16 rows by 32 inputs with one of 32 inputs by 16
// outputs, 8,192 multiply-adds in one instruction, in a unit of its own beside the vector units.
//
//   tiles         inputs 0..31              outputs 0..15  16..31
//               +--------------+          +---------------+---------------+
//   rows  0..15 | 4: a, upper  |          | 0: sums       | 1: sums       |
//               +--------------+    x     +---------------+---------------+
//   rows 16..31 | 5: a, lower  |          | 2: sums       | 3: sums       |
//               +--------------+          +---------------+---------------+
//                            b, halves:   6               7
//
// Four tiles of sums, so that each tile of operands that is loaded is used twice.
#include "embedder/kernel_levels.h"

#if defined(__x86_64__)

#include <hwy/base.h>
#include <immintrin.h>

#include <algorithm>
#include <cmath>
#include <span>
#include <string>

#include "base/x86_features.h"
#include "embedder/gelu_table.h"
#include "embedder/kernels.h"

HWY_PUSH_ATTRIBUTES("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,fma,avx2,amx-tile,amx-bf16")

#include "embedder/kernels_bfloat16_level.h"

namespace simile {
namespace {

using bfloat16::kBlock;
using bfloat16::kBlockNumbers;
using bfloat16::Number;

constexpr size_t kTileRows = 16;
constexpr size_t kHalfBlock = kBlockNumbers / 2;
constexpr int kLineBytes = 64;

// The operand of LDTILECFG (Intel 64 and IA-32 Architectures Software Developer's Manual, volume 1,
// section 18.3): palette 1, all eight tiles of 16 lines of 64 bytes.
struct alignas(64) TileConfiguration {
  uint8_t palette = 1;
  uint8_t start_row = 0;
  uint8_t reserved[14] = {};
  uint16_t line_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};
static_assert(sizeof(TileConfiguration) == 64);

struct TileProduct {
  static constexpr const char* kName = "amx";

  // Tiles are given back at the end: a thread whose tiles are in use is dearer to switch from.
  class Unit {
   public:
    Unit() {
      static constexpr TileConfiguration kConfiguration;
      _tile_loadconfig(&kConfiguration);
    }
    ~Unit() { _tile_release(); }
    Unit(const Unit&) = delete;
    Unit& operator=(const Unit&) = delete;
  };

  template <typename Meanwhile>
  static void Multiply(const Number* a, size_t a_step, const Number* b, size_t blocks, size_t rows,
                       float* out, size_t out_stride, const Number* next, Meanwhile meanwhile) {
    const size_t line_bytes = out_stride * sizeof(float);
    _tile_zero(0);
    _tile_zero(1);
    if (rows <= kTileRows) {
      for (size_t block = 0; block < blocks; ++block, a += a_step, b += kBlockNumbers) {
        if (next != nullptr) FetchBlock(next + block * kBlockNumbers);
        _tile_loadd(4, a, kLineBytes);
        _tile_loadd(6, b, kLineBytes);
        _tile_dpbf16ps(0, 4, 6);
        _tile_loadd(7, b + kHalfBlock, kLineBytes);
        _tile_dpbf16ps(1, 4, 7);
        meanwhile();
      }
    } else {
      _tile_zero(2);
      _tile_zero(3);
      for (size_t block = 0; block < blocks; ++block, a += a_step, b += kBlockNumbers) {
        if (next != nullptr) FetchBlock(next + block * kBlockNumbers);
        _tile_loadd(4, a, kLineBytes);
        _tile_loadd(6, b, kLineBytes);
        _tile_dpbf16ps(0, 4, 6);
        _tile_loadd(7, b + kHalfBlock, kLineBytes);
        _tile_dpbf16ps(1, 4, 7);
        _tile_loadd(5, a + kHalfBlock, kLineBytes);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
        meanwhile();
      }
      _tile_stored(2, out + kTileRows * out_stride, line_bytes);
      _tile_stored(3, out + kTileRows * out_stride + kTileRows, line_bytes);
    }
    _tile_stored(0, out, line_bytes);
    _tile_stored(1, out + kTileRows, line_bytes);
  }

 private:
  static void FetchBlock(const Number* block) {
    for (size_t line = 0; line < kBlock; ++line) {
      _mm_prefetch(reinterpret_cast<const char*>(block + line * kBlock), _MM_HINT_T1);
    }
  }
};

}  // namespace
}  // namespace simile

HWY_POP_ATTRIBUTES

namespace simile {

const Kernels* AmxKernels() {
  static const Kernels* const kernels = []() -> const Kernels* {
    static const bfloat16::Level<TileProduct> level;
    return HasAmxBfloat16() ? &level : nullptr;
  }();
  return kernels;
}

}  // namespace simile

#else

namespace simile {

const Kernels* AmxKernels() { return nullptr; }

}  // namespace simile

#endif

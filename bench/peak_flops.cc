#include "bench/peak_flops.h"

#include <chrono>
#include <cstdint>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace simile {
namespace {

constexpr double kSeconds = 0.02;

// Calls `run`, which does `operations` a call, until the time is over.
template <typename RunLoop>
double OperationsPerSecond(double operations, RunLoop run) {
  using Clock = std::chrono::steady_clock;
  run();
  double done = 0;
  const auto start = Clock::now();
  for (;;) {
    run();
    done += operations;
    const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
    if (seconds >= kSeconds) return done / seconds;
  }
}

#if defined(__x86_64__)

constexpr int kSteps = 20'000;
// More sums than latency times throughput of any of the instructions, and few enough for registers.
constexpr int kSums = 12;

// The instruction is written as assembly so that no compiler can leave it out or merge it.
#define SIMILE_PEAK_LOOP(NAME, TARGET, VECTOR, INSTRUCTION)                   \
  __attribute__((target(TARGET))) void NAME() {                               \
    VECTOR sums[kSums] = {}, a = {}, b = {};                                  \
    for (int step = 0; step < kSteps; ++step) {                               \
      _Pragma("GCC unroll 12") for (VECTOR & sum : sums) {                    \
        asm volatile(INSTRUCTION " %1, %2, %0" : "+v"(sum) : "v"(a), "v"(b)); \
      }                                                                       \
    }                                                                         \
  }

SIMILE_PEAK_LOOP(LoopOfAvx512Bfloat16, "avx512f,avx512bf16", __m512, "vdpbf16ps")
SIMILE_PEAK_LOOP(LoopOfAvx512, "avx512f", __m512, "vfmadd231ps")
SIMILE_PEAK_LOOP(LoopOfAvx2, "avx2,fma", __m256, "vfmadd231ps")
#undef SIMILE_PEAK_LOOP

// As in embedder/kernels_amx.cc: four tiles of sums, all tiles full.
__attribute__((target("amx-tile,amx-bf16"))) void LoopOfAmx() {
  struct alignas(64) {
    uint8_t palette = 1, start_row = 0, reserved[14] = {};
    uint16_t line_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
    uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
  } const configuration;
  _tile_loadconfig(&configuration);
  for (int step = 0; step < kSteps; ++step) {
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 4, 7);
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
  }
  _tile_release();
}

#endif

}  // namespace

double MeasurePeakFlops(const std::string& level) {
#if defined(__x86_64__)
  constexpr double kInstructions = static_cast<double>(kSteps) * kSums;
  if (level == "amx") return OperationsPerSecond(kSteps * 4.0 * 2 * 16 * 16 * 32, LoopOfAmx);
  if (level == "avx512_bf16") return OperationsPerSecond(kInstructions * 64, LoopOfAvx512Bfloat16);
  if (level == "avx512") return OperationsPerSecond(kInstructions * 32, LoopOfAvx512);
  if (level == "avx2") return OperationsPerSecond(kInstructions * 16, LoopOfAvx2);
#endif
  return 0;
}

}  // namespace simile

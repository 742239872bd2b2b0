#ifndef SIMILE_EMBEDDER_KERNEL_LEVELS_H_
#define SIMILE_EMBEDDER_KERNEL_LEVELS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "embedder/kernels.h"

namespace simile {

// What kernel_levels.cc puts together; only the files of the levels and it need this.

// bfloat16 by tiles (AMX-TILE, AMX-BF16) or by dot products (AVX512-BF16). Null when processor or
// operating system has no such thing, or when it would be slower than float32: measured once, since
// processors differ (Sapphire Rapids runs AVX512-BF16 at half the speed of float32, Zen 4 at
// twice).
const Kernels* AmxKernels();
const Kernels* Avx512Bfloat16Kernels();

// Float32, one for each instruction set that Highway knows and this machine has, best first.
std::vector<const Kernels*> HighwayLevels();

// Of a HWY_TARGET bit: "avx512", "avx2", ...
std::string LevelNameOfHighwayTarget(int64_t target);

}  // namespace simile

#endif  // SIMILE_EMBEDDER_KERNEL_LEVELS_H_

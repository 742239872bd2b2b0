#include "embedder/kernel_levels.h"

#include <hwy/targets.h>

#include <algorithm>
#include <string_view>

namespace simile {

const char* PrecisionName(Precision precision) {
  return precision == Precision::kBfloat16 ? "bfloat16" : "float32";
}

std::string LevelNameOfHighwayTarget(int64_t target) {
  switch (target) {
    case HWY_AVX3_DL:
    case HWY_AVX3:
      return "avx512";
    case HWY_AVX2:
      return "avx2";
    case HWY_SSE4:
      return "sse4";
    case HWY_NEON:
      return "neon";
    default:
      return "float32";
  }
}

const std::vector<const Kernels*>& AllKernels() {
  static const std::vector<const Kernels*> all = [] {
    std::vector<const Kernels*> levels;
    for (const Kernels* level : {AmxKernels(), Avx512Bfloat16Kernels()}) {
      if (level != nullptr) levels.push_back(level);
    }
    const std::vector<const Kernels*> float32 = HighwayLevels();
    levels.insert(levels.end(), float32.begin(), float32.end());
    levels.push_back(&ScalarKernels());
    return levels;
  }();
  return all;
}

const Kernels* BestKernels(size_t hidden_size, size_t head_size, bool float32_only) {
  return *std::ranges::find_if(AllKernels(), [&](const Kernels* level) {
    return level->CanRun(hidden_size, head_size) &&
           (!float32_only || level->precision() == Precision::kFloat32);
  });
}

const Kernels* FindKernels(std::string_view name) {
  const auto found = std::ranges::find_if(
      AllKernels(), [&](const Kernels* level) { return level->name() == name; });
  return found == AllKernels().end() ? nullptr : *found;
}

}  // namespace simile

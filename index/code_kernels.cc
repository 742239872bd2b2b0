#include "index/code_kernels.h"

namespace simile::index_internal {

const std::vector<CodeKernels>& AllCodeKernels() {
  static const std::vector<CodeKernels> levels = [] {
    std::vector<CodeKernels> found;
    for (const CodeKernels* kernels :
         {AmxCodeKernels(), VnniCodeKernels(), HighwayCodeKernels(), ScalarCodeKernels()}) {
      if (kernels != nullptr) found.push_back(*kernels);
    }
    return found;
  }();
  return levels;
}

BatchComparison::BatchComparison(const CodeKernels& kernels, CodeFormat format, bool euclidean)
    : one_(kernels.nearer(format, euclidean)),
      batch_(kernels.batch != nullptr ? kernels.batch(format, euclidean) : BatchKernel()) {}

size_t BatchComparison::NearerThan(const CodeRows& rows, const QueryBatch& batch,
                                   std::span<const uint32_t> slots, const uint32_t* bounds,
                                   NearRow* near) const {
  if (batch_.nearer != nullptr && batch.queries.size() >= batch_.queries_min) {
    return batch_.nearer(rows, batch, slots.data(), slots.size(), bounds, near);
  }
  uint32_t near_slots[kRowsMax + 16];
  uint32_t near_keys[kRowsMax + 16];
  size_t count = 0;
  for (size_t query = 0; query < batch.queries.size(); ++query) {
    const size_t found = one_(rows, batch.queries[query], slots.data(), slots.size(), bounds[query],
                              near_slots, near_keys);
    for (size_t at = 0; at < found; ++at) {
      near[count++] = {
          .query = static_cast<uint32_t>(query), .slot = near_slots[at], .key = near_keys[at]};
    }
  }
  return count;
}

}  // namespace simile::index_internal

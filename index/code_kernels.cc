#include "index/code_kernels.h"

namespace simile::index_internal {

const std::vector<CodeKernels>& AllCodeKernels() {
  static const std::vector<CodeKernels> levels = [] {
    std::vector<CodeKernels> found;
    for (const CodeKernels* kernels :
         {VnniCodeKernels(), HighwayCodeKernels(), ScalarCodeKernels()}) {
      if (kernels != nullptr) found.push_back(*kernels);
    }
    return found;
  }();
  return levels;
}

}  // namespace simile::index_internal

#ifndef SIMILE_EMBEDDER_POOLING_H_
#define SIMILE_EMBEDDER_POOLING_H_

#include <cstddef>
#include <span>

#include "embedder/model_config.h"

namespace simile {

// One vector from `rows` of vector.size() floats each, of one sequence; with `normalize` scaled to
// length 1. Adds up in the order of rows, so the bits depend on them alone.
void Pool(const float* rows, size_t count, Pooling pooling, bool normalize,
          std::span<float> vector);

// Scales to length 1; a vector of zeros stays as it is.
void ScaleToUnitLength(std::span<float> vector);

}  // namespace simile

#endif  // SIMILE_EMBEDDER_POOLING_H_

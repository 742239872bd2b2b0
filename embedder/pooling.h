#ifndef SIMILE_EMBEDDER_POOLING_H_
#define SIMILE_EMBEDDER_POOLING_H_

#include <cstddef>
#include <span>

#include "embedder/model_config.h"

namespace simile {

// One vector from `count` rows of one sequence, end to end in `rows`. Adds up in the order of rows,
// so the bits depend on them alone. A row has as many floats as `vector`.
void Pool(std::span<const float> rows, size_t count, Pooling pooling, std::span<float> vector);

// Scales to length 1; a vector of zeros stays as it is.
void ScaleToUnitLength(std::span<float> vector);

}  // namespace simile

#endif  // SIMILE_EMBEDDER_POOLING_H_

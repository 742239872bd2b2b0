#ifndef SIMILE_EMBEDDER_MODEL_SELF_TEST_H_
#define SIMILE_EMBEDDER_MODEL_SELF_TEST_H_

#include "absl/status/status.h"
#include "embedder/encoder.h"

namespace simile {

// Embeds a fixed sentence with both, which must be the same model with different kernels, and
// compares: with float32 kernels the difference may have 1e-4 of the vector's length, with bfloat16
// ones the cosine must be 0.999. A processor, a compiler or weights that break a level are found
// here rather than in a collection full of wrong vectors. Internal with the figures otherwise.
absl::Status CompareOnSentence(const Encoder& encoder, const Encoder& oracle);

}  // namespace simile

#endif  // SIMILE_EMBEDDER_MODEL_SELF_TEST_H_

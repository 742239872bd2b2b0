#ifndef SIMILE_EMBEDDER_MODEL_SELF_TEST_H_
#define SIMILE_EMBEDDER_MODEL_SELF_TEST_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "embedder/encoder.h"

namespace simile {

// What a fixed sentence becomes.
struct SentenceVector {
  std::vector<float> vector;
  std::string level;  // Of the kernels.
};
absl::StatusOr<SentenceVector> EmbedSentence(const Encoder& encoder);

// Embeds that sentence and compares with what the same model made of it with other kernels: with
// float32 kernels the difference may have 1e-4 of the vector's length, with bfloat16 ones the
// cosine must be 0.999. A processor, a compiler or weights that break a level are found here rather
// than in a collection full of wrong vectors. Internal with the figures otherwise.
absl::Status CompareOnSentence(const Encoder& encoder, const SentenceVector& expected);

}  // namespace simile

#endif  // SIMILE_EMBEDDER_MODEL_SELF_TEST_H_

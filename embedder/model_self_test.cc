#include "embedder/model_self_test.h"

#include <cmath>
#include <cstdint>
#include <string_view>
#include <utility>

#include "fmt/format.h"

namespace simile {
namespace {

constexpr std::string_view kSentence = "Five quick wizards jump over the lazy dog's bank account.";
constexpr double kFloat32DifferenceMax = 1e-4;
constexpr double kBfloat16CosineMin = 0.999;

}  // namespace

absl::StatusOr<SentenceVector> EmbedSentence(const Encoder& encoder) {
  const TokenSequence sequence = encoder.tokenizer().Encode(kSentence, encoder.info().tokens_max);
  const std::vector<uint32_t> starts = {0, static_cast<uint32_t>(sequence.ids.size())};
  std::vector<float> vector(encoder.info().dimension);
  const auto workspace = encoder.NewWorkspace();
  const absl::Status status =
      encoder.Run({.ids = sequence.ids, .sequence_start = starts}, *workspace, vector);
  if (!status.ok()) return status;
  return SentenceVector{.vector = std::move(vector), .level = encoder.info().instruction_set};
}

absl::Status CompareOnSentence(const Encoder& encoder, const SentenceVector& expected) {
  const auto embedded = EmbedSentence(encoder);
  if (!embedded.ok()) return embedded.status();
  double dot = 0, length = 0, expected_length = 0, difference = 0;
  for (size_t axis = 0; axis < expected.vector.size(); ++axis) {
    const double a = embedded->vector[axis], b = expected.vector[axis];
    dot += a * b;
    length += a * a;
    expected_length += b * b;
    difference += (a - b) * (a - b);
  }
  const double cosine = dot / std::sqrt(length * expected_length);
  const double relative_difference = std::sqrt(difference / expected_length);
  // Written so that NaN fails.
  const bool agrees = encoder.info().precision == "float32"
                          ? relative_difference <= kFloat32DifferenceMax
                          : cosine >= kBfloat16CosineMin;
  if (agrees) return absl::OkStatus();
  return absl::InternalError(fmt::format(
      "model '{}' fails its self-test: at level {} the vector of a sentence differs from the one "
      "at level {} by {:.2g} (cosine {:.6f}); choose another level with --encoder-isa",
      encoder.info().name, embedded->level, expected.level, relative_difference, cosine));
}

}  // namespace simile

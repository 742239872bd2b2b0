#include "tests/support/hashing_encoder.h"

#include <algorithm>
#include <cmath>
#include <sstream>

namespace simile {
namespace {

constexpr uint32_t kBoundaryToken = 0;  // First and last id of every sequence.
constexpr uint32_t kVocabularySize = 1 << 20;

uint32_t WordId(std::string_view word) {
  // FNV-1a, 32 bits.
  uint32_t hash = 2'166'136'261u;
  for (const char c : word) hash = (hash ^ static_cast<unsigned char>(c)) * 16'777'619u;
  return 1 + hash % (kVocabularySize - 1);
}

class WordTokenizer final : public Tokenizer {
 public:
  TokenSequence Encode(std::string_view text, size_t tokens_max) const override {
    TokenSequence sequence{.ids = {kBoundaryToken}};
    std::istringstream words{std::string(text)};
    for (std::string word; words >> word;) {
      if (sequence.ids.size() + 1 == tokens_max) {
        sequence.truncated = true;
        break;
      }
      sequence.ids.push_back(WordId(word));
    }
    sequence.ids.push_back(kBoundaryToken);
    return sequence;
  }
  std::string_view TokenText(uint32_t id) const override {
    return id == kBoundaryToken ? "[BOUNDARY]" : "[WORD]";
  }
  size_t vocabulary_size() const override { return kVocabularySize; }
};

}  // namespace

HashingEncoder::HashingEncoder(const std::string& name, size_t dimension, size_t tokens_max,
                               const std::string& fingerprint)
    : info_{.name = name,
            .architecture = "hashing",
            .pooling = "mean",
            .normalized = true,
            .dimension = dimension,
            .hidden_size = dimension,
            .tokens_max = tokens_max,
            .fingerprint = fingerprint,
            .instruction_set = "none",
            .precision = "float32",
            .prompts = {{.name = "finding", .text = "find "}}},
      tokenizer_(std::make_unique<WordTokenizer>()),
      one_among_zeros_(2 * dimension) {
  one_among_zeros_[dimension] = 1;
}

std::unique_ptr<Encoder::Workspace> HashingEncoder::NewWorkspace() const {
  return std::make_unique<Workspace>();
}

std::span<const float> HashingEncoder::InputVector(uint32_t id) const {
  const size_t axis = id % info_.dimension;
  return std::span(one_among_zeros_).subspan(info_.dimension - axis, info_.dimension);
}

absl::Status HashingEncoder::RunWith(const EncoderRunOptions& options, const PackedBatch& batch,
                                     Workspace&, std::span<float> vectors) const {
  for (size_t sequence = 0; sequence < batch.sequence_count(); ++sequence) {
    const std::span<float> vector = vectors.subspan(sequence * info_.dimension, info_.dimension);
    for (float& component : vector) component = 0;
    // A little of a fixed direction, so that no text is the zero vector.
    vector[0] = 0.25f;
    for (uint32_t at = batch.sequence_start[sequence]; at < batch.sequence_start[sequence + 1];
         ++at) {
      if (batch.ids[at] != kBoundaryToken) vector[batch.ids[at] % info_.dimension] += 1;
      if (options.token_vectors.empty()) continue;
      const std::span<float> row =
          options.token_vectors.subspan(at * info_.hidden_size, info_.hidden_size);
      std::ranges::fill(row, 0);
      row[batch.ids[at] % info_.hidden_size] += 1;
      if (at > batch.sequence_start[sequence]) row[batch.ids[at - 1] % info_.hidden_size] += 0.5f;
    }
    float squares = 0;
    for (const float component : vector) squares += component * component;
    for (float& component : vector) component /= std::sqrt(squares);
    ++texts_encoded_;
  }
  return absl::OkStatus();
}

}  // namespace simile

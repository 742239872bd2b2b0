#include "bench/bench_vectors.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <fstream>
#include <random>
#include <string_view>

#include "bench/text_corpus.h"
#include "embedder/encoder_service.h"
#include "fmt/format.h"

namespace simile {
namespace {

// The fvecs format of the field: per vector its dimension as int32, then the floats.
BenchVectors ReadVectors(const std::string& path, size_t count) {
  std::ifstream file(path, std::ios::binary);
  BenchVectors vectors;
  for (int32_t dimension = 0; vectors.size() < count || vectors.dimension == 0;) {
    if (!file.read(reinterpret_cast<char*>(&dimension), sizeof(dimension))) break;
    vectors.dimension = static_cast<size_t>(std::clamp(dimension, 1, 65'536));
    const size_t size = vectors.floats.size();
    vectors.floats.resize(size + vectors.dimension);
    const auto bytes = static_cast<std::streamsize>(vectors.dimension * sizeof(float));
    if (!file.read(reinterpret_cast<char*>(vectors.floats.data() + size), bytes)) {
      vectors.floats.resize(size);
      break;
    }
  }
  return vectors;
}

void WriteVectors(const std::string& path, const BenchVectors& vectors) {
  std::ofstream file(path, std::ios::binary);
  const auto dimension = static_cast<int32_t>(vectors.dimension);
  for (size_t at = 0; at < vectors.size(); ++at) {
    file.write(reinterpret_cast<const char*>(&dimension), sizeof(dimension));
    file.write(reinterpret_cast<const char*>(vectors[at].data()),
               static_cast<std::streamsize>(vectors.dimension * sizeof(float)));
  }
}

}  // namespace

absl::StatusOr<BenchVectors> EmbeddedTexts(const std::string& model, const std::string& texts,
                                           size_t count) {
  const std::string kept = texts + ".fvecs";
  BenchVectors vectors = ReadVectors(kept, count);
  if (vectors.size() >= count) return vectors;
  const std::vector<std::string> corpus = ReadCorpus(texts, count);
  if (corpus.size() < count) {
    return absl::InvalidArgumentError(
        fmt::format("{} has {} texts; {} are needed", texts, corpus.size(), count));
  }
  auto encoder = LoadEncoder(model);
  if (!encoder.ok()) return encoder.status();
  vectors = {.dimension = (*encoder)->info().dimension};
  EncoderService service(*std::move(encoder), {});
  const std::vector<std::string_view> views(corpus.begin(), corpus.end());
  const auto result = service.Encode(views, {.lane = EncodeLane::kIngest, .waits_for_room = true});
  if (!result.ok()) return result.status();
  for (const Embedding& embedding : result->embeddings) {
    vectors.floats.insert(vectors.floats.end(), embedding.vector.begin(), embedding.vector.end());
  }
  WriteVectors(kept, vectors);
  return vectors;
}

BenchVectors SyntheticVectors(size_t count, size_t dimension) {
  constexpr size_t kClusters = 1'000, kLatent = 30;
  constexpr float kNoise = 0.3f;
  std::mt19937_64 random(42);
  std::normal_distribution<float> normal;
  std::vector<float> map(dimension * kLatent), centers(kClusters * kLatent), latent(kLatent);
  for (float& entry : map) entry = normal(random) / std::sqrt(static_cast<float>(kLatent));
  for (float& coordinate : centers) coordinate = normal(random);
  BenchVectors vectors{.dimension = dimension, .floats = std::vector<float>(count * dimension)};
  for (size_t at = 0; at < count; ++at) {
    const size_t cluster = random() % kClusters;
    for (size_t axis = 0; axis < kLatent; ++axis) {
      latent[axis] = centers[cluster * kLatent + axis] + normal(random);
    }
    float* const vector = vectors.floats.data() + at * dimension;
    float squares = 0;
    for (size_t axis = 0; axis < dimension; ++axis) {
      float sum = kNoise * normal(random);
      for (size_t inner = 0; inner < kLatent; ++inner) {
        sum += map[axis * kLatent + inner] * latent[inner];
      }
      vector[axis] = sum;
      squares += sum * sum;
    }
    for (size_t axis = 0; axis < dimension; ++axis) vector[axis] /= std::sqrt(squares);
  }
  return vectors;
}

}  // namespace simile

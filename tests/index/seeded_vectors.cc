#include "tests/index/seeded_vectors.h"

#include <random>
#include <unordered_set>

namespace simile {
namespace {

constexpr size_t kPlaneDimension = 24;
constexpr float kNoise = 0.05f;

// Roughly normal, of variance 1; std::normal_distribution differs between libraries.
class Random {
 public:
  explicit Random(uint32_t seed) : bits_(seed) {}

  float Next() {
    constexpr int kUniforms = 12;
    float sum = 0;
    for (int i = 0; i < kUniforms; ++i) sum += static_cast<float>(bits_() >> 8) * 0x1p-24f;
    return sum - kUniforms / 2.0f;
  }

 private:
  std::mt19937 bits_;
};

}  // namespace

SeededVectors::SeededVectors(size_t count, size_t dimension, uint32_t seed)
    : dimension_(dimension), components_(count * dimension) {
  // The plane is the same for all seeds, so that queries of another seed lie among the vectors.
  Random plane_random(7);
  std::vector<float> plane(kPlaneDimension * dimension);
  for (float& component : plane) component = plane_random.Next();
  Random random(seed);
  std::vector<float> position(kPlaneDimension);
  for (size_t at = 0; at < count; ++at) {
    for (float& component : position) component = random.Next();
    for (size_t column = 0; column < dimension; ++column) {
      float sum = kNoise * random.Next();
      for (size_t row = 0; row < kPlaneDimension; ++row) {
        sum += position[row] * plane[row * dimension + column];
      }
      components_[at * dimension + column] = sum;
    }
  }
}

double RecallOf(const VectorIndex& index, const VectorIndex& truth, const SeededVectors& queries,
                size_t k) {
  size_t found = 0;
  size_t wanted = 0;
  for (size_t at = 0; at < queries.size(); ++at) {
    const auto expected = truth.Search(queries[at], {.k = k, .exact = true});
    const auto answer = index.Search(queries[at], {.k = k, .strategy = SearchStrategy::kGraph});
    if (!expected.ok() || !answer.ok()) return 0;
    const std::vector<uint64_t> labels = LabelsOf(*answer);
    const std::unordered_set<uint64_t> answered(labels.begin(), labels.end());
    for (const uint64_t label : LabelsOf(*expected)) found += answered.count(label);
    wanted += expected->neighbors.size();
  }
  return wanted == 0 ? 0 : static_cast<double>(found) / static_cast<double>(wanted);
}

std::vector<uint64_t> LabelsOf(const SearchAnswer& answer) {
  std::vector<uint64_t> labels;
  for (const Neighbor& neighbor : answer.neighbors) labels.push_back(neighbor.label);
  return labels;
}

}  // namespace simile

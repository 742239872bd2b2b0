#include <gtest/gtest.h>

#include <map>
#include <random>

#include "index/auto_index.h"
#include "index/vector_index.h"
#include "tests/index/seeded_vectors.h"
#include "tests/support/status_matchers.h"

namespace simile {
namespace {

constexpr size_t kDimension = 6;
constexpr size_t kSteps = 3000;
constexpr uint64_t kLabels = 150;

// Random changes against a map: whatever the order of inserts, replacements and removals, an index
// holds what the map holds.
void CompareWithMap(VectorIndex& index, uint32_t seed) {
  SCOPED_TRACE(::testing::Message() << "seed " << seed);
  const SeededVectors vectors(kSteps, kDimension, seed);
  std::map<uint64_t, size_t> model;  // Label to position in `vectors`.
  std::mt19937 random(seed);
  for (size_t step = 0; step < kSteps; ++step) {
    const uint64_t label = random() % kLabels;
    if (random() % 3 == 0) {
      ASSERT_EQ(index.Remove(label), model.erase(label) > 0) << "step " << step;
    } else {
      ASSERT_THAT(index.Upsert(label, vectors[step]), IsOk());
      model[label] = step;
    }
    if (step % 20 != 0) continue;
    ASSERT_EQ(index.Statistics().vector_count, model.size()) << "step " << step;
    const auto all = index.Search(vectors[random() % kSteps], {.k = kLabels});
    ASSERT_THAT(all, IsOk());
    ASSERT_EQ(all->neighbors.size(), model.size()) << "step " << step;
    for (const Neighbor& neighbor : all->neighbors) ASSERT_TRUE(model.contains(neighbor.label));
    if (model.empty()) continue;
    const auto& [some_label, position] = *model.begin();
    const auto nearest = index.Search(vectors[position], {.k = 1, .ef_search = 60});
    ASSERT_THAT(nearest, IsOk());
    ASSERT_EQ(nearest->neighbors.size(), 1u);
    ASSERT_EQ(nearest->neighbors.front().label, some_label) << "step " << step;
    ASSERT_EQ(nearest->neighbors.front().distance, 0);
  }
}

TEST(IndexModelTest, TheScanHoldsWhatAMapHolds) {
  for (uint32_t seed = 1; seed <= 5; ++seed) {
    const auto index = NewVectorIndex(
        {.dimension = kDimension, .metric = Metric::kEuclidean, .engine = IndexEngine::kFlat});
    CompareWithMap(**index, seed);
  }
}

TEST(IndexModelTest, TheGraphHoldsWhatAMapHolds) {
  for (uint32_t seed = 1; seed <= 5; ++seed) {
    const auto index = NewVectorIndex(
        {.dimension = kDimension, .metric = Metric::kEuclidean, .engine = IndexEngine::kHnswlib});
    CompareWithMap(**index, seed);
  }
}

TEST(IndexModelTest, AnIndexThatChangesItsEngineHoldsWhatAMapHolds) {
  for (uint32_t seed = 1; seed <= 5; ++seed) {
    AutoIndex index({.dimension = kDimension, .metric = Metric::kEuclidean}, 40);
    CompareWithMap(index, seed);
  }
}

}  // namespace
}  // namespace simile

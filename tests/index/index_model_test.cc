#include <gtest/gtest.h>

#include <map>
#include <random>

#include "index/vector_index.h"
#include "tests/index/index_engines.h"
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
    const auto nearest = index.Search(
        vectors[position], {.k = 1, .ef_search = 60, .strategy = SearchStrategy::kGraph});
    ASSERT_THAT(nearest, IsOk());
    ASSERT_EQ(nearest->neighbors.size(), 1u);
    ASSERT_EQ(nearest->neighbors.front().label, some_label) << "step " << step;
    ASSERT_EQ(nearest->neighbors.front().distance, 0);
  }
}

class IndexModelTest : public ::testing::TestWithParam<IndexMaker> {};

TEST_P(IndexModelTest, HoldsWhatAMapHolds) {
  for (uint32_t seed = 1; seed <= 5; ++seed) {
    CompareWithMap(*GetParam().make({.dimension = kDimension, .metric = Metric::kEuclidean}), seed);
  }
}

INSTANTIATE_TEST_SUITE_P(EveryIndex, IndexModelTest, ::testing::ValuesIn(AllIndexMakers()),
                         [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace simile

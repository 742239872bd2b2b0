#include <gtest/gtest.h>

#include "tests/index/index_engines.h"
#include "tests/index/seeded_vectors.h"
#include "tests/support/status_matchers.h"

namespace simile {
namespace {

class RecallTest : public ::testing::TestWithParam<IndexMaker> {
 protected:
  static std::unique_ptr<VectorIndex> Truth(const IndexSettings& settings) {
    return AllIndexMakers().front().make(settings);
  }
};

TEST_P(RecallTest, NineteenOfTwentyNeighborsAreFoundAtTheDefaults) {
  const SeededVectors vectors(5000, 64, 1), queries(100, 64, 2);
  for (const Metric metric : {Metric::kCosine, Metric::kEuclidean}) {
    const IndexSettings settings = {.dimension = 64, .metric = metric};
    const auto index = GetParam().make(settings);
    const auto truth = Truth(settings);
    for (size_t at = 0; at < vectors.size(); ++at) {
      ASSERT_THAT(index->Upsert(at, vectors[at]), IsOk());
      ASSERT_THAT(truth->Upsert(at, vectors[at]), IsOk());
    }
    EXPECT_GE(RecallOf(*index, *truth, queries, 10), 0.95);
  }
}

TEST_P(RecallTest, RecallSurvivesReplacementAndRemoval) {
  const SeededVectors vectors(6000, 32, 3), queries(100, 32, 4);
  const IndexSettings settings = {.dimension = 32};
  const auto index = GetParam().make(settings);
  const auto truth = Truth(settings);
  for (VectorIndex* one : {index.get(), truth.get()}) {
    for (uint64_t label = 0; label < 2000; ++label) {
      ASSERT_THAT(one->Upsert(label, vectors[label]), IsOk());
    }
    for (size_t at = 2000; at < vectors.size(); ++at) {
      ASSERT_THAT(one->Upsert(at % 2000, vectors[at]), IsOk());
      if (at % 5 == 0) one->Remove((at + 1000) % 2000);
    }
  }
  ASSERT_EQ(index->Statistics().vector_count, truth->Statistics().vector_count);
  EXPECT_GE(RecallOf(*index, *truth, queries, 10), 0.95);
}

INSTANTIATE_TEST_SUITE_P(EveryIndex, RecallTest, ::testing::ValuesIn(AllIndexMakers()),
                         [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace simile

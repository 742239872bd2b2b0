#include <gtest/gtest.h>

#include "tests/index/seeded_vectors.h"
#include "tests/support/status_matchers.h"

namespace simile {
namespace {

TEST(RecallTest, TheGraphFindsNineteenOfTwentyNeighborsAtItsDefaults) {
  const SeededVectors vectors(5000, 64, 1), queries(100, 64, 2);
  for (const Metric metric : {Metric::kCosine, Metric::kEuclidean}) {
    const auto graph =
        NewVectorIndex({.dimension = 64, .metric = metric, .engine = IndexEngine::kHnswlib});
    const auto truth =
        NewVectorIndex({.dimension = 64, .metric = metric, .engine = IndexEngine::kFlat});
    for (size_t at = 0; at < vectors.size(); ++at) {
      ASSERT_THAT((*graph)->Upsert(at, vectors[at]), IsOk());
      ASSERT_THAT((*truth)->Upsert(at, vectors[at]), IsOk());
    }
    EXPECT_GE(RecallOf(**graph, **truth, queries, 10), 0.95);
  }
}

TEST(RecallTest, RecallSurvivesReplacementAndRemoval) {
  const SeededVectors vectors(6000, 32, 3), queries(100, 32, 4);
  const auto graph = NewVectorIndex({.dimension = 32, .engine = IndexEngine::kHnswlib});
  const auto truth = NewVectorIndex({.dimension = 32, .engine = IndexEngine::kFlat});
  for (VectorIndex* index : {graph->get(), truth->get()}) {
    for (uint64_t label = 0; label < 2000; ++label) {
      ASSERT_THAT(index->Upsert(label, vectors[label]), IsOk());
    }
    for (size_t at = 2000; at < vectors.size(); ++at) {
      ASSERT_THAT(index->Upsert(at % 2000, vectors[at]), IsOk());
      if (at % 5 == 0) index->Remove((at + 1000) % 2000);
    }
  }
  ASSERT_EQ((*graph)->Statistics().vector_count, (*truth)->Statistics().vector_count);
  EXPECT_GE(RecallOf(**graph, **truth, queries, 10), 0.95);
}

}  // namespace
}  // namespace simile

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "tests/index/index_engines.h"
#include "tests/index/seeded_vectors.h"
#include "tests/support/status_matchers.h"

namespace simile {
namespace {

// Recall of an index and of the scan over the same vectors, built by two threads as a start does.
double RecallWhenBuiltByTwo(VectorIndex& index, const SeededVectors& vectors,
                            const SeededVectors& queries) {
  const auto truth = AllIndexMakers().front().make({.dimension = vectors.dimension()});
  std::vector<std::thread> builders;
  for (size_t first = 0; first < 2; ++first) {
    builders.emplace_back([&, first] {
      for (size_t at = first; at < vectors.size(); at += 2) {
        ASSERT_THAT(index.Upsert(at, vectors[at]), IsOk());
        ASSERT_THAT(truth->Upsert(at, vectors[at]), IsOk());
      }
    });
  }
  for (std::thread& builder : builders) builder.join();
  return RecallOf(index, *truth, queries, 10);
}

class RecallLargeTest : public ::testing::TestWithParam<IndexEngine> {};

TEST_P(RecallLargeTest, TwentyThousandVectorsAtTheDefaults) {
  const SeededVectors vectors(20'000, 384, 1), queries(200, 384, 2);
  const auto index = NewVectorIndex({.dimension = 384, .engine = GetParam()});
  EXPECT_GE(RecallWhenBuiltByTwo(**index, vectors, queries), 0.95);
}

INSTANTIATE_TEST_SUITE_P(Graphs, RecallLargeTest,
                         ::testing::Values(IndexEngine::kAuto, IndexEngine::kHnswlib),
                         [](const auto& test) {
                           return test.param == IndexEngine::kAuto ? "Auto" : "Hnswlib";
                         });

TEST(RecallOfTwoChunksTest, SlotsBeyondTheFirstChunkAreFoundLikeOthers) {
  const SeededVectors vectors(70'000, 16, 1), queries(200, 16, 2);
  for (const CodeFormat codes : {CodeFormat::kSq8, CodeFormat::kSq4}) {
    const auto index = NewHnswIndex({.dimension = 16, .ef_construction = 100}, codes);
    EXPECT_GE(RecallWhenBuiltByTwo(*index, vectors, queries), 0.95);
  }
}

}  // namespace
}  // namespace simile

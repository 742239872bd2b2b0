#include "index/auto_index.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/index/seeded_vectors.h"
#include "tests/support/status_matchers.h"

namespace simile {
namespace {

using ::testing::SizeIs;

constexpr size_t kScanMax = 100;

class AutoIndexTest : public ::testing::Test {
 protected:
  SearchStrategy StrategyNow() const {
    const auto answer =
        index_.Search(vectors_[0], {.k = 3, .ef_search = 10, .strategy = SearchStrategy::kGraph});
    EXPECT_THAT(answer, IsOk());
    return answer->strategy;
  }

  void Add(size_t first, size_t end) {
    for (size_t at = first; at < end; ++at) ASSERT_THAT(index_.Upsert(at, vectors_[at]), IsOk());
  }

  const SeededVectors vectors_{400, 16, 1};
  AutoIndex index_{{.dimension = 16}, kScanMax};
};

TEST_F(AutoIndexTest, ScansWhileSmallAndSearchesTheGraphOnceItIsNot) {
  Add(0, kScanMax);
  EXPECT_EQ(StrategyNow(), SearchStrategy::kExactScan);
  Add(kScanMax, vectors_.size());
  EXPECT_EQ(StrategyNow(), SearchStrategy::kGraph);
  EXPECT_EQ(index_.Statistics().vector_count, vectors_.size());
}

TEST_F(AutoIndexTest, EveryVectorIsFoundAtEveryStepOfTheMove) {
  for (size_t at = 0; at < vectors_.size(); ++at) {
    Add(at, at + 1);
    if (at < kScanMax - 2 || at > kScanMax + 40) continue;
    const auto answer = index_.Search(vectors_[at], {.k = at + 1});
    ASSERT_THAT(answer, IsOk());
    EXPECT_THAT(answer->neighbors, SizeIs(at + 1));
    EXPECT_EQ(answer->neighbors.front().label, at);
  }
}

TEST_F(AutoIndexTest, WhatIsRemovedDuringTheMoveStaysRemoved) {
  Add(0, kScanMax + 2);
  for (uint64_t label = 0; label < kScanMax; label += 2) EXPECT_TRUE(index_.Remove(label));
  Add(kScanMax + 2, vectors_.size());
  const auto answer = index_.Search(vectors_[0], {.k = vectors_.size()});
  ASSERT_THAT(answer, IsOk());
  EXPECT_THAT(answer->neighbors, SizeIs(vectors_.size() - kScanMax / 2));
  for (const Neighbor& neighbor : answer->neighbors) {
    EXPECT_TRUE(neighbor.label % 2 == 1 || neighbor.label >= kScanMax);
  }
}

TEST_F(AutoIndexTest, WhatIsReplacedDuringTheMoveIsFoundAtItsNewPlace) {
  Add(0, kScanMax + 2);
  for (uint64_t label = 0; label < kScanMax; ++label) {
    ASSERT_THAT(index_.Upsert(label, vectors_[label + 200]), IsOk());
  }
  for (uint64_t label = 0; label < kScanMax; ++label) {
    const auto answer = index_.Search(vectors_[label + 200], {.k = 1});
    ASSERT_THAT(answer, IsOk());
    EXPECT_EQ(answer->neighbors.front().label, label);
    EXPECT_NEAR(answer->neighbors.front().distance, 0, 1e-5);
  }
  EXPECT_EQ(index_.Statistics().vector_count, kScanMax + 2);
}

TEST_F(AutoIndexTest, TheScansMemoryIsFreedAfterTheMove) {
  Add(0, kScanMax + 2);
  const size_t moving = index_.Statistics().memory.total();
  Add(kScanMax + 2, kScanMax + 30);
  EXPECT_LT(index_.Statistics().memory.total(), moving);
}

}  // namespace
}  // namespace simile

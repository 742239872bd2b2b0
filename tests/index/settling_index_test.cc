#include "index/settling_index.h"

#include <gtest/gtest.h>

#include <memory>

#include "base/bit_set.h"
#include "tests/index/index_engines.h"
#include "tests/index/seeded_vectors.h"
#include "tests/support/status_matchers.h"

namespace simile {
namespace {

constexpr size_t kDimension = 16;
constexpr size_t kInGraph = 3'000, kWaiting = 2'000, k = 10;

class SettlingIndexTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (size_t at = 0; at < kInGraph; ++at) {
      ASSERT_THAT(settling_.index()->Upsert(at, vectors_[at]), IsOk());
    }
    for (size_t at = kInGraph; at < vectors_.size(); ++at) {
      ASSERT_THAT(settling_.Defer(at, vectors_[at]), IsOk());
    }
  }

  // The labels from `first` up to `end`.
  static LabelSet Labels(uint64_t first, uint64_t end) {
    BitSet labels(end);
    for (uint64_t label = first; label < end; ++label) labels.Add(label);
    return LabelSet(std::move(labels));
  }

  SearchAnswer Searched(const LabelSet& filter) const {
    const auto answer = settling_.Search(query_[0], {.k = k, .ef_search = 32, .filter = &filter});
    EXPECT_THAT(answer, IsOk());
    return *answer;
  }

  const SeededVectors vectors_{kInGraph + kWaiting, kDimension, 1};
  const SeededVectors query_{1, kDimension, 2};
  SettlingIndex settling_{NewHnswIndex({.dimension = kDimension}, CodeFormat::kSq8)};
};

TEST_F(SettlingIndexTest, NobodyLooksInTheGraphForWhatWaits) {
  const SearchAnswer answer = Searched(Labels(kInGraph, kInGraph + kWaiting));
  EXPECT_EQ(answer.neighbors.size(), k);
  EXPECT_EQ(answer.strategy, SearchStrategy::kExactScan);
  EXPECT_EQ(answer.work.nodes_visited, 0u);
  EXPECT_LE(answer.work.vectors_compared, kWaiting);
  EXPECT_EQ(answer.estimate.candidates, kWaiting);
}

TEST_F(SettlingIndexTest, AFilterOfBothFindsTheNearestOfBoth) {
  const LabelSet filter = Labels(kInGraph - 5, kInGraph + 5);
  const SearchAnswer answer = Searched(filter);
  ASSERT_EQ(answer.neighbors.size(), k);
  for (const Neighbor& neighbor : answer.neighbors) EXPECT_TRUE(filter.Contains(neighbor.label));
}

TEST_F(SettlingIndexTest, WhatPassesIsFoundWhileItSettles) {
  const std::atomic<bool> stop{false};
  ASSERT_THAT(settling_.Settle(1, stop), IsOk());
  EXPECT_EQ(Searched(Labels(kInGraph, kInGraph + kWaiting)).neighbors.size(), k);
  EXPECT_EQ(settling_.Statistics().waiting_count, 0u);
}

}  // namespace
}  // namespace simile

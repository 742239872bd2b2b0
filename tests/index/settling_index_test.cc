#include "index/settling_index.h"

#include <gtest/gtest.h>

#include <memory>
#include <utility>
#include <vector>

#include "base/bit_set.h"
#include "tests/index/index_engines.h"
#include "tests/index/seeded_vectors.h"
#include "tests/support/status_matchers.h"

namespace simile {
namespace {

constexpr size_t kDimension = 16;
constexpr size_t kInGraph = 3'000, kWaiting = 2'000, k = 10;

// An index into which vectors are put just before it is searched, as Settle does beside a search
// that has scanned what waits.
class MovingIndex final : public VectorIndex {
 public:
  explicit MovingIndex(std::unique_ptr<VectorIndex> index) : index_(std::move(index)) {}

  void MoveBeforeSearch(uint64_t label, std::span<const float> vector) {
    moved_.emplace_back(label, vector);
  }

  absl::Status Upsert(uint64_t label, std::span<const float> vector) override {
    return index_->Upsert(label, vector);
  }
  bool Remove(uint64_t label) override { return index_->Remove(label); }
  absl::StatusOr<SearchAnswer> Search(std::span<const float> query,
                                      const SearchOptions& options) const override {
    return index_->Search(query, options);
  }
  std::vector<absl::StatusOr<SearchAnswer>> SearchBatch(
      std::span<const BatchQuery> queries) const override {
    for (const auto& [label, vector] : moved_) EXPECT_THAT(index_->Upsert(label, vector), IsOk());
    return index_->SearchBatch(queries);
  }
  size_t dimension() const override { return index_->dimension(); }
  Metric metric() const override { return index_->metric(); }
  IndexStatistics Statistics() const override { return index_->Statistics(); }

 private:
  const std::unique_ptr<VectorIndex> index_;
  std::vector<std::pair<uint64_t, std::span<const float>>> moved_;
};

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

  SearchAnswer Searched(const LabelSet& filter, size_t wanted = k) const {
    const auto answer =
        settling_.Search(query_[0], {.k = wanted, .ef_search = 32, .filter = &filter});
    EXPECT_THAT(answer, IsOk());
    return *answer;
  }

  const SeededVectors vectors_{kInGraph + kWaiting, kDimension, 1};
  const SeededVectors query_{1, kDimension, 2};
  const std::shared_ptr<MovingIndex> moving_ =
      std::make_shared<MovingIndex>(NewHnswIndex({.dimension = kDimension}, CodeFormat::kSq8));
  SettlingIndex settling_{moving_};
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

TEST_F(SettlingIndexTest, AllThatPassesIsFoundWhenSomeOfItIsMovedMeanwhile) {
  // As many as pass, so that nothing is left over; half of what waits is found twice.
  const LabelSet filter = Labels(kInGraph - 700, kInGraph + 700);
  for (size_t at = kInGraph; at < kInGraph + 350; ++at) {
    moving_->MoveBeforeSearch(at, vectors_[at]);
  }
  EXPECT_EQ(Searched(filter, filter.count()).neighbors.size(), filter.count());
}

TEST_F(SettlingIndexTest, WhatPassesIsFoundAfterItSettled) {
  const std::atomic<bool> stop{false};
  ASSERT_THAT(settling_.Settle(1, stop), IsOk());
  EXPECT_EQ(Searched(Labels(kInGraph, kInGraph + kWaiting)).neighbors.size(), k);
  EXPECT_EQ(settling_.Statistics().waiting_count, 0u);
}

}  // namespace
}  // namespace simile

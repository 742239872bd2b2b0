// Queries that are asked again to see what their answers were worth.
#include "server/engine/recall_sampler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "tests/support/status_matchers.h"

namespace simile {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

class RecallSamplerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto index = NewVectorIndex(
        {.dimension = 2, .metric = Metric::kEuclidean, .engine = IndexEngine::kFlat});
    ASSERT_THAT(index, IsOk());
    index_ = *std::move(index);
    for (uint64_t label = 0; label < 20; ++label) {
      const float vector[] = {static_cast<float>(label), 0};
      ASSERT_THAT(index_->Upsert(label, vector), IsOk());
    }
  }

  // What the log has once the sample has been asked again.
  std::vector<LiveRecall> After(RecallSample sample) {
    RecallSampler sampler(1);
    sample.index = index_;
    sample.log = log_;
    sample.query = {0, 0};
    const size_t before = SampleCount();
    sampler.Offer(std::move(sample));
    for (int turn = 0; turn < 10'000 && SampleCount() == before; ++turn) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return log_->Read();
  }

  size_t SampleCount() const {
    size_t count = 0;
    for (const LiveRecall& recall : log_->Read()) count += recall.sample_count;
    return count;
  }

  std::shared_ptr<VectorIndex> index_;
  std::shared_ptr<RecallLog> log_ = std::make_shared<RecallLog>();
};

TEST_F(RecallSamplerTest, TheShareOfTheTrueNeighborsIsLogged) {
  After({.k = 4, .found = {0, 1, 2, 3}});
  const std::vector<LiveRecall> logged = After({.k = 4, .found = {0, 1, 9, 8}});
  ASSERT_THAT(logged, SizeIs(1));
  EXPECT_EQ(logged[0].sample_count, 2u);
  EXPECT_FALSE(logged[0].is_filtered);
  EXPECT_DOUBLE_EQ(logged[0].recall, 0.75);
  EXPECT_DOUBLE_EQ(logged[0].recall_min, 0.5);
  EXPECT_EQ(logged[0].short_count, 0u);
}

TEST_F(RecallSamplerTest, StrategiesAndFiltersAreToldApart) {
  BitSet labels(20);
  for (const size_t label : {5u, 7u, 9u}) labels.Add(label);
  After({.k = 4, .labels = LabelSet(labels), .found = {5, 7}, .strategy = SearchStrategy::kTwoHop});
  const std::vector<LiveRecall> logged = After({.k = 2, .found = {0, 1}});
  ASSERT_THAT(logged, SizeIs(2));
  EXPECT_EQ(logged[1].strategy, SearchStrategy::kTwoHop);
  EXPECT_TRUE(logged[1].is_filtered);
  EXPECT_NEAR(logged[1].recall, 2.0 / 3, 1e-9);
  EXPECT_EQ(logged[1].short_count, 1u);
}

TEST_F(RecallSamplerTest, WantsOneOfSoManyAndNoneWhenTurnedOff) {
  RecallSampler seldom(10), never(0);
  size_t wanted = 0;
  for (int query = 0; query < 100; ++query) {
    wanted += seldom.IsWanted() ? 1 : 0;
    EXPECT_FALSE(never.IsWanted());
  }
  EXPECT_EQ(wanted, 10u);
  EXPECT_THAT(log_->Read(), IsEmpty());
}

}  // namespace
}  // namespace simile

// Which text is next: the queue of one lane, and the two lanes together.
#include "embedder/encode_lanes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace simile {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::SizeIs;

constexpr size_t kTextTokensMax = 256;
constexpr size_t kBatchTokensMax = 512;

// A text of that length whose ids are all `id`.
std::vector<uint32_t> Text(size_t length, uint32_t id) { return std::vector<uint32_t>(length, id); }

std::vector<size_t> LengthsOf(const std::vector<WaitingText>& texts) {
  std::vector<size_t> lengths;
  for (const WaitingText& text : texts) lengths.push_back(text.ids.size());
  return lengths;
}

TEST(EncodeQueueTest, ATextIsTakenOnceAndInTheOrderOfArrival) {
  EncodeQueue queue(kTextTokensMax);
  for (uint32_t id = 1; id <= 3; ++id) EXPECT_TRUE(queue.Add(Text(10, id), {}));
  EXPECT_EQ(queue.tokens(), 30u);
  std::vector<uint32_t> first_ids;
  for (const WaitingText& text : queue.Take(1'000)) first_ids.push_back(text.ids[0]);
  EXPECT_THAT(first_ids, ElementsAre(1, 2, 3));
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(queue.tokens(), 0u);
  EXPECT_THAT(queue.Take(1'000), SizeIs(0));
}

TEST(EncodeQueueTest, EqualTextsWaitAsOneWithAllTheirRecipients) {
  EncodeQueue queue(kTextTokensMax);
  EXPECT_TRUE(queue.Add(Text(10, 1), {.position = 3}));
  EXPECT_TRUE(queue.Add(Text(11, 1), {.position = 4}));
  EXPECT_FALSE(queue.Add(Text(10, 1), {.position = 5}));
  EXPECT_EQ(queue.tokens(), 21u);
  const std::vector<WaitingText> taken = queue.Take(10);
  ASSERT_THAT(taken, SizeIs(1));
  ASSERT_THAT(taken[0].recipients, SizeIs(2));
  EXPECT_EQ(taken[0].recipients[0].position, 3u);
  EXPECT_EQ(taken[0].recipients[1].position, 5u);
}

TEST(EncodeQueueTest, ATextThatWasTakenIsNewWhenItComesAgain) {
  EncodeQueue queue(kTextTokensMax);
  queue.Add(Text(10, 1), {});
  queue.Take(10);
  EXPECT_TRUE(queue.Add(Text(10, 1), {}));
}

TEST(EncodeQueueTest, TextsOfSimilarLengthAreTakenTogether) {
  EncodeQueue queue(kTextTokensMax);
  for (uint32_t id = 0; id < 4; ++id) {
    queue.Add(Text(100 + id, id), {});
    queue.Add(Text(10 + id, id), {});
    queue.Add(Text(200 + id, id), {});
  }
  EXPECT_THAT(LengthsOf(queue.Take(406)), ElementsAre(100, 101, 102, 103));
  EXPECT_THAT(LengthsOf(queue.Take(46)), ElementsAre(10, 11, 12, 13));
}

TEST(EncodeQueueTest, TheTextThatWaitsLongestIsTakenFirstAndThenTheNearestInLength) {
  EncodeQueue queue(kTextTokensMax);
  queue.Add(Text(100, 1), {});
  queue.Add(Text(20, 1), {});
  queue.Add(Text(250, 1), {});
  queue.Add(Text(80, 1), {});
  EXPECT_THAT(LengthsOf(queue.Take(200)), ElementsAre(100, 80, 20));
  EXPECT_THAT(LengthsOf(queue.Take(200)), ElementsAre(250));
}

TEST(EncodeQueueTest, ATextLongerThanTheMicroBatchIsTakenAlone) {
  EncodeQueue queue(kTextTokensMax);
  queue.Add(Text(kTextTokensMax, 1), {});
  queue.Add(Text(kTextTokensMax, 2), {});
  EXPECT_THAT(LengthsOf(queue.Take(8)), ElementsAre(kTextTokensMax));
}

class EncodeLanesTest : public ::testing::Test {
 protected:
  // Texts that were never queued before.
  void Add(EncodeLane lane, size_t count, size_t length) {
    for (size_t text = 0; text < count; ++text) lanes_.Add(lane, Text(length, ++last_id_), {});
  }

  // Takes and finishes micro-batches; how many of queries came before the first of ingest.
  size_t QueryBatchesBeforeIngest() {
    for (size_t batches = 0;; ++batches) {
      const std::optional<MicroBatch> batch = lanes_.Take(0);
      lanes_.Finish(*batch);
      if (batch->lane == EncodeLane::kIngest) return batches;
    }
  }

  EncodeLanes lanes_{kBatchTokensMax, kTextTokensMax};
  uint32_t last_id_ = 0;
};

TEST_F(EncodeLanesTest, QueriesGoBeforeIngestThatCameEarlier) {
  Add(EncodeLane::kIngest, 1, 10);
  Add(EncodeLane::kQuery, 1, 10);
  EXPECT_EQ(lanes_.Take(0)->lane, EncodeLane::kQuery);
  EXPECT_EQ(lanes_.Take(0)->lane, EncodeLane::kIngest);
  EXPECT_FALSE(lanes_.Take(0).has_value());
}

TEST_F(EncodeLanesTest, IngestKeepsAFifthOfTheTokensHoweverManyQueriesCome) {
  Add(EncodeLane::kQuery, 1'000, 32);
  Add(EncodeLane::kIngest, 100, 32);
  EXPECT_EQ(QueryBatchesBeforeIngest(), 4u);
  EXPECT_EQ(QueryBatchesBeforeIngest(), 4u);
}

TEST_F(EncodeLanesTest, QueriesThatOvertookNobodyDoNotCount) {
  Add(EncodeLane::kQuery, 160, 32);
  for (int batch = 0; batch < 10; ++batch) lanes_.Finish(*lanes_.Take(0));
  Add(EncodeLane::kQuery, 1'000, 32);
  Add(EncodeLane::kIngest, 1, 32);
  EXPECT_EQ(QueryBatchesBeforeIngest(), 4u);
}

TEST_F(EncodeLanesTest, IngestIsInterruptedForFewQueriesAtOnceUntilItHasAged) {
  Add(EncodeLane::kIngest, 100, 32);
  const std::optional<MicroBatch> ingest = lanes_.Take(0);
  EXPECT_FALSE(lanes_.TakeBetweenSteps().has_value());
  Add(EncodeLane::kQuery, 1'000, 32);
  size_t overtaking = 0;
  while (const std::optional<MicroBatch> queries = lanes_.TakeBetweenSteps()) {
    EXPECT_EQ(queries->lane, EncodeLane::kQuery);
    EXPECT_LE(queries->tokens, 128u);
    lanes_.Finish(*queries);
    overtaking += queries->tokens;
  }
  EXPECT_EQ(overtaking, 4 * kBatchTokensMax);
  // What waits has aged too; another worker goes on with it.
  EXPECT_EQ(lanes_.Take(0)->lane, EncodeLane::kIngest);
  lanes_.Finish(*ingest);
  EXPECT_TRUE(lanes_.TakeBetweenSteps().has_value());
}

TEST_F(EncodeLanesTest, QueriesAreServedWhereIngestHasAgedButNoneWaits) {
  Add(EncodeLane::kIngest, 1, 32);
  const std::optional<MicroBatch> ingest = lanes_.Take(0);
  Add(EncodeLane::kQuery, 1'000, 32);
  while (lanes_.TakeBetweenSteps().has_value()) {
  }
  EXPECT_EQ(lanes_.Take(0)->lane, EncodeLane::kQuery);
}

TEST_F(EncodeLanesTest, AMicroBatchIsFullWhenAllWorkersAreBusy) {
  Add(EncodeLane::kIngest, 100, 32);
  EXPECT_EQ(lanes_.Take(0)->tokens, kBatchTokensMax);
}

TEST_F(EncodeLanesTest, WorkersThatWouldIdleAreLeftAnEvenShare) {
  Add(EncodeLane::kQuery, 12, 32);
  std::vector<size_t> shares;
  for (size_t idle = 4; idle-- > 0;) shares.push_back(lanes_.Take(idle)->tokens);
  EXPECT_THAT(shares, Each(12u * 32 / 4));
  EXPECT_TRUE(lanes_.empty());
}

TEST_F(EncodeLanesTest, TokensWithAWorkerCountAsQueued) {
  Add(EncodeLane::kQuery, 1, 10);
  Add(EncodeLane::kIngest, 1, 20);
  const std::optional<MicroBatch> query = lanes_.Take(0);
  EXPECT_EQ(lanes_.tokens_queued(EncodeLane::kQuery), 10u);
  EXPECT_EQ(lanes_.tokens_queued(EncodeLane::kIngest), 20u);
  lanes_.Finish(*query);
  EXPECT_EQ(lanes_.tokens_queued(EncodeLane::kQuery), 0u);
}

}  // namespace
}  // namespace simile

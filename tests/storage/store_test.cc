#include "storage/store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/storage/store_fixture.h"

namespace simile {
namespace {

using ::testing::ElementsAre;

class StoreTest : public StoreFixture {
 protected:
  void SetUp() override {
    StoreFixture::SetUp();
    collection_ = Create("texts");
  }

  uint32_t collection_ = 0;
};

TEST_F(StoreTest, APutDocumentIsReadBackWithEverything) {
  PutOperation put = Put("a", "first", {{0.5f, -1}});
  put.metadata["year"] = Value{int64_t{1999}};
  put.vector_source = VectorSource::kEncoder;
  put.token_count = 3;
  put.truncated = true;
  const CommitResult written = Write(collection_, {put});
  ASSERT_EQ(written.operations.size(), 1u);
  EXPECT_EQ(written.operations[0].effect, Effect::kCreated);
  EXPECT_EQ(written.operations[0].label, 1u);

  const auto document = Get(collection_, "a");
  ASSERT_TRUE(document.has_value());
  EXPECT_EQ(document->label, 1u);
  EXPECT_EQ(document->sequence, written.sequence);
  EXPECT_EQ(document->id, "a");
  EXPECT_EQ(document->text, "first");
  EXPECT_EQ(document->metadata, put.metadata);
  EXPECT_THAT(document->vector, ElementsAre(0.5f, -1));
  EXPECT_EQ(document->vector_source, VectorSource::kEncoder);
  EXPECT_EQ(document->token_count, 3u);
  EXPECT_TRUE(document->truncated);
}

TEST_F(StoreTest, AReplacedDocumentKeepsItsLabelAndNothingElse) {
  PutOperation first = Put("a", "first");
  first.metadata["only"] = Value{true};
  WriteOne(collection_, first);
  WriteOne(collection_, Put("b", "other"));
  const OperationResult replaced = WriteOne(collection_, Put("a", "second", {{7, 8}}));
  EXPECT_EQ(replaced.effect, Effect::kReplaced);
  EXPECT_EQ(replaced.label, 1u);
  const auto document = Get(collection_, "a");
  ASSERT_TRUE(document.has_value());
  EXPECT_EQ(document->text, "second");
  EXPECT_TRUE(document->metadata.empty());
  EXPECT_THAT(document->vector, ElementsAre(7, 8));
  EXPECT_EQ(store_->DocumentCount(collection_), 2u);
}

TEST_F(StoreTest, APutWithoutVectorKeepsTheVectorAndWhatIsSaidOfIt) {
  PutOperation put = Put("a", "long text", {{3, 4}});
  put.vector_source = VectorSource::kEncoder;
  put.token_count = 12;
  put.truncated = true;
  WriteOne(collection_, put);
  PutOperation changed = Put("a", "long text", std::nullopt);
  changed.metadata["new"] = Value{1.5};
  EXPECT_EQ(WriteOne(collection_, changed).effect, Effect::kReplaced);
  const auto document = Get(collection_, "a");
  ASSERT_TRUE(document.has_value());
  EXPECT_EQ(document->metadata, changed.metadata);
  EXPECT_THAT(document->vector, ElementsAre(3, 4));
  EXPECT_EQ(document->vector_source, VectorSource::kEncoder);
  EXPECT_EQ(document->token_count, 12u);
  EXPECT_TRUE(document->truncated);
}

TEST_F(StoreTest, APutWithoutVectorOfAnUnknownIdWritesNothing) {
  const OperationResult result = WriteOne(collection_, Put("a", "text", std::nullopt));
  EXPECT_EQ(result.effect, Effect::kNotFound);
  EXPECT_EQ(result.label, 0u);
  EXPECT_FALSE(Get(collection_, "a").has_value());
  EXPECT_EQ(store_->DocumentCount(collection_), 0u);
  EXPECT_EQ(store_->EndLabel(collection_), 1u);
}

TEST_F(StoreTest, ARemovedDocumentIsGone) {
  WriteOne(collection_, Put("a", "text"));
  const OperationResult removed = WriteOne(collection_, Remove("a"));
  EXPECT_EQ(removed.effect, Effect::kRemoved);
  EXPECT_EQ(removed.label, 1u);
  EXPECT_FALSE(Get(collection_, "a").has_value());
  EXPECT_EQ(store_->DocumentCount(collection_), 0u);
  const OperationResult again = WriteOne(collection_, Remove("a"));
  EXPECT_EQ(again.effect, Effect::kNotFound);
  EXPECT_EQ(again.label, 0u);
}

TEST_F(StoreTest, ALabelIsNeverUsedAgain) {
  WriteOne(collection_, Put("a", "text"));
  WriteOne(collection_, Remove("a"));
  Reopen();
  EXPECT_EQ(WriteOne(collection_, Put("a", "text")).label, 2u);
  EXPECT_EQ(store_->EndLabel(collection_), 3u);
}

TEST_F(StoreTest, OperationsOfARequestSeeTheOnesBeforeThem) {
  const CommitResult result = Write(
      collection_, {Put("a", "one"), Put("a", "two", {{5, 6}}), Put("a", "three", std::nullopt),
                    Remove("b"), Put("b", "gone"), Remove("b"), Put("b", "back")});
  std::vector<std::pair<Effect, uint64_t>> effects;
  for (const OperationResult& operation : result.operations) {
    effects.emplace_back(operation.effect, operation.label);
  }
  using Pair = std::pair<Effect, uint64_t>;
  EXPECT_THAT(effects, ElementsAre(Pair(Effect::kCreated, 1), Pair(Effect::kReplaced, 1),
                                   Pair(Effect::kReplaced, 1), Pair(Effect::kNotFound, 0),
                                   Pair(Effect::kCreated, 2), Pair(Effect::kRemoved, 2),
                                   Pair(Effect::kCreated, 3)));
  const auto document = Get(collection_, "a");
  ASSERT_TRUE(document.has_value());
  EXPECT_EQ(document->text, "three");
  EXPECT_THAT(document->vector, ElementsAre(5, 6));
  EXPECT_EQ(store_->DocumentCount(collection_), 2u);
  EXPECT_THAT(LabelsAfter(collection_, 0, 10), ElementsAre(1, 3));
}

TEST_F(StoreTest, ALaterRequestWins) {
  WriteOne(collection_, Put("a", "one", {{1, 1}}));
  WriteOne(collection_, Put("a", "two", {{2, 2}}));
  const auto document = Get(collection_, "a");
  ASSERT_TRUE(document.has_value());
  EXPECT_EQ(document->text, "two");
  EXPECT_THAT(document->vector, ElementsAre(2, 2));
}

TEST_F(StoreTest, TheSequenceGrowsByOneWithEachRequestOverAllCollectionsAndStarts) {
  const uint32_t other = Create("other");
  EXPECT_EQ(Write(collection_, {Put("a", ""), Put("b", "")}).sequence, 1u);
  EXPECT_EQ(Write(other, {}).sequence, 2u);
  EXPECT_EQ(Write(collection_, {Remove("nobody")}).sequence, 3u);
  EXPECT_THAT(store_->Write(Request(99, {Put("a", "")})),
              StatusIs(absl::StatusCode::kNotFound, "deleted"));
  Reopen();
  EXPECT_EQ(store_->Statistics().last_sequence, 3u);
  EXPECT_EQ(Write(other, {Put("a", "")}).sequence, 4u);
}

TEST_F(StoreTest, ASyncedWriteSaysSoAndAnUnsyncedOneToo) {
  WriteRequest request = Request(collection_, {Put("a", "")});
  auto unsynced = store_->Write(request);
  ASSERT_THAT(unsynced, IsOk());
  EXPECT_EQ(unsynced->durability, Durability::kOsBuffer);
  request.durability = Durability::kFsync;
  auto synced = store_->Write(request);
  ASSERT_THAT(synced, IsOk());
  EXPECT_EQ(synced->durability, Durability::kFsync);
}

TEST_F(StoreTest, EverythingIsThereAfterReopening) {
  PutOperation put = Put("a", "text", {{1.5f, 2.5f}});
  put.metadata["list"] = Value{ValueList{Value{Null{}}, Value{std::string("x")}}};
  Write(collection_, {put, Put("b", "other"), Put("c", "more"), Remove("b")});
  // Twice: from the log, and then from the files the log was flushed to.
  for (int round = 0; round < 2; ++round) {
    Reopen();
    const auto document = Get(collection_, "a");
    ASSERT_TRUE(document.has_value());
    EXPECT_EQ(document->text, "text");
    EXPECT_EQ(document->metadata, put.metadata);
    EXPECT_THAT(document->vector, ElementsAre(1.5f, 2.5f));
    EXPECT_EQ(document->sequence, 1u);
    EXPECT_FALSE(Get(collection_, "b").has_value());
    EXPECT_EQ(store_->DocumentCount(collection_), 2u);
    EXPECT_EQ(store_->EndLabel(collection_), 4u);
    EXPECT_THAT(LabelsAfter(collection_, 0, 10), ElementsAre(1, 3));
  }
}

}  // namespace
}  // namespace simile

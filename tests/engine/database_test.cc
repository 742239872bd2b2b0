#include <string>
#include <thread>

#include "tests/engine/engine_fixture.h"

namespace simile {
namespace {

class DatabaseTest : public EngineFixture {};

TEST_F(DatabaseTest, ACollectionTakesTheDefaultModelAndItsDimension) {
  const CollectionDescription description = Create({.name = "docs"})->Describe();
  EXPECT_EQ(description.record.model_name, "words");
  EXPECT_EQ(description.record.model_fingerprint, "first");
  EXPECT_EQ(description.record.dimension, kDimension);
  EXPECT_EQ(description.state, CollectionState::kReady);
}

TEST_F(DatabaseTest, ASecondCollectionOfTheNameIsRefused) {
  Create({.name = "docs"});
  EXPECT_THAT(database_->CreateCollection({.name = "docs"}),
              StatusIs(absl::StatusCode::kAlreadyExists, "'docs'"));
}

TEST_F(DatabaseTest, AnUnknownModelAndADimensionAboveTheModelsAreRefused) {
  EXPECT_THAT(database_->CreateCollection({.name = "docs", .model = "other"}),
              StatusIs(absl::StatusCode::kNotFound, "it has 'words'"));
  EXPECT_THAT(database_->CreateCollection({.name = "docs", .model = "words", .dimension = 65}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "the dimension is 65, but model 'words' "
                       "has 64"));
}

TEST_F(DatabaseTest, AboveTheMemoryLimitDocumentsAreRefusedAndReadsAndRemovalsGoOn) {
  Put(*Create({.name = "docs"}), {Text("a", "red apple"), Text("b", "blue sky")});
  memory_bytes_max_ = 1'000;
  Reopen();
  const auto collection = database_->Find("docs");
  ASSERT_THAT(collection, IsOk());
  std::vector<absl::StatusOr<DocumentInput>> more;
  more.emplace_back(Text("c", "more"));
  EXPECT_THAT((*collection)->Upsert(std::move(more), {}, {}),
              StatusIs(absl::StatusCode::kResourceExhausted, "--memory-bytes-max allows 1000"));
  EXPECT_EQ(IdsOf(Search(**collection, TextQuery("red apple", 1))), std::vector<std::string>{"a"});
  const std::vector<std::string> ids = {"a"};
  const auto removed = (*collection)->Remove(ids, Durability::kOsBuffer, /*dry_run=*/false, {});
  ASSERT_THAT(removed, IsOk());
  EXPECT_EQ(removed->removed_count, 1u);
}

TEST_F(DatabaseTest, AnotherEngineAndOtherCodesTakeThePlaceOfThePresentAndStay) {
  const auto collection = Create({.name = "docs"});
  Put(*collection, {Text("a", "red apple"), Text("b", "blue sky")});
  ASSERT_THAT(collection->Change({.engine = IndexEngine::kHnswlib, .codes = CodeFormat::kSq4}),
              IsOk());
  while (collection->Describe().rebuild.has_value()) std::this_thread::yield();
  const auto expect_changed = [](const Collection& changed) {
    EXPECT_EQ(changed.Describe().engine, IndexEngine::kHnswlib);
    EXPECT_EQ(changed.Describe().codes, CodeFormat::kSq4);
    EXPECT_EQ(IdsOf(Search(changed, TextQuery("blue sky", 1))), std::vector<std::string>{"b"});
  };
  expect_changed(*collection);
  Reopen();
  expect_changed(**database_->Find("docs"));
}

TEST_F(DatabaseTest, AMisspeltNameGetsASuggestion) {
  Create({.name = "packages"});
  EXPECT_THAT(database_->Find("pakages"),
              StatusIs(absl::StatusCode::kNotFound, "did you mean 'packages'?"));
  EXPECT_THAT(database_->Find("zebra"), StatusIs(absl::StatusCode::kNotFound, "'zebra'"));
}

TEST_F(DatabaseTest, ADroppedCollectionIsGoneAndItsNameIsFree) {
  Put(*Create({.name = "docs"}), {Text("a", "red apple")});
  ASSERT_THAT(database_->DropCollection("docs"), IsOk());
  EXPECT_THAT(database_->Find("docs"), StatusIs(absl::StatusCode::kNotFound, ""));
  EXPECT_EQ(Create({.name = "docs"})->DocumentCount(), 0u);
}

TEST_F(DatabaseTest, AModelOfAnotherFingerprintFailsTheCollectionByNameAndTheRestServes) {
  Create({.name = "texts"});
  Create({.name = "vectors", .dimension = 2});
  Reopen("second");
  EXPECT_TRUE(database_->ready());
  const auto texts = *database_->Find("texts");
  EXPECT_EQ(texts->Describe().state, CollectionState::kFailed);
  EXPECT_THAT(Search(*texts, TextQuery("apple")), StatusIs(absl::StatusCode::kFailedPrecondition,
                                                           "model 'words' of fingerprint first"));
  EXPECT_EQ((*database_->Find("vectors"))->Describe().state, CollectionState::kReady);
}

TEST_F(DatabaseTest, WhileLoadingSearchesAndWritesAreUnavailableWithAdvice) {
  Put(*Create({.name = "docs"}), {Text("a", "red apple")});
  Open();
  EXPECT_FALSE(database_->ready());
  const auto docs = *database_->Find("docs");
  const auto report = Search(*docs, TextQuery("apple"));
  EXPECT_THAT(report, StatusIs(absl::StatusCode::kUnavailable, "0 of 1 vectors"));
  EXPECT_TRUE(RetryAfterOf(report.status()).has_value());
  EXPECT_THAT(docs->Upsert({Text("b", "pear")}, {}, {}),
              StatusIs(absl::StatusCode::kUnavailable, ""));
  EXPECT_EQ(database_->LoadProgress(), 0);
  database_->Load();
  EXPECT_EQ(database_->LoadProgress(), 1);
  EXPECT_THAT(Search(*docs, TextQuery("apple")), IsOk());
}

TEST_F(DatabaseTest, EfSearchCanBeChangedAndStays) {
  ASSERT_THAT(Create({.name = "docs"})->Change({.ef_search = 300}), IsOk());
  Reopen();
  EXPECT_EQ((*database_->Find("docs"))->Describe().record.index_ef_search, 300u);
  EXPECT_THAT((*database_->Find("docs"))->Change({.ef_search = 0}),
              StatusIs(absl::StatusCode::kInvalidArgument, "1 to 16384"));
}

TEST_F(DatabaseTest, AServerWithoutModelStillKeepsVectors) {
  database_.reset();
  auto store =
      Store::Open({.data_directory = directory_.path() + "/bare", .free_disk_bytes_min = 0});
  ASSERT_THAT(store, IsOk());
  Database bare(*std::move(store), std::make_unique<ModelRegistry>(), {});
  EXPECT_THAT(bare.CreateCollection({.name = "docs"}),
              StatusIs(absl::StatusCode::kFailedPrecondition, "--model DIR"));
  EXPECT_THAT(bare.CreateCollection({.name = "docs", .dimension = 3}), IsOk());
}

}  // namespace
}  // namespace simile

#include <string>
#include <vector>

#include "tests/engine/engine_fixture.h"

namespace simile {
namespace {

using ::testing::ElementsAre;

class CollectionWriteTest : public EngineFixture {};

TEST_F(CollectionWriteTest, StoresTextMetadataAndVectorAndFindsThemAgainAfterReopening) {
  std::shared_ptr<Collection> docs = Create({.name = "docs"});
  DocumentInput input = Text("a", "red apple");
  input.metadata["year"] = Value{int64_t{1999}};
  const UpsertReport report = Put(*docs, {input});
  ASSERT_THAT(report.outcomes.front().status, IsOk());
  EXPECT_TRUE(report.outcomes.front().created);
  EXPECT_TRUE(report.outcomes.front().embedded);
  EXPECT_EQ(report.outcomes.front().token_count, 4u);
  EXPECT_GT(report.commit_sequence, 0u);

  docs.reset();
  Reopen();
  docs = *database_->Find("docs");
  const std::vector<std::string> ids = {"a", "missing"};
  const auto stored = docs->Get(ids, {.text_and_metadata = true, .vector = true});
  ASSERT_THAT(stored, IsOk());
  ASSERT_TRUE((*stored)[0].has_value());
  EXPECT_EQ((*stored)[0]->text, "red apple");
  EXPECT_EQ((*stored)[0]->metadata.at("year"), Value{int64_t{1999}});
  EXPECT_EQ((*stored)[0]->vector.size(), kDimension);
  EXPECT_FALSE((*stored)[1].has_value());
  EXPECT_THAT(IdsOf(Search(*docs, TextQuery("apple"))), ElementsAre("a"));
}

TEST_F(CollectionWriteTest, OneBadDocumentOf500FailsAlone) {
  std::shared_ptr<Collection> docs = Create({.name = "docs"});
  std::vector<DocumentInput> documents;
  for (int number = 0; number < 500; ++number) {
    documents.push_back(Text("d" + std::to_string(number), "word" + std::to_string(number)));
  }
  documents[250].text.clear();
  const UpsertReport report = Put(*docs, std::move(documents));
  size_t good = 0;
  for (const UpsertOutcome& outcome : report.outcomes) good += outcome.status.ok() ? 1 : 0;
  EXPECT_EQ(good, 499u);
  EXPECT_THAT(report.outcomes[250].status,
              StatusIs(absl::StatusCode::kInvalidArgument, "the text is empty"));
  EXPECT_EQ(FieldOf(report.outcomes[250].status), "documents[250].text");
  EXPECT_EQ(docs->DocumentCount(), 499u);
}

TEST_F(CollectionWriteTest, AnUnchangedTextIsNotEmbeddedAgain) {
  std::shared_ptr<Collection> docs = Create({.name = "docs"});
  Put(*docs, {Text("a", "red apple"), Text("b", "green pear")});
  ASSERT_EQ(encoder_->texts_encoded(), 2u);

  DocumentInput same = Text("a", "red apple");
  same.metadata["seen"] = Value{true};
  const UpsertReport report = Put(*docs, {same, Text("b", "yellow pear")});
  EXPECT_EQ(encoder_->texts_encoded(), 3u);
  EXPECT_FALSE(report.outcomes[0].embedded);
  EXPECT_FALSE(report.outcomes[0].created);
  EXPECT_EQ(report.outcomes[0].token_count, 4u);
  EXPECT_TRUE(report.outcomes[1].embedded);
  const std::vector<std::string> ids = {"a"};
  const auto stored = docs->Get(ids, {.vector = true});
  EXPECT_EQ(stored->front()->metadata.at("seen"), Value{true});
  EXPECT_EQ(stored->front()->vector.size(), kDimension);
}

TEST_F(CollectionWriteTest, AVectorGivenByTheClientIsNotTakenForTheModelsOwn) {
  std::shared_ptr<Collection> docs = Create({.name = "docs"});
  DocumentInput given = WithVector("a", std::vector<float>(kDimension, 1));
  given.text = "red apple";
  const UpsertReport first = Put(*docs, {given});
  EXPECT_FALSE(first.outcomes.front().embedded);
  const UpsertReport second = Put(*docs, {Text("a", "red apple")});
  EXPECT_TRUE(second.outcomes.front().embedded);
}

TEST_F(CollectionWriteTest, TheLaterOfTwoDocumentsWithOneIdWins) {
  std::shared_ptr<Collection> docs = Create({.name = "docs"});
  Put(*docs, {Text("a", "old text")});
  Put(*docs, {Text("a", "new text"), Text("a", "old text"), Text("a", "final words")});
  EXPECT_EQ(docs->DocumentCount(), 1u);
  const absl::StatusOr<SearchReport> report = Search(*docs, TextQuery("final words"));
  ASSERT_THAT(report, IsOk());
  EXPECT_EQ(report->hits.front().document.text, "final words");
  EXPECT_NEAR(report->hits.front().score, 1, 1e-5);
}

TEST_F(CollectionWriteTest, ADocumentWithoutIdGetsAUlid) {
  std::shared_ptr<Collection> docs = Create({.name = "docs"});
  const UpsertReport report = Put(*docs, {Text("", "one"), Text("", "two")});
  EXPECT_EQ(report.outcomes[0].id.size(), 26u);
  EXPECT_NE(report.outcomes[0].id, report.outcomes[1].id);
  EXPECT_EQ(docs->DocumentCount(), 2u);
}

TEST_F(CollectionWriteTest, TruncationIsReportedAndStored) {
  std::shared_ptr<Collection> docs = Create({.name = "docs"});
  std::string text;
  for (size_t word = 0; word < kTokensMax; ++word) text += "word" + std::to_string(word) + " ";
  const UpsertReport report = Put(*docs, {Text("long", text)});
  EXPECT_TRUE(report.outcomes.front().truncated);
  EXPECT_EQ(report.outcomes.front().token_count, kTokensMax);
  const std::vector<std::string> ids = {"long"};
  EXPECT_TRUE(docs->Get(ids, {})->front()->truncated);
  EXPECT_EQ(docs->Get(ids, {})->front()->text, text);
}

TEST_F(CollectionWriteTest, RemovedDocumentsAreGoneFromGetCountAndSearch) {
  std::shared_ptr<Collection> docs = Create({.name = "docs"});
  Put(*docs, {Text("a", "red apple"), Text("b", "red pear")});
  const std::vector<std::string> ids = {"a", "a", "nobody"};
  const auto dry = docs->Remove(ids, Durability::kFsync, /*dry_run=*/true, {});
  ASSERT_THAT(dry, IsOk());
  EXPECT_EQ(dry->removed_count, 1u);
  EXPECT_EQ(docs->DocumentCount(), 2u);

  const auto report = docs->Remove(ids, Durability::kFsync, /*dry_run=*/false, {});
  ASSERT_THAT(report, IsOk());
  EXPECT_EQ(report->removed_count, 1u);
  EXPECT_THAT(report->missing_ids, ElementsAre("nobody"));
  EXPECT_EQ(docs->DocumentCount(), 1u);
  EXPECT_THAT(IdsOf(Search(*docs, TextQuery("red"))), ElementsAre("b"));
}

TEST_F(CollectionWriteTest, AMetadataPatchTouchesNeitherTextNorVector) {
  std::shared_ptr<Collection> docs = Create({.name = "docs"});
  DocumentInput input = Text("a", "red apple");
  input.metadata["keep"] = Value{std::string("yes")};
  input.metadata["drop"] = Value{int64_t{1}};
  Put(*docs, {input});
  const std::vector<std::string> ids = {"a"};
  const auto before = docs->Get(ids, {.vector = true});

  MetadataPatch patch{.id = "a", .remove = {"drop", "unknown"}};
  patch.set["year"] = Value{int64_t{2001}};
  std::vector<absl::StatusOr<MetadataPatch>> patches = {patch, MetadataPatch{.id = "nobody"}};
  const auto report = docs->PatchMetadata(patches, Durability::kFsync, {});
  ASSERT_THAT(report, IsOk());
  EXPECT_THAT(report->statuses[0], IsOk());
  EXPECT_THAT(report->statuses[1], StatusIs(absl::StatusCode::kNotFound, "'nobody'"));

  const auto after = docs->Get(ids, {.vector = true});
  const Metadata expected = {{"keep", Value{std::string("yes")}}, {"year", Value{int64_t{2001}}}};
  EXPECT_EQ(after->front()->metadata, expected);
  EXPECT_EQ(after->front()->text, "red apple");
  EXPECT_EQ(after->front()->vector, before->front()->vector);
  EXPECT_EQ(encoder_->texts_encoded(), 1u);
}

TEST_F(CollectionWriteTest, TwoPatchesOfOneDocumentAddUp) {
  std::shared_ptr<Collection> docs = Create({.name = "docs"});
  Put(*docs, {Text("a", "red apple")});
  MetadataPatch first{.id = "a"}, second{.id = "a"};
  first.set["one"] = Value{int64_t{1}};
  second.set["two"] = Value{int64_t{2}};
  ASSERT_THAT(docs->PatchMetadata({first, second}, Durability::kFsync, {}), IsOk());
  const std::vector<std::string> ids = {"a"};
  EXPECT_EQ(docs->Get(ids, {})->front()->metadata.size(), 2u);
}

TEST_F(CollectionWriteTest, ListPagesShowEveryDocumentOnceInOrderOfInsertion) {
  std::shared_ptr<Collection> docs = Create({.name = "docs"});
  for (const char* id : {"c", "a", "e", "b", "d"}) Put(*docs, {Text(id, "text")});
  std::vector<std::string> ids;
  uint64_t label = 0;
  do {
    const auto page = docs->List(label, 2, {});
    ASSERT_THAT(page, IsOk());
    for (const StoredDocument& document : page->documents) ids.push_back(document.id);
    label = page->next_label;
  } while (label != 0);
  EXPECT_THAT(ids, ElementsAre("c", "a", "e", "b", "d"));
}

TEST_F(CollectionWriteTest, ACancelledUpsertStoresNothing) {
  std::shared_ptr<Collection> docs = Create({.name = "docs"});
  std::vector<absl::StatusOr<DocumentInput>> documents = {Text("a", "red apple")};
  EXPECT_THAT(docs->Upsert(documents, {}, {.cancelled = [] { return true; }}),
              StatusIs(absl::StatusCode::kCancelled, ""));
  EXPECT_EQ(docs->DocumentCount(), 0u);
}

TEST_F(CollectionWriteTest, AVectorCollectionTakesVectorsAndRefusesTexts) {
  std::shared_ptr<Collection> docs =
      Create({.name = "vectors", .dimension = 3, .metric = Metric::kEuclidean});
  const UpsertReport report =
      Put(*docs, {WithVector("a", {1, 2, 3}), Text("b", "no vector"), WithVector("c", {1, 2})});
  EXPECT_THAT(report.outcomes[0].status, IsOk());
  EXPECT_THAT(report.outcomes[1].status, StatusIs(absl::StatusCode::kInvalidArgument, "no model"));
  EXPECT_THAT(report.outcomes[2].status,
              StatusIs(absl::StatusCode::kInvalidArgument, "2 dimensions; the collection has 3"));
  EXPECT_EQ(docs->DocumentCount(), 1u);
}

}  // namespace
}  // namespace simile

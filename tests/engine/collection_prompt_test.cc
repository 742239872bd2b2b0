// What a collection does with its texts before the model sees them, and with vectors after it.
#include <cmath>
#include <string>
#include <vector>

#include "server/engine/catalog_numbers.h"
#include "tests/engine/engine_fixture.h"

namespace simile {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class CollectionPromptTest : public EngineFixture {
 protected:
  void SetUp() override {
    prompts_ = {{.name = "passage", .text = "kept "}, {.name = "query", .text = "find "}};
    default_prompt_ = "any ";
    Reopen();
  }

  std::shared_ptr<Collection> Docs() { return *database_->Find("docs"); }

  // The stored vector of a document.
  std::vector<float> VectorOf(const std::string& id) {
    const auto stored = Docs()->Get(std::span(&id, 1), {.vector = true});
    EXPECT_THAT(stored, IsOk());
    return stored->front()->vector;
  }

  // The score of the one document "a" under a query.
  float ScoreUnder(const std::string& query) {
    const auto report = Search(*Docs(), TextQuery(query));
    EXPECT_THAT(IdsOf(report), ElementsAre("a"));
    return report->hits.front().score;
  }

  std::vector<float> Embedded(const std::string& text) {
    const std::string_view view = text;
    const auto model = *database_->models().Find("words");
    return model->Encode(std::span(&view, 1), {.prompt = ""})->embeddings[0].vector;
  }
};

TEST_F(CollectionPromptTest, TheModelsPromptsForDocumentsAndQueriesAreTaken) {
  const CollectionDescription description = Create({.name = "docs"})->Describe();
  EXPECT_EQ(description.document_prompt, "kept ");
  EXPECT_EQ(description.query_prompt, "find ");
  Put(*Docs(), {Text("a", "red apple")});
  EXPECT_EQ(VectorOf("a"), Embedded("kept red apple"));
  const auto report = Search(*Docs(), TextQuery("red apple"));
  EXPECT_EQ(report->terms.front().token_count, 5u);
}

TEST_F(CollectionPromptTest, WithoutPromptsOfThatPurposeTheDefaultOneIsTaken) {
  prompts_ = {};
  Reopen();
  const CollectionDescription description = Create({.name = "docs"})->Describe();
  EXPECT_EQ(description.document_prompt, "any ");
  EXPECT_EQ(description.query_prompt, "any ");
}

TEST_F(CollectionPromptTest, PromptsOfItsOwnStayWithTheCollectionAndAreNotStoredWithTexts) {
  Create({.name = "docs", .query_prompt = "", .document_prompt = "about "});
  Put(*Docs(), {Text("a", "red apple")});
  Reopen();
  EXPECT_EQ(Docs()->Describe().query_prompt, "");
  EXPECT_EQ(Docs()->Describe().document_prompt, "about ");
  EXPECT_EQ(VectorOf("a"), Embedded("about red apple"));
  EXPECT_FLOAT_EQ(ScoreUnder("about red apple"), 1);
  const std::string id = "a";
  EXPECT_EQ(Docs()->Get(std::span(&id, 1), {.text_and_metadata = true})->front()->text,
            "red apple");
}

TEST_F(CollectionPromptTest, AQueryPromptCanBeChangedAndStays) {
  Create({.name = "docs", .query_prompt = "", .document_prompt = "about "});
  Put(*Docs(), {Text("a", "red apple")});
  EXPECT_LT(ScoreUnder("red apple"), 0.99f);
  ASSERT_THAT(Docs()->Change({.query_prompt = "about "}), IsOk());
  EXPECT_FLOAT_EQ(ScoreUnder("red apple"), 1);
  Reopen();
  EXPECT_FLOAT_EQ(ScoreUnder("red apple"), 1);
}

TEST_F(CollectionPromptTest, PromptsThatCannotBeAreRefusedWithTheirField) {
  std::string sixteen_words;
  for (int word = 0; word < 16; ++word) sixteen_words += "w ";
  struct Case {
    std::string prompt;
    std::string message;
  };
  const Case cases[] = {
      {std::string(kPromptBytesLimit + 1, 'x'), "the prompt has 4097 bytes; at most 4096"},
      {"\xff", "not valid UTF-8"},
      {sixteen_words, "fills the 16 tokens that model 'words' reads"},
  };
  Create({.name = "docs"});
  for (const Case& bad : cases) {
    const auto query = database_->CreateCollection({.name = "bad", .query_prompt = bad.prompt});
    EXPECT_THAT(query, StatusIs(absl::StatusCode::kInvalidArgument, bad.message));
    EXPECT_EQ(FieldOf(query.status()), "query_prompt");
    const auto document =
        database_->CreateCollection({.name = "bad", .document_prompt = bad.prompt});
    EXPECT_THAT(document, StatusIs(absl::StatusCode::kInvalidArgument, bad.message));
    EXPECT_EQ(FieldOf(document.status()), "document_prompt");
    EXPECT_EQ(FieldOf(Docs()->Change({.query_prompt = bad.prompt})), "query_prompt");
  }
  EXPECT_EQ(Docs()->Describe().query_prompt, "find ");
}

TEST_F(CollectionPromptTest, ACollectionWithoutModelHasNoPrompts) {
  EXPECT_THAT(database_->CreateCollection({.name = "v", .dimension = 2, .query_prompt = "find "}),
              StatusIs(absl::StatusCode::kInvalidArgument, "embeds no texts"));
  EXPECT_THAT(database_->CreateCollection({.name = "v", .dimension = 2, .document_prompt = ""}),
              StatusIs(absl::StatusCode::kInvalidArgument, "embeds no texts"));
  const auto vectors = Create({.name = "v", .dimension = 2});
  EXPECT_THAT(vectors->Change({.query_prompt = "find "}),
              StatusIs(absl::StatusCode::kInvalidArgument, "has no model"));
  EXPECT_EQ(vectors->Describe().query_prompt, "");
}

TEST_F(CollectionPromptTest, NothingChangesWhenOneOfTheChangesIsWrong) {
  Create({.name = "docs"});
  EXPECT_THAT(Docs()->Change({.ef_search = 300, .query_prompt = "\xff"}),
              StatusIs(absl::StatusCode::kInvalidArgument, "UTF-8"));
  EXPECT_NE(Docs()->Describe().record.index_ef_search, 300u);
}

TEST_F(CollectionPromptTest, VectorsAreCutToTheCollectionsDimensionAndScaledAgain) {
  Create({.name = "docs",
          .model = "words",
          .dimension = 16,
          .query_prompt = "",
          .document_prompt = ""});
  Put(*Docs(), {Text("a", "a red apple of many words")});
  const std::vector<float> cut = VectorOf("a");
  std::vector<float> expected = Embedded("a red apple of many words");
  expected.resize(16);
  double squares = 0;
  for (const float component : expected) squares += component * component;
  ASSERT_THAT(cut, SizeIs(16));
  for (size_t axis = 0; axis < 16; ++axis) {
    EXPECT_NEAR(cut[axis], expected[axis] / std::sqrt(squares), 1e-6);
  }
  EXPECT_NEAR(ScoreUnder("a red apple of many words"), 1, 1e-6);
  Reopen();
  EXPECT_NEAR(ScoreUnder("a red apple of many words"), 1, 1e-6);
}

TEST_F(CollectionPromptTest, ACollectionMadeBeforePromptsWereKeptUsesTheModelsDefaultOne) {
  database_.reset();
  {
    auto store =
        Store::Open({.data_directory = directory_.path() + "/data", .free_disk_bytes_min = 0});
    ASSERT_THAT(store, IsOk());
    ASSERT_THAT((*store)->CreateCollection({.name = "docs",
                                            .model_name = "words",
                                            .model_fingerprint = "first",
                                            .dimension = kDimension,
                                            .metric = CatalogNumber(Metric::kCosine),
                                            .index_engine = CatalogNumber(IndexEngine::kAuto),
                                            .index_m = 16,
                                            .index_ef_construction = 200,
                                            .index_ef_search = 96}),
                IsOk());
  }
  Reopen();
  ASSERT_EQ(Docs()->Describe().state, CollectionState::kReady);
  EXPECT_EQ(Docs()->Describe().document_prompt, "any ");
  EXPECT_THAT(Docs()->Describe().warnings, IsEmpty());
  Put(*Docs(), {Text("a", "red apple")});
  EXPECT_EQ(VectorOf("a"), Embedded("any red apple"));
  EXPECT_FLOAT_EQ(ScoreUnder("red apple"), 1);
}

TEST_F(CollectionPromptTest, AnotherPrecisionThanTheCollectionWasMadeInIsSaid) {
  EXPECT_EQ(Create({.name = "docs"})->Describe().record.model_precision, "float32");
  EXPECT_THAT(Docs()->Describe().warnings, IsEmpty());
  precision_ = "bfloat16";
  Reopen();
  EXPECT_EQ(Docs()->Describe().state, CollectionState::kReady);
  EXPECT_THAT(Docs()->Describe().warnings,
              ElementsAre(HasSubstr("'words' in float32, and this server embeds in bfloat16")));
}

}  // namespace
}  // namespace simile

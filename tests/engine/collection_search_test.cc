#include <cmath>
#include <string>
#include <vector>

#include "tests/engine/engine_fixture.h"

namespace simile {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class CollectionSearchTest : public EngineFixture {
 protected:
  // Four points on the unit circle and a collection of that metric.
  std::shared_ptr<Collection> Circle(Metric metric) {
    std::shared_ptr<Collection> docs = Create({.name = "circle", .dimension = 2, .metric = metric});
    Put(*docs, {WithVector("east", {1, 0}), WithVector("north", {0, 1}),
                WithVector("west", {-1, 0}), WithVector("far-east", {3, 0})});
    return docs;
  }

  static QueryInput VectorQuery(std::vector<float> vector, size_t limit = 10) {
    QueryInput query{.limit = limit};
    query.terms.push_back({.source = std::move(vector)});
    return query;
  }

  static QueryTermInput Stored(const std::string& id, float weight) {
    return {.source = StoredId{id}, .weight = weight};
  }
};

TEST_F(CollectionSearchTest, FindsTheNearestTextFirst) {
  std::shared_ptr<Collection> docs = Create({.name = "docs"});
  Put(*docs,
      {Text("apple", "a red apple"), Text("car", "a fast car"), Text("pie", "red apple pie")});
  const auto report = Search(*docs, TextQuery("red apple", 2));
  EXPECT_THAT(IdsOf(report), SizeIs(2));
  EXPECT_NE(report->hits[0].document.id, "car");
  EXPECT_TRUE(report->exact);
  EXPECT_TRUE(report->complete);
  EXPECT_EQ(report->terms.front().token_count, 4u);
}

TEST_F(CollectionSearchTest, EuclideanDistanceIsNotSquaredAndScoreIsItsInverse) {
  const auto report = Search(*Circle(Metric::kEuclidean), VectorQuery({1, 0}));
  EXPECT_THAT(IdsOf(report), ElementsAre("east", "north", "west", "far-east"));
  EXPECT_FLOAT_EQ(report->hits[1].distance, std::sqrt(2.0f));
  EXPECT_FLOAT_EQ(report->hits[2].distance, 2);
  EXPECT_FLOAT_EQ(report->hits[2].score, 1.0f / 3);
}

TEST_F(CollectionSearchTest, DotProductScoreGrowsWithLength) {
  const auto report = Search(*Circle(Metric::kDotProduct), VectorQuery({1, 0}));
  EXPECT_EQ(IdsOf(report).front(), "far-east");
  EXPECT_FLOAT_EQ(report->hits[0].score, 3);
  EXPECT_FLOAT_EQ(report->hits[0].distance, -3);
}

TEST_F(CollectionSearchTest, CosineIgnoresLength) {
  const auto report = Search(*Circle(Metric::kCosine), VectorQuery({5, 0}));
  EXPECT_FLOAT_EQ(report->hits[0].score, 1);
  EXPECT_FLOAT_EQ(report->hits[1].score, 1);
  EXPECT_NEAR(report->hits[3].score, -1, 1e-6);
  EXPECT_NEAR(report->hits[3].distance, 2, 1e-6);
}

TEST_F(CollectionSearchTest, MoreLikeThisLeavesOutTheDocumentItself) {
  QueryInput query{.limit = 1};
  query.terms = {Stored("east", 1)};
  EXPECT_THAT(IdsOf(Search(*Circle(Metric::kCosine), query)), ElementsAre("far-east"));
}

TEST_F(CollectionSearchTest, ANegativeWeightLeadsAway) {
  QueryInput query{.limit = 1};
  query.terms = {Stored("north", 1), Stored("far-east", -1)};
  EXPECT_THAT(IdsOf(Search(*Circle(Metric::kCosine), query)), ElementsAre("west"));
}

TEST_F(CollectionSearchTest, TermsThatCancelOutAreRefused) {
  QueryInput query;
  query.terms = {Stored("east", 1), Stored("far-east", -1)};
  EXPECT_THAT(Search(*Circle(Metric::kCosine), query),
              StatusIs(absl::StatusCode::kInvalidArgument, "cancel each other out"));
}

TEST_F(CollectionSearchTest, AnUnknownStoredIdIsNotFound) {
  QueryInput query;
  query.terms = {Stored("nowhere", 1)};
  const auto report = Search(*Circle(Metric::kCosine), query);
  EXPECT_THAT(report, StatusIs(absl::StatusCode::kNotFound, "'nowhere'"));
  EXPECT_EQ(FieldOf(report.status()), "terms[0].id");
}

TEST_F(CollectionSearchTest, OffsetAndLimitCutThePage) {
  std::shared_ptr<Collection> docs = Circle(Metric::kEuclidean);
  QueryInput query = VectorQuery({1, 0}, 2);
  query.offset = 1;
  EXPECT_THAT(IdsOf(Search(*docs, query)), ElementsAre("north", "west"));
  query.offset = 100;
  EXPECT_THAT(IdsOf(Search(*docs, query)), IsEmpty());
}

TEST_F(CollectionSearchTest, TheScoreThresholdLeavesOutWhatIsWorse) {
  QueryInput query = VectorQuery({1, 0});
  query.score_threshold = 0.5f;
  EXPECT_THAT(IdsOf(Search(*Circle(Metric::kCosine), query)), SizeIs(2));
}

TEST_F(CollectionSearchTest, QueriesOfABatchAreAnsweredAsAlone) {
  std::shared_ptr<Collection> docs = Create({.name = "docs", .dimension = 4});
  // Enough that the graph is in charge.
  std::vector<DocumentInput> documents;
  for (size_t at = 0; at < 1'500; ++at) {
    const auto angle = static_cast<float>(at);
    DocumentInput& document = documents.emplace_back(
        WithVector("number " + std::to_string(at),
                   {std::sin(angle), std::cos(angle), std::sin(3 * angle), 1}));
    document.metadata = {{"odd", {at % 2 == 1}}};
  }
  Put(*docs, std::move(documents));
  std::vector<absl::StatusOr<QueryInput>> queries;
  for (size_t at = 0; at < 70; ++at) {
    QueryInput query = VectorQuery({1, static_cast<float>(at), 2, 1}, 1 + at % 12);
    query.exact = true;
    query.offset = at % 3;
    if (at % 10 == 1) query.terms.push_back(Stored("number 3", 0.5f));
    if (at % 10 == 2) query.terms.front() = Stored("no such document", 1);
    if (at % 10 == 3) query.filter = Filter{HasAny{.field = "odd", .values = {{true}}}};
    queries.push_back(std::move(query));
  }
  const auto batch = docs->Search(queries, {});
  ASSERT_THAT(batch, IsOk());
  ASSERT_THAT(batch->reports, SizeIs(queries.size()));
  for (size_t at = 0; at < queries.size(); ++at) {
    SCOPED_TRACE(at);
    const auto alone = Search(*docs, *queries[at]);
    const auto& report = batch->reports[at];
    EXPECT_EQ(report.status(), alone.status());
    if (!report.ok()) continue;
    EXPECT_EQ(IdsOf(report), IdsOf(alone));
    EXPECT_THAT(report->terms, SizeIs(queries[at]->terms.size()));
    EXPECT_TRUE(report->exact);
    EXPECT_EQ(report->explanation.attempts, 1u);
    EXPECT_GT(report->timings.search.count(), 0);
  }
}

TEST_F(CollectionSearchTest, OneBadQueryOfABatchFailsAlone) {
  std::shared_ptr<Collection> docs = Circle(Metric::kCosine);
  std::vector<absl::StatusOr<QueryInput>> queries = {
      VectorQuery({1, 0}), VectorQuery({1, 0, 0}), absl::InvalidArgumentError("bad from the wire")};
  const auto batch = docs->Search(std::move(queries), {});
  ASSERT_THAT(batch, IsOk());
  EXPECT_THAT(batch->reports[0], IsOk());
  EXPECT_THAT(batch->reports[1],
              StatusIs(absl::StatusCode::kInvalidArgument, "3 dimensions; the collection has 2"));
  EXPECT_THAT(batch->reports[2], StatusIs(absl::StatusCode::kInvalidArgument, "bad from the wire"));
}

TEST_F(CollectionSearchTest, HitsLargerThanOneAnswerAreRefusedBeforeTheyAreRead) {
  std::shared_ptr<Collection> docs = Create({.name = "docs"});
  const std::string large = "apple " + std::string(2000, 'x');
  Put(*docs, {Text("a", large), Text("b", large), Text("c", large)});
  const CallContext context = {.read_bytes_max = 5000};
  QueryInput without_text = TextQuery("apple", 3);
  without_text.fields.text_and_metadata = false;
  const auto batch = docs->Search(
      {TextQuery("apple", 3), TextQuery("apple", 1), TextQuery("apple", 2), without_text}, context);
  ASSERT_THAT(batch, IsOk());
  EXPECT_THAT(batch->reports[0],
              StatusIs(absl::StatusCode::kResourceExhausted, "more than 5000 bytes"));
  EXPECT_THAT(batch->reports[1], IsOk());
  // The queries of a batch share what one answer may hold.
  EXPECT_THAT(batch->reports[2], StatusIs(absl::StatusCode::kResourceExhausted, "bytes together"));
  EXPECT_THAT(batch->reports[3], IsOk());
}

TEST_F(CollectionSearchTest, AnEmptyCollectionAnswersWithNothing) {
  std::shared_ptr<Collection> docs = Create({.name = "docs"});
  const auto report = Search(*docs, TextQuery("anything"));
  EXPECT_THAT(IdsOf(report), IsEmpty());
  EXPECT_TRUE(report->complete);
}

TEST_F(CollectionSearchTest, AQueryOfPunctuationIsAQuery) {
  std::shared_ptr<Collection> docs = Create({.name = "docs"});
  Put(*docs, {Text("a", "red apple")});
  EXPECT_THAT(IdsOf(Search(*docs, TextQuery("?!"))), ElementsAre("a"));
}

TEST_F(CollectionSearchTest, TheQuerysTruncationIsReported) {
  std::shared_ptr<Collection> docs = Create({.name = "docs"});
  std::string text;
  for (size_t word = 0; word < kTokensMax; ++word) text += "w ";
  const auto report = Search(*docs, TextQuery(text));
  ASSERT_THAT(report, IsOk());
  EXPECT_TRUE(report->terms.front().truncated);
  EXPECT_EQ(report->terms.front().token_count, kTokensMax);
}

}  // namespace
}  // namespace simile

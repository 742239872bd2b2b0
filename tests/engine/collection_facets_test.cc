// Facets, changes of metadata by filter, maps in metadata, and how a search says what it did.
#include <gmock/gmock.h>

#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "server/engine/filter_validation.h"
#include "server/engine/limits.h"
#include "tests/engine/engine_fixture.h"

namespace simile {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

Filter Equal(std::string field, Value value) {
  return {HasAny{.field = std::move(field), .values = {std::move(value)}}};
}

Value Word(const char* text) { return {std::string(text)}; }

class CollectionFacetsTest : public EngineFixture {
 protected:
  void SetUp() override {
    EngineFixture::SetUp();
    docs_ = Create({.name = "docs", .dimension = 2});
    for (int64_t number = 0; number < 90; ++number) {
      DocumentInput document = WithVector(IdOf(number), {1, static_cast<float>(number)});
      document.text = "text";
      document.metadata = {{"year", {1990 + number % 30}},
                           {"genre", Word(number % 3 == 0 ? "novel" : "essay")},
                           {"author", {ValueMap{{"name", Word(number < 10 ? "Ada" : "Bob")}}}}};
      Put(*docs_, {document});
    }
  }

  static std::string IdOf(int64_t number) { return "d" + std::to_string(number); }

  CountReport Count(const std::optional<Filter>& filter, const std::vector<Facet>& facets) const {
    auto report = docs_->Count(filter, facets, {});
    EXPECT_THAT(report, IsOk());
    return report.ok() ? *std::move(report) : CountReport{};
  }

  static std::vector<std::string> Told(const FacetReport& facet) {
    std::vector<std::string> told;
    for (const ValueCount& one : facet.counts.values) {
      told.push_back(std::get<std::string>(one.value) + " " + std::to_string(one.document_count));
    }
    return told;
  }

  static QueryInput Query() {
    QueryInput query{.limit = 5};
    query.terms.push_back({.source = std::vector<float>{1, 0.5f}});
    return query;
  }

  std::shared_ptr<Collection> docs_;
};

TEST_F(CollectionFacetsTest, ValuesAndRangesAreCountedOverAllOrWhatMatches) {
  Facet years{.field = "year", .limit = 0};
  years.ranges.push_back({.field = "year",
                          .low = RangeBound{{int64_t{1990}}},
                          .high = RangeBound{{int64_t{2000}}, /*is_inclusive=*/false}});
  const std::vector<Facet> facets = {{.field = "genre", .limit = 5}, years};
  const CountReport all = Count(std::nullopt, facets);
  EXPECT_EQ(all.count, 90u);
  EXPECT_THAT(Told(all.facets[0]), ElementsAre("essay 60", "novel 30"));
  EXPECT_THAT(all.facets[1].counts.range_counts, ElementsAre(30u));
  EXPECT_EQ(all.facets[1].counts.value_count, 30u);
  EXPECT_THAT(all.facets[1].counts.values, IsEmpty());

  const CountReport some = Count(Equal("author.name", Word("Ada")), facets);
  EXPECT_EQ(some.count, 10u);
  EXPECT_EQ(some.filter->matching_count, 10u);
  EXPECT_THAT(Told(some.facets[0]), ElementsAre("essay 6", "novel 4"));
  EXPECT_THAT(some.facets[1].counts.range_counts, ElementsAre(10u));
}

TEST_F(CollectionFacetsTest, ASearchCountsFacetsOverAllThatMatchesNotOnlyWhatItFinds) {
  QueryInput query = Query();
  query.filter = Equal("genre", Word("novel"));
  query.facets = {{.field = "author.name", .limit = 10}};
  const auto report = Search(*docs_, query);
  ASSERT_THAT(report, IsOk());
  EXPECT_THAT(report->hits, SizeIs(5));
  EXPECT_THAT(Told(report->facets.front()), ElementsAre("Bob 26", "Ada 4"));
}

TEST_F(CollectionFacetsTest, AFieldThatIsNotIndexedIsCountedByReading) {
  docs_ = Create({.name = "declared", .dimension = 2, .filter_fields = {"year"}});
  for (int64_t number = 0; number < 20; ++number) {
    DocumentInput document = WithVector(IdOf(number), {1, static_cast<float>(number)});
    document.metadata = {{"year", {number % 2}}, {"genre", Word(number < 5 ? "poem" : "essay")}};
    Put(*docs_, {document});
  }
  const CountReport report = Count(Equal("year", {int64_t{0}}), {{.field = "genre", .limit = 5}});
  EXPECT_THAT(Told(report.facets[0]), ElementsAre("essay 7", "poem 3"));
  EXPECT_EQ(report.facets[0].documents_read, 20u);
  const CountReport read = Count(Equal("genre", Word("poem")), {});
  EXPECT_EQ(read.count, 5u);
  EXPECT_EQ(read.filter->documents_read, 20u);
  EXPECT_THAT(read.filter->notes, Contains(HasSubstr("'genre' is not among those")));
  EXPECT_THAT(docs_->Describe().record.filter_fields, ElementsAre("year"));
  docs_.reset();
  Reopen();
  docs_ = *database_->Find("declared");
  EXPECT_EQ(Count(Equal("genre", Word("poem")), {}).count, 5u);
  EXPECT_THAT(docs_->Describe().record.filter_fields, ElementsAre("year"));
}

TEST_F(CollectionFacetsTest, FacetsAndFieldsThatMeanNothingAreRefusedWithTheirPath) {
  const struct {
    std::vector<Facet> facets;
    std::string field, message;
  } cases[] = {
      {std::vector<Facet>(kFacetsMax + 1, Facet{.field = "a"}), "facets", "17 facets"},
      {{{.field = "a"}, {.field = ""}}, "facets[1].field", "names no field"},
      {{{.field = "a", .limit = kFacetValuesMax + 1}}, "facets[0].limit", "1001"},
      {{{.field = "a", .ranges = {{.field = "a"}}}}, "facets[0].ranges[0]", "neither"},
      {{{.field = "a", .ranges = std::vector<InRange>(kFacetRangesMax + 1)}},
       "facets[0].ranges",
       "101 ranges"},
  };
  for (const auto& one : cases) {
    const auto report = docs_->Count(std::nullopt, one.facets, {});
    EXPECT_THAT(report, StatusIs(absl::StatusCode::kInvalidArgument, one.message));
    EXPECT_EQ(FieldOf(report.status()), one.field);
  }
  const std::pair<std::vector<std::string>, std::string> fields[] = {
      {{"a", ""}, "filter_fields[1]"},
      {{"a", "a"}, "filter_fields[1]"},
      {std::vector<std::string>(kFilterFieldsMax + 1, "a"), "filter_fields"}};
  for (const auto& [names, place] : fields) {
    const auto created =
        database_->CreateCollection({.name = "x", .dimension = 2, .filter_fields = names});
    EXPECT_THAT(created, StatusIs(absl::StatusCode::kInvalidArgument, ""));
    EXPECT_EQ(FieldOf(created.status()), place);
  }
}

TEST_F(CollectionFacetsTest, AllThatMatchAreChangedOnceOrOnlyCounted) {
  const Filter novels = Equal("genre", Word("novel"));
  const MetadataPatch change{.set = {{"genre", Word("romance")}}, .remove = {"year"}};
  const auto counted = docs_->PatchMatching(novels, change, Durability::kOsBuffer, true, {});
  ASSERT_THAT(counted, IsOk());
  EXPECT_EQ(counted->updated_count, 30u);
  EXPECT_EQ(counted->commit_sequence, 0u);
  EXPECT_EQ(Count(novels, {}).count, 30u);
  const auto changed = docs_->PatchMatching(novels, change, Durability::kOsBuffer, false, {});
  ASSERT_THAT(changed, IsOk());
  EXPECT_EQ(changed->updated_count, 30u);
  EXPECT_THAT(changed->statuses, IsEmpty());
  EXPECT_EQ(Count(novels, {}).count, 0u);
  EXPECT_EQ(Count(Equal("genre", Word("romance")), {}).count, 30u);
  EXPECT_EQ(Count({{FieldExists{"year"}}}, {}).count, 60u);
  const std::string id = IdOf(3);
  const auto stored = docs_->Get(std::span(&id, 1), {});
  ASSERT_THAT(stored, IsOk());
  EXPECT_EQ((*stored)[0]->text, "text");
  EXPECT_EQ((*stored)[0]->metadata.count("author"), 1u);
}

TEST_F(CollectionFacetsTest, ADocumentThatWouldPassALimitStaysAsItIsAndIsNamed) {
  Metadata full;
  for (size_t at = 0; at < kMetadataKeysMax; ++at) full["k" + std::to_string(at)] = {true};
  full["genre"] = Word("novel");
  full.erase("k0");
  DocumentInput document = WithVector("full", {1, 1});
  document.metadata = full;
  Put(*docs_, {document});
  const auto changed = docs_->PatchMatching(
      Equal("genre", Word("novel")), {.set = {{"new", {true}}}}, Durability::kOsBuffer, false, {});
  ASSERT_THAT(changed, IsOk());
  EXPECT_EQ(changed->updated_count, 30u);
  EXPECT_EQ(changed->failed_count, 1u);
  ASSERT_THAT(changed->statuses, SizeIs(1));
  EXPECT_THAT(changed->statuses[0], StatusIs(absl::StatusCode::kInvalidArgument, "'full'"));
  EXPECT_EQ(FieldOf(changed->statuses[0]), "full");
  EXPECT_EQ(Count({{FieldExists{"new"}}}, {}).count, 30u);
}

TEST_F(CollectionFacetsTest, AChangeThatNoDocumentCouldTakeIsRefusedBeforeAny) {
  const auto changed = docs_->PatchMatching(Equal("genre", Word("novel")), {.set = {{"", {true}}}},
                                            Durability::kOsBuffer, false, {});
  EXPECT_THAT(changed, StatusIs(absl::StatusCode::kInvalidArgument, "a metadata name has 0 bytes"));
}

TEST_F(CollectionFacetsTest, MapsAreStoredAndFilteredAcrossARestart) {
  docs_.reset();
  Reopen();
  docs_ = *database_->Find("docs");
  EXPECT_EQ(Count(Equal("author.name", Word("Ada")), {}).count, 10u);
  const std::string id = IdOf(4);
  const auto stored = docs_->Get(std::span(&id, 1), {});
  ASSERT_THAT(stored, IsOk());
  EXPECT_EQ((*stored)[0]->metadata.at("author"), (Value{ValueMap{{"name", Word("Ada")}}}));
}

TEST_F(CollectionFacetsTest, ASearchTellsWhatItWasChosenByAndWhatItDid) {
  const auto report = Search(*docs_, Query());
  ASSERT_THAT(report, IsOk());
  EXPECT_EQ(report->explanation.estimate.vectors, 90u);
  EXPECT_EQ(report->explanation.estimate.candidates, 90u);
  EXPECT_EQ(report->explanation.attempts, 1u);
  QueryInput filtered = Query();
  filtered.filter = Equal("genre", Word("novel"));
  EXPECT_EQ(Search(*docs_, filtered)->explanation.estimate.candidates, 30u);
}

}  // namespace
}  // namespace simile

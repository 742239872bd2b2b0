// Searches, counts and writes of a collection with filters.
#include <gmock/gmock.h>

#include <chrono>
#include <map>
#include <string>
#include <thread>

#include "filter/document_matcher.h"
#include "server/engine/document_filter.h"
#include "server/engine/filter_validation.h"
#include "tests/engine/engine_fixture.h"
#include "tests/filter/random_documents.h"

namespace simile {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

Filter Equal(std::string field, Value value) {
  return {HasAny{.field = std::move(field), .values = {std::move(value)}}};
}

class CollectionFilterTest : public EngineFixture {
 protected:
  static constexpr size_t kNarrow = 4;

  void SetUp() override {
    EngineFixture::SetUp();
    docs_ = Create({.name = "docs", .dimension = kNarrow});
  }

  void PutDocument(size_t number, Metadata metadata, const std::string& text = "") {
    std::vector<float> vector(kNarrow, 0.1f);
    vector[number % kNarrow] += static_cast<float>(number % 97);
    DocumentInput document = WithVector(RandomDocuments::IdOf(number), std::move(vector));
    document.metadata = metadata;
    document.text = text;
    Put(*docs_, {document});
    known_[number] = {text, std::move(metadata)};
  }

  static QueryInput Filtered(const Filter& filter, size_t limit = 10) {
    QueryInput query{.limit = limit, .filter = filter};
    query.terms.push_back({.source = std::vector<float>{1, 0.5f, 0.25f, 0.1f}});
    return query;
  }

  uint64_t CountOf(const Filter& filter) const {
    const auto report = docs_->Count(filter, {}, {});
    EXPECT_THAT(report, IsOk());
    return report.ok() ? report->count : 0;
  }

  static Filter NextValid(RandomDocuments& random) {
    for (;;) {
      Filter filter = random.NextFilter(4, 260);
      if (CheckFilter(filter).ok()) return filter;
    }
  }

  // Every search with it answers exactly what there is.
  void ExpectRight(const Filter& filter, size_t limit) {
    size_t matching = 0;
    for (const auto& [number, document] : known_) {
      const std::string id = RandomDocuments::IdOf(number);
      matching += Matches(filter, {.id = id, .text = document.first, .metadata = document.second});
    }
    EXPECT_EQ(CountOf(filter), matching);
    const auto report = Search(*docs_, Filtered(filter, limit));
    ASSERT_THAT(report, IsOk());
    EXPECT_EQ(report->hits.size(), std::min(limit, matching));
    EXPECT_TRUE(report->complete);
    for (const SearchHitOutput& hit : report->hits) {
      EXPECT_TRUE(IsMatch(filter, hit.document)) << hit.document.id;
    }
    ASSERT_TRUE(report->filter.has_value());
    EXPECT_EQ(report->filter->matching_count, matching);
  }

  // Until the metadata has been read from the store.
  void AwaitMetadata() {
    const Filter filter = Equal("nothing", {true});
    for (int turn = 0; turn < 10'000; ++turn) {
      const auto report = docs_->Count(filter, {}, {});
      ASSERT_THAT(report, IsOk());
      if (report->filter->documents_read == 0) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    FAIL() << "the metadata was not read";
  }

  std::shared_ptr<Collection> docs_;
  std::map<size_t, std::pair<std::string, Metadata>> known_;
};

TEST_F(CollectionFilterTest, OnlyWhatMatchesIsFoundAndAllOfIt) {
  for (size_t number = 0; number < 60; ++number) {
    PutDocument(number, {{"year", {static_cast<int64_t>(1990 + number % 20)}}});
  }
  const Filter newer{InRange{.field = "year", .low = RangeBound{{int64_t{2008}}}}};
  const auto report = Search(*docs_, Filtered(newer, 50));
  EXPECT_THAT(IdsOf(report), UnorderedElementsAre("id18", "id19", "id38", "id39", "id58", "id59"));
  EXPECT_EQ(report->filter->matching_count, 6u);
  EXPECT_EQ(report->filter->documents_read, 0u);
  EXPECT_TRUE(report->complete);
  EXPECT_EQ(CountOf(newer), 6u);
}

TEST_F(CollectionFilterTest, RandomFiltersUnderRandomChangesAndAcrossRestarts) {
  RandomDocuments random(11);
  for (size_t change = 0; change < 1'500; ++change) {
    const size_t number = random.Below(250);
    if (random.Below(6) == 0 && known_.contains(number)) {
      const std::string id = RandomDocuments::IdOf(number);
      ASSERT_THAT(docs_->Remove(std::span(&id, 1), Durability::kOsBuffer, false, {}), IsOk());
      known_.erase(number);
    } else if (random.Below(4) == 0 && known_.contains(number)) {
      MetadataPatch patch{
          .id = RandomDocuments::IdOf(number), .set = random.NextMetadata(), .replace = true};
      known_[number].second = patch.set;
      std::vector<absl::StatusOr<MetadataPatch>> patches;
      patches.emplace_back(std::move(patch));
      ASSERT_THAT(docs_->PatchMetadata(std::move(patches), Durability::kOsBuffer, {}), IsOk());
    } else {
      PutDocument(number, random.NextMetadata(), random.NextText() + "text");
    }
    if (change % 500 == 250) {
      docs_.reset();
      Reopen();
      docs_ = *database_->Find("docs");
      // While the metadata is being read, and after.
      ExpectRight(NextValid(random), 15);
      AwaitMetadata();
    }
    if (change % 3 == 0) ExpectRight(NextValid(random), 1 + random.Below(20));
    if (HasFailure()) FAIL() << "after change " << change;
  }
}

TEST_F(CollectionFilterTest, AChangeOfMetadataIsSeenByTheNextSearch) {
  PutDocument(1, {{"state", {std::string("draft")}}});
  const Filter published = Equal("state", {std::string("published")});
  EXPECT_THAT(IdsOf(Search(*docs_, Filtered(published))), IsEmpty());
  std::vector<absl::StatusOr<MetadataPatch>> patches;
  patches.emplace_back(MetadataPatch{.id = "id1", .set = {{"state", {std::string("published")}}}});
  ASSERT_THAT(docs_->PatchMetadata(std::move(patches), Durability::kOsBuffer, {}), IsOk());
  EXPECT_THAT(IdsOf(Search(*docs_, Filtered(published))), ElementsAre("id1"));
}

TEST_F(CollectionFilterTest, AllThatMatchAreRemovedOrOnlyCounted) {
  for (size_t number = 0; number < 2'300; ++number)
    PutDocument(number, {{"odd", {number % 2 == 1}}});
  const Filter odd = Equal("odd", {true});
  const auto counted = docs_->RemoveMatching(odd, Durability::kOsBuffer, true, {});
  ASSERT_THAT(counted, IsOk());
  EXPECT_EQ(counted->removed_count, 1'150u);
  EXPECT_EQ(docs_->DocumentCount(), 2'300u);
  const auto removed = docs_->RemoveMatching(odd, Durability::kOsBuffer, false, {});
  ASSERT_THAT(removed, IsOk());
  EXPECT_EQ(removed->removed_count, 1'150u);
  EXPECT_THAT(removed->missing_ids, IsEmpty());
  EXPECT_EQ(docs_->DocumentCount(), 1'150u);
  EXPECT_EQ(CountOf(odd), 0u);
  EXPECT_EQ(CountOf({Not{{odd}}}), 1'150u);
  EXPECT_EQ(docs_->RemoveMatching(odd, Durability::kOsBuffer, false, {})->removed_count, 0u);
}

TEST_F(CollectionFilterTest, WhatMatchesIsListedInPages) {
  for (size_t number = 0; number < 100; ++number) PutDocument(number, {{"odd", {number % 2 == 1}}});
  const Filter odd = Equal("odd", {true});
  std::vector<std::string> ids;
  for (uint64_t label = 0;;) {
    const auto labels = docs_->MatchingAfter(odd, label, 7, {});
    ASSERT_THAT(labels, IsOk());
    if (labels->empty()) break;
    label = labels->back();
    const auto documents = docs_->GetMatching(odd, *labels, {});
    ASSERT_THAT(documents, IsOk());
    for (const auto& document : *documents) ids.push_back(document.value().id);
  }
  ASSERT_EQ(ids.size(), 50u);
  EXPECT_EQ(ids.front(), "id1");
  EXPECT_EQ(ids.back(), "id99");
}

TEST_F(CollectionFilterTest, ADocumentThatTheQueryNamesIsLeftOut) {
  for (size_t number = 0; number < 8; ++number) PutDocument(number, {{"kept", {number < 3}}});
  QueryInput query{.limit = 10, .filter = Equal("kept", {true})};
  query.terms.push_back({.source = StoredId{"id1"}});
  EXPECT_THAT(IdsOf(Search(*docs_, query)), UnorderedElementsAre("id0", "id2"));
}

TEST_F(CollectionFilterTest, SaysWhichDocumentsHadToBeReadAndWhatCannotMatch) {
  PutDocument(1, {{"kept", {true}}}, "a red car");
  PutDocument(2, {{"kept", {false}}}, "a red apple");
  const Filter red{AllOf{{Equal("kept", {true}), {TextHasWord{"red"}}}}};
  const auto report = Search(*docs_, Filtered(red));
  EXPECT_THAT(IdsOf(report), ElementsAre("id1"));
  EXPECT_EQ(report->filter->documents_read, 1u);
  EXPECT_THAT(report->filter->notes, Contains(HasSubstr("words of a text are not indexed")));
  EXPECT_THAT(Search(*docs_, Filtered(Equal("kpet", {true})))->filter->notes,
              Contains(HasSubstr("no document has a field 'kpet'")));
}

TEST_F(CollectionFilterTest, FiltersThatMeanNothingAreRefusedWithTheirPath) {
  const Value one{int64_t{1}};
  Filter deep = Equal("a", one);
  for (size_t level = 0; level < 16; ++level) deep = {Not{{deep}}};
  const Filter wide{AnyOf{std::vector<Filter>(1'000, Equal("a", one))}};
  const HasAny many{.field = "a", .values = std::vector<Value>(10'001, one)};
  const InRange upside_down{.field = "a", .low = RangeBound{{int64_t{5}}}, .high = RangeBound{one}};
  const InRange mixed{.field = "a", .low = RangeBound{{std::string("x")}}, .high = RangeBound{one}};
  const InRange nan{.field = "a", .low = RangeBound{{std::nan("")}}};
  const struct {
    Filter filter;
    std::string field, message;
  } cases[] = {
      {deep, "filter.not.not.not.not.not.not.not.not.not.not.not.not.not.not.not.not",
       "nested more than 16 deep"},
      {wide, "filter.any_of[999]", "more than 1000 conditions"},
      {{many}, "filter.has_any.values", "10001 values; it must have 1 to 10000"},
      {{AllOf{{{upside_down}}}}, "filter.all_of[0].in_range", "above the high one"},
      {{mixed}, "filter.in_range", "different types"},
      {{nan}, "filter.in_range.low", "NaN, null and lists"},
      {{InRange{.field = "a"}}, "filter.in_range", "neither a low nor a high"},
      {Equal("", one), "filter.has_any.field", "names no field"},
      {Equal("a", {ValueList{}}), "filter.has_any.values[0]",
       "nothing is equal to NaN, a list or a map"},
      {{HasAny{.field = "a"}}, "filter.has_any.values", "0 values"},
      {{TextHasWord{"two words"}}, "filter.text_has_word", "'two words' is not one word"},
      {{HasId{{"ok", ""}}}, "filter.ids[1]", "id"},
  };
  for (const auto& [filter, field, message] : cases) {
    const auto report = Search(*docs_, Filtered(filter));
    EXPECT_THAT(report, StatusIs(absl::StatusCode::kInvalidArgument, message));
    EXPECT_EQ(FieldOf(report.status()), field);
    EXPECT_THAT(docs_->Count(filter, {}, {}),
                StatusIs(absl::StatusCode::kInvalidArgument, message));
  }
}

}  // namespace
}  // namespace simile

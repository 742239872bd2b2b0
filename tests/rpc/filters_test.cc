// Filters over the wire.
#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "server/engine/limits.h"
#include "tests/rpc/rpc_fixture.h"

namespace simile {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

class FiltersTest : public RpcFixture {
 protected:
  void SetUp() override {
    RpcFixture::SetUp();
    std::vector<v1::Document> documents;
    for (int number = 0; number < 30; ++number) {
      v1::Document& document = documents.emplace_back(
          VectorDocument(std::to_string(number), {1, static_cast<float>(number)}));
      (*document.mutable_metadata())["year"].set_int64_value(2000 + number % 10);
      if (number % 2 == 0) (*document.mutable_metadata())["draft"].set_bool_value(true);
    }
    ASSERT_TRUE(Upsert("vectors", documents).ok());
  }

  static v1::Filter Year(int64_t year) {
    v1::Filter filter;
    filter.mutable_has_any()->set_field("year");
    filter.mutable_has_any()->add_values()->set_int64_value(year);
    return filter;
  }

  static v1::SearchRequest Filtered(const v1::Filter& filter) {
    v1::SearchRequest request;
    request.set_collection("vectors");
    request.mutable_query()->add_terms()->mutable_vector()->mutable_floats()->add_values(1);
    request.mutable_query()->mutable_terms(0)->mutable_vector()->mutable_floats()->add_values(1);
    *request.mutable_query()->mutable_filter() = filter;
    return request;
  }

  std::vector<std::string> HitIds() const {
    std::vector<std::string> ids;
    for (const v1::SearchHit& hit : found_.hits()) ids.push_back(hit.document().id());
    return ids;
  }

  uint64_t CountOf(const v1::Filter& filter) {
    v1::CountDocumentsRequest request;
    request.set_collection("vectors");
    *request.mutable_filter() = filter;
    v1::CountDocumentsResponse response;
    EXPECT_TRUE(
        Call(*documents_, &v1::DocumentService::Stub::CountDocuments, request, response).ok());
    return response.count();
  }
};

TEST_F(FiltersTest, ASearchFindsAllThatMatchAndSaysHowMany) {
  v1::Filter filter;
  *filter.mutable_all_of()->add_filters() = Year(2003);
  filter.mutable_all_of()->add_filters()->mutable_not_()->set_exists("draft");
  ASSERT_TRUE(Search(Filtered(filter)).ok());
  EXPECT_THAT(HitIds(), UnorderedElementsAre("3", "13", "23"));
  EXPECT_TRUE(found_.complete());
  EXPECT_EQ(found_.filter().matching_count(), 3u);
  EXPECT_EQ(found_.filter().documents_read(), 0u);
  ASSERT_TRUE(Search(Filtered(Year(1999))).ok());
  EXPECT_EQ(found_.hits_size(), 0);
  EXPECT_TRUE(found_.has_filter());
}

TEST_F(FiltersTest, WhatCannotMatchIsSaid) {
  v1::Filter filter;
  filter.set_exists("yaer");
  ASSERT_TRUE(Search(Filtered(filter)).ok());
  ASSERT_EQ(found_.filter().notes_size(), 1);
  EXPECT_THAT(found_.filter().notes(0), HasSubstr("no document has a field 'yaer'"));
}

TEST_F(FiltersTest, WhatMatchesIsCountedListedAndDeleted) {
  EXPECT_EQ(CountOf(Year(2004)), 3u);
  v1::ListDocumentsRequest list;
  list.set_collection("vectors");
  list.set_page_size(2);
  *list.mutable_filter() = Year(2004);
  std::vector<std::string> listed;
  do {
    v1::ListDocumentsResponse page;
    ASSERT_TRUE(Call(*documents_, &v1::DocumentService::Stub::ListDocuments, list, page).ok());
    for (const v1::Document& document : page.documents()) listed.push_back(document.id());
    list.set_page_token(page.next_page_token());
  } while (!list.page_token().empty());
  EXPECT_THAT(listed, ElementsAre("4", "14", "24"));

  v1::DeleteDocumentsRequest remove;
  remove.set_collection("vectors");
  *remove.mutable_filter() = Year(2004);
  remove.set_dry_run(true);
  v1::DeleteDocumentsResponse removed;
  ASSERT_TRUE(Call(*documents_, &v1::DocumentService::Stub::DeleteDocuments, remove, removed).ok());
  EXPECT_EQ(removed.deleted_count(), 3u);
  EXPECT_EQ(CountOf(Year(2004)), 3u);
  remove.set_dry_run(false);
  ASSERT_TRUE(Call(*documents_, &v1::DocumentService::Stub::DeleteDocuments, remove, removed).ok());
  EXPECT_EQ(removed.deleted_count(), 3u);
  EXPECT_GT(removed.commit_sequence(), 0u);
  EXPECT_EQ(CountOf(Year(2004)), 0u);

  remove.add_ids("1");
  const grpc::Status both =
      Call(*documents_, &v1::DocumentService::Stub::DeleteDocuments, remove, removed);
  EXPECT_THAT(both, IsError(grpc::StatusCode::INVALID_ARGUMENT, "ids and a filter"));
}

TEST_F(FiltersTest, FiltersThatMeanNothingAreRefusedWithTheirPath) {
  v1::Filter without_kind;
  without_kind.mutable_any_of()->add_filters();
  v1::Filter without_value = Year(1);
  without_value.mutable_has_any()->add_values();
  v1::Filter too_many = Year(1);
  for (size_t count = 0; count < kFilterValuesMax; ++count) {
    too_many.mutable_has_any()->add_values()->set_int64_value(1);
  }
  v1::Filter too_deep = Year(1);
  for (size_t depth = 0; depth < kFilterDepthMax; ++depth) {
    v1::Filter outer;
    *outer.mutable_not_() = too_deep;
    too_deep = outer;
  }
  v1::Filter upside_down;
  upside_down.mutable_in_range()->set_field("year");
  upside_down.mutable_in_range()->mutable_low()->set_int64_value(5);
  upside_down.mutable_in_range()->mutable_high()->set_double_value(4.5);
  const struct {
    v1::Filter filter;
    std::string field, message;
  } cases[] = {
      {without_kind, "query.filter.any_of[0]", "has no kind"},
      {without_value, "query.filter.has_any.values[1]", "the value has no value"},
      {too_many, "query.filter.has_any", "10001 values; at most 10000"},
      {too_deep, "", "nested more than 16 deep"},
      {upside_down, "query.filter.in_range", "the low bound of the range is above the high one"},
  };
  for (const auto& [filter, field, message] : cases) {
    const grpc::Status status = Search(Filtered(filter));
    EXPECT_THAT(status, IsError(grpc::StatusCode::INVALID_ARGUMENT, message));
    if (!field.empty()) {
      EXPECT_EQ(FieldOf(status), field);
    }
  }
}

TEST_F(FiltersTest, FacetsAreCountedWithAndWithoutASearch) {
  v1::Facet facet;
  facet.set_field("year");
  facet.set_limit(2);
  v1::FacetRange& late = *facet.add_ranges();
  late.mutable_low()->set_int64_value(2007);
  v1::CountDocumentsRequest count;
  count.set_collection("vectors");
  count.mutable_filter()->set_exists("draft");
  *count.add_facets() = facet;
  v1::CountDocumentsResponse counted;
  ASSERT_TRUE(Call(*documents_, &v1::DocumentService::Stub::CountDocuments, count, counted).ok());
  EXPECT_EQ(counted.count(), 15u);
  EXPECT_EQ(counted.filter().matching_count(), 15u);
  ASSERT_EQ(counted.facets_size(), 1);
  const v1::FacetCounts& counts = counted.facets(0);
  EXPECT_EQ(counts.field(), "year");
  EXPECT_EQ(counts.value_count(), 5u);
  ASSERT_EQ(counts.values_size(), 2);
  EXPECT_EQ(counts.values(0).value().int64_value(), 2000);
  EXPECT_EQ(counts.values(0).document_count(), 3u);
  EXPECT_EQ(counts.values(1).value().int64_value(), 2002);
  EXPECT_THAT(counts.range_counts(), ElementsAre(3u));

  v1::SearchRequest search = Filtered(Year(2003));
  *search.mutable_query()->add_facets() = facet;
  ASSERT_TRUE(Search(search).ok());
  ASSERT_EQ(found_.facets_size(), 1);
  ASSERT_EQ(found_.facets(0).values_size(), 1);
  EXPECT_EQ(found_.facets(0).values(0).document_count(), 3u);
  EXPECT_THAT(found_.facets(0).range_counts(), ElementsAre(0u));
}

TEST_F(FiltersTest, AFacetWithoutRangesTellsTenValuesUnlessItSaysHowMany) {
  v1::CountDocumentsRequest count;
  count.set_collection("vectors");
  count.add_facets()->set_field("year");
  v1::CountDocumentsResponse counted;
  ASSERT_TRUE(Call(*documents_, &v1::DocumentService::Stub::CountDocuments, count, counted).ok());
  EXPECT_EQ(counted.facets(0).values_size(), 10);
}

TEST_F(FiltersTest, ASearchExplainsItselfWhenItIsAsked) {
  v1::SearchRequest search = Filtered(Year(2003));
  ASSERT_TRUE(Search(search).ok());
  EXPECT_FALSE(found_.has_explanation());
  search.mutable_query()->set_explain(true);
  ASSERT_TRUE(Search(search).ok());
  const v1::SearchExplanation& explanation = found_.explanation();
  EXPECT_EQ(explanation.candidate_count(), 3u);
  EXPECT_EQ(explanation.vector_count(), 30u);
  EXPECT_EQ(explanation.attempts(), 1u);
  EXPECT_THAT(explanation.reason(), HasSubstr("compares all of its 30 vectors"));
  search.mutable_query()->set_exact(true);
  ASSERT_TRUE(Search(search).ok());
  EXPECT_THAT(found_.explanation().reason(), HasSubstr("asks for an exact answer"));
}

TEST_F(FiltersTest, WhatMatchesIsChangedTogether) {
  v1::UpdateMetadataRequest update;
  update.set_collection("vectors");
  *update.mutable_filter() = Year(2003);
  (*update.mutable_change()->mutable_set())["year"].set_int64_value(1903);
  update.mutable_change()->add_remove("draft");
  update.set_dry_run(true);
  v1::UpdateMetadataResponse updated;
  ASSERT_TRUE(Call(*documents_, &v1::DocumentService::Stub::UpdateMetadata, update, updated).ok());
  EXPECT_EQ(updated.updated_count(), 3u);
  EXPECT_EQ(CountOf(Year(2003)), 3u);
  update.set_dry_run(false);
  ASSERT_TRUE(Call(*documents_, &v1::DocumentService::Stub::UpdateMetadata, update, updated).ok());
  EXPECT_EQ(updated.updated_count(), 3u);
  EXPECT_EQ(updated.results_size(), 0);
  EXPECT_GT(updated.commit_sequence(), 0u);
  EXPECT_EQ(CountOf(Year(2003)), 0u);
  EXPECT_EQ(CountOf(Year(1903)), 3u);
}

TEST_F(FiltersTest, AChangeByFilterAndUpdatesByIdAreToldApart) {
  v1::UpdateMetadataRequest both;
  both.set_collection("vectors");
  both.add_updates()->set_id("1");
  *both.mutable_filter() = Year(2003);
  v1::UpdateMetadataRequest named = both;
  named.clear_updates();
  named.mutable_change()->set_id("1");
  v1::UpdateMetadataRequest without_filter = named;
  without_filter.clear_filter();
  v1::UpdateMetadataResponse updated;
  for (const auto& [request, message] :
       {std::pair(both, "updates and a filter"), std::pair(named, "leave the id empty"),
        std::pair(without_filter, "there is no filter")}) {
    const grpc::Status status =
        Call(*documents_, &v1::DocumentService::Stub::UpdateMetadata, request, updated);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
    EXPECT_THAT(status.error_message(), HasSubstr(message));
  }
}

TEST_F(FiltersTest, MapsComeBackAndAreFilteredByTheirPath) {
  v1::Document document = VectorDocument("m", {1, 1});
  v1::ValueMap& author = *(*document.mutable_metadata())["author"].mutable_map_value();
  (*author.mutable_fields())["name"].set_string_value("Ada");
  ASSERT_TRUE(Upsert("vectors", {document}).ok());
  v1::Filter filter;
  filter.mutable_has_any()->set_field("author.name");
  filter.mutable_has_any()->add_values()->set_string_value("Ada");
  ASSERT_TRUE(Search(Filtered(filter)).ok());
  ASSERT_THAT(HitIds(), ElementsAre("m"));
  const v1::Value& stored = found_.hits(0).document().metadata().at("author");
  EXPECT_EQ(stored.map_value().fields().at("name").string_value(), "Ada");
}

TEST_F(FiltersTest, TheIndexOfMetadataAndThePlannerAreInTheStatistics) {
  v1::ServerStats stats;
  ASSERT_TRUE(Call(*admin_, &v1::AdminService::Stub::GetStats, v1::GetStatsRequest(), stats).ok());
  for (const v1::CollectionStats& collection : stats.collections()) {
    if (collection.name() != "vectors") continue;
    EXPECT_TRUE(collection.filter_index().complete());
    EXPECT_EQ(collection.filter_index().fields(), 2u);
    EXPECT_GT(collection.filter_index().memory_bytes(), 0u);
    EXPECT_FALSE(collection.filter_index().has_unindexed_fields());
    return;
  }
  FAIL() << "the collection is not in the statistics";
}

TEST_F(FiltersTest, TheLimitsArePublished) {
  v1::ServerInfo info;
  ASSERT_TRUE(
      Call(*admin_, &v1::AdminService::Stub::GetServerInfo, v1::GetServerInfoRequest(), info).ok());
  EXPECT_EQ(info.limits().filter_depth_max(), kFilterDepthMax);
  EXPECT_EQ(info.limits().filter_nodes_max(), kFilterNodesMax);
  EXPECT_EQ(info.limits().filter_values_max(), kFilterValuesMax);
  EXPECT_EQ(info.limits().facets_max(), kFacetsMax);
  EXPECT_EQ(info.limits().facet_values_max(), kFacetValuesMax);
  EXPECT_EQ(info.limits().facet_ranges_max(), kFacetRangesMax);
  EXPECT_EQ(info.limits().filter_fields_max(), kFilterFieldsMax);
  EXPECT_EQ(info.limits().filter_field_bytes_max(), kFilterFieldBytesMax);
}

}  // namespace
}  // namespace simile

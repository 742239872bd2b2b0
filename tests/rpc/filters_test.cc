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

TEST_F(FiltersTest, TheLimitsArePublished) {
  v1::ServerInfo info;
  ASSERT_TRUE(
      Call(*admin_, &v1::AdminService::Stub::GetServerInfo, v1::GetServerInfoRequest(), info).ok());
  EXPECT_EQ(info.limits().filter_depth_max(), kFilterDepthMax);
  EXPECT_EQ(info.limits().filter_nodes_max(), kFilterNodesMax);
  EXPECT_EQ(info.limits().filter_values_max(), kFilterValuesMax);
}

}  // namespace
}  // namespace simile

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/storage/store_fixture.h"

namespace simile {
namespace {

using ::testing::ElementsAre;

class CollectionTest : public StoreFixture {
 protected:
  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const CollectionRecord& record : store_->Collections()) names.push_back(record.name);
    return names;
  }
};

TEST_F(CollectionTest, ACollectionIsKeptWithItsSettings) {
  CollectionRecord record{.id = 999,
                          .name = "texts",
                          .model_name = "mini",
                          .model_fingerprint = std::string(64, 'f'),
                          .dimension = 384,
                          .metric = 2,
                          .index_engine = 1,
                          .index_m = 16,
                          .index_ef_construction = 200,
                          .index_ef_search = 100,
                          .created_unix_ms = 1'700'000'000'000};
  const auto created = store_->CreateCollection(record);
  ASSERT_THAT(created, IsOk());
  record.id = 1;  // The store's to give.
  EXPECT_EQ(*created, record);
  Reopen();
  EXPECT_THAT(store_->Collections(), ElementsAre(record));
}

TEST_F(CollectionTest, CollectionsAreListedByName) {
  for (const char* name : {"b", "c", "a"}) Create(name);
  EXPECT_THAT(Names(), ElementsAre("a", "b", "c"));
  Reopen();
  EXPECT_THAT(Names(), ElementsAre("a", "b", "c"));
}

TEST_F(CollectionTest, ANameIsTakenOnce) {
  Create("texts");
  EXPECT_THAT(store_->CreateCollection({.name = "texts"}),
              StatusIs(absl::StatusCode::kAlreadyExists, "'texts'"));
  Reopen();
  EXPECT_THAT(store_->CreateCollection({.name = "texts"}),
              StatusIs(absl::StatusCode::kAlreadyExists, "'texts'"));
  EXPECT_EQ(Create("other"), 2u) << "a refused collection used up an id";
}

TEST_F(CollectionTest, WhatIsNotPublishedIsSeenByNobodyAndGoneAfterAStart) {
  const uint32_t hidden = Create("~texts");
  Create("texts");
  ASSERT_THAT(store_->Write(Request(hidden, {Put("a", "apple")})), IsOk());
  EXPECT_THAT(Names(), ElementsAre("texts"));
  const auto snapshot = store_->CreateSnapshot("s", 0, "test");
  ASSERT_THAT(snapshot, IsOk());
  EXPECT_EQ(snapshot->collections.size(), 1u);
  Reopen();
  EXPECT_THAT(Names(), ElementsAre("texts"));
  EXPECT_THAT(store_->GetByLabel(hidden, std::vector<uint64_t>{1}, {}),
              StatusIs(absl::StatusCode::kNotFound, ""));
}

TEST_F(CollectionTest, PublishedCollectionsTakeThePlacesOfOthersAllAtOnce) {
  const uint32_t old = Create("texts"), fresh = Create("~texts"), second = Create("~more");
  ASSERT_THAT(store_->Write(Request(fresh, {Put("a", "apple")})), IsOk());
  const std::vector<Publication> refused = {{second, "more", {}}, {fresh, "texts", {}}};
  EXPECT_THAT(store_->PublishCollections(refused),
              StatusIs(absl::StatusCode::kAlreadyExists, "'texts'"));
  EXPECT_THAT(Names(), ElementsAre("texts"));
  const std::vector<Publication> unknown = {{second, "more", {}}, {99, "other", {}}};
  EXPECT_THAT(store_->PublishCollections(unknown),
              StatusIs(absl::StatusCode::kNotFound, "'other'"));
  const std::vector<Publication> right = {{second, "more", {}}, {fresh, "texts", old}};
  ASSERT_THAT(store_->PublishCollections(right), IsOk());
  EXPECT_THAT(Names(), ElementsAre("more", "texts"));
  Reopen();
  EXPECT_THAT(Names(), ElementsAre("more", "texts"));
  EXPECT_EQ(store_->DocumentCount(fresh), 1u);
  EXPECT_EQ(store_->DocumentCount(old), 0u);
}

TEST_F(CollectionTest, CollectionsDoNotSeeEachOthersDocuments) {
  const uint32_t first = Create("first");
  const uint32_t second = Create("second");
  Write(first, {Put("a", "of the first"), Put("b", "too")});
  Write(second, {Put("a", "of the second")});
  EXPECT_EQ(Get(first, "a")->text, "of the first");
  EXPECT_EQ(Get(second, "a")->text, "of the second");
  EXPECT_EQ(store_->DocumentCount(first), 2u);
  EXPECT_EQ(store_->DocumentCount(second), 1u);
  Write(first, {Remove("a")});
  EXPECT_TRUE(Get(second, "a").has_value());
}

TEST_F(CollectionTest, AnUpdateChangesEfSearchAndQueryPromptAndNothingElse) {
  const uint32_t id = Create("texts");
  CollectionRecord expected = store_->Collections().front();
  Write(id, {Put("a", "text")});
  expected.index_ef_search = 333;
  expected.query_prompt = "find ";
  CollectionRecord update = expected;
  update.name = "renamed";
  update.dimension = 77;
  update.document_prompt = "about ";
  ASSERT_THAT(store_->UpdateCollection(update), IsOk());
  EXPECT_THAT(store_->Collections(), ElementsAre(expected));
  Reopen();
  EXPECT_THAT(store_->Collections(), ElementsAre(expected));
  EXPECT_EQ(store_->DocumentCount(id), 1u);
}

TEST_F(CollectionTest, WhatIsNotThereIsNotFound) {
  EXPECT_THAT(store_->UpdateCollection({.id = 7, .name = "x"}),
              StatusIs(absl::StatusCode::kNotFound, "'x'"));
  EXPECT_THAT(store_->DropCollection(7), StatusIs(absl::StatusCode::kNotFound, ""));
  EXPECT_THAT(store_->Write(Request(7, {})), StatusIs(absl::StatusCode::kNotFound, "deleted"));
  ExpectReadsAreNotFound(7);
  EXPECT_EQ(store_->DocumentCount(7), 0u);
}

}  // namespace
}  // namespace simile

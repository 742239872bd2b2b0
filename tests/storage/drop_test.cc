#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "storage/database_files.h"
#include "storage/keys.h"
#include "tests/storage/store_fixture.h"

namespace simile {
namespace {

using ::testing::IsEmpty;

class DropTest : public StoreFixture {
 protected:
  // Items handled of the session called "session".
  uint64_t HandledOf(uint32_t collection_id) const {
    return store_->IngestItemsHandled(collection_id, "session").value();
  }

  // Keys of a collection outside the catalog, and its mark that it was dropped. Opens the closed
  // database.
  size_t KeysLeft(uint32_t collection_id) const {
    const auto files = DatabaseFiles::Open(DatabasePath(), options_);
    EXPECT_THAT(files, IsOk());
    size_t keys = (*files)->Get((*files)->meta(), DroppedKey(collection_id)).ok() ? 1 : 0;
    for (rocksdb::ColumnFamilyHandle* family : (*files)->all()) {
      if (family == (*files)->meta()) continue;
      const std::unique_ptr<rocksdb::Iterator> found((*files)->db().NewIterator({}, family));
      const std::string prefix = CollectionPrefix(collection_id);
      for (found->Seek(prefix); found->Valid() && found->key().starts_with(prefix); found->Next()) {
        ++keys;
      }
    }
    return keys;
  }
};

TEST_F(DropTest, ADroppedCollectionIsGoneAtOnce) {
  const uint32_t id = Create("texts");
  Write(id, {Put("a", "text")});
  ASSERT_THAT(store_->DropCollection(id), IsOk());
  EXPECT_THAT(store_->Collections(), IsEmpty());
  EXPECT_EQ(store_->DocumentCount(id), 0u);
  EXPECT_THAT(store_->Write(Request(id, {Put("b", "text")})),
              StatusIs(absl::StatusCode::kNotFound, "deleted"));
  ExpectReadsAreNotFound(id);
  EXPECT_THAT(store_->DropCollection(id), StatusIs(absl::StatusCode::kNotFound, ""));
}

TEST_F(DropTest, ANameCanBeUsedAgainAfterADropAndStartsEmpty) {
  const uint32_t first = Create("texts");
  Write(first, {Put("a", "old"), Put("b", "old")});
  ASSERT_THAT(store_->DropCollection(first), IsOk());
  const uint32_t second = Create("texts");
  EXPECT_NE(second, first);
  EXPECT_FALSE(Get(second, "a").has_value());
  EXPECT_EQ(WriteOne(second, Put("a", "new")).label, 1u);
  Reopen();
  EXPECT_EQ(store_->DocumentCount(second), 1u);
  EXPECT_EQ(Get(second, "a")->text, "new");
  EXPECT_EQ(Create("third"), 3u) << "an id was given twice";
}

TEST_F(DropTest, TheDataOfADroppedCollectionIsRemovedInTheBackground) {
  const uint32_t dropped = Create("dropped");
  const uint32_t kept = Create("kept");
  WriteRequest request = Request(dropped, {Put("a", "text"), Put("b", "text")});
  request.progress = {.session_id = "session", .items_handled = 2};
  ASSERT_THAT(store_->Write(request), IsOk());
  Write(kept, {Put("a", "text")});
  ASSERT_THAT(store_->DropCollection(dropped), IsOk());
  // Sessions go last, and an ended store has finished what it had begun.
  EXPECT_TRUE(Eventually([&] { return HandledOf(dropped) == 0; }));
  Close();
  EXPECT_EQ(KeysLeft(dropped), 0u);
  Reopen();
  EXPECT_EQ(Get(kept, "a")->text, "text");
}

TEST_F(DropTest, ADropThatWasNotFinishedGoesOnAfterTheNextStart) {
  const uint32_t dropped = Create("dropped");
  WriteRequest request = Request(dropped, {Put("a", "text")});
  request.progress = {.session_id = "session", .items_handled = 1};
  ASSERT_THAT(store_->Write(request), IsOk());
  Close();
  {
    // As a process leaves it that ends between the drop and its background work.
    const auto files = DatabaseFiles::Open(DatabasePath(), options_);
    ASSERT_THAT(files, IsOk());
    rocksdb::WriteBatch batch;
    batch.Delete((*files)->meta(), CollectionKey(dropped));
    batch.Delete((*files)->meta(), CountersKey(dropped));
    batch.Put((*files)->meta(), DroppedKey(dropped), "");
    ASSERT_TRUE((*files)->db().Write({}, &batch).ok());
  }
  ASSERT_EQ(KeysLeft(dropped), 6u) << "id, document, vector, change, session and mark";
  const std::string derived = options_.data_directory + "/index/" + std::to_string(dropped);
  std::filesystem::create_directories(derived);
  std::ofstream(derived + "/file") << "derived";
  Reopen();
  EXPECT_TRUE(Eventually([&] { return HandledOf(dropped) == 0; }));
  Close();
  EXPECT_EQ(KeysLeft(dropped), 0u);
  EXPECT_FALSE(std::filesystem::exists(derived));
}

}  // namespace
}  // namespace simile

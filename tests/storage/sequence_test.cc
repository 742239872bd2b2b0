#include <gtest/gtest.h>

#include <string>

#include "base/byte_writer.h"
#include "storage/catalog_codec.h"
#include "storage/database_files.h"
#include "storage/keys.h"
#include "storage/logged_writes.h"
#include "tests/storage/record_samples.h"
#include "tests/storage/store_fixture.h"

namespace simile {
namespace {

// The numbers of requests: given once each, whatever is dropped, restarted or of an older format.
class SequenceTest : public StoreFixture {
 protected:
  uint64_t LastSequence() const { return store_->Statistics().last_sequence; }

  static std::string CountersOfVersion1(const CollectionCountersRecord& counters) {
    ByteWriter body;
    body.Put(counters.next_label);
    body.Put(counters.document_count);
    return SealAs(static_cast<uint8_t>(RecordKind::kCounters), 1, body.bytes());
  }
};

TEST_F(SequenceTest, TheNewestOfAnyCollectionIsKnownAfterARestart) {
  const uint32_t first = Create("first");
  const uint32_t second = Create("second");
  EXPECT_EQ(Write(first, {Put("a", "text")}).sequence, 1u);
  EXPECT_EQ(Write(second, {Put("a", "text")}).sequence, 2u);
  EXPECT_EQ(Write(first, {Put("b", "text")}).sequence, 3u);
  EXPECT_EQ(Write(second, {Remove("not there")}).sequence, 4u);
  Reopen();
  EXPECT_EQ(LastSequence(), 4u);
  EXPECT_EQ(Write(first, {Put("c", "text")}).sequence, 5u);
}

TEST_F(SequenceTest, ADropOfTheCollectionThatHadTheNewestGivesNoneTwice) {
  const uint32_t kept = Create("kept");
  const uint32_t dropped = Create("dropped");
  Write(kept, {Put("a", "text")});
  EXPECT_EQ(Write(dropped, {Put("a", "text")}).sequence, 2u);
  ASSERT_THAT(store_->DropCollection(dropped), IsOk());
  Reopen();
  EXPECT_EQ(LastSequence(), 2u);
  EXPECT_EQ(Write(kept, {Put("b", "text")}).sequence, 3u);
}

TEST_F(SequenceTest, ACollectionThatReplacesTheOneWithTheNewestGivesNoneTwice) {
  const uint32_t replaced = Create("docs");
  const uint32_t hidden = Create("~new");
  Write(hidden, {Put("a", "text")});
  EXPECT_EQ(Write(replaced, {Put("a", "text")}).sequence, 2u);
  const Publication publication{.collection_id = hidden, .name = "docs", .replaced_id = replaced};
  ASSERT_THAT(store_->PublishCollections({&publication, 1}), IsOk());
  Reopen();
  EXPECT_EQ(LastSequence(), 2u);
  EXPECT_EQ(Write(hidden, {Put("b", "text")}).sequence, 3u);
}

// Whose state told of the newest request, and counters did not.
TEST_F(SequenceTest, ADirectoryOfFormat4GoesOnWithItsNumbers) {
  const uint32_t id = Create("docs");
  Write(id, {Put("a", "text")});
  Close();
  {
    const auto files = DatabaseFiles::Open(DatabasePath(), options_);
    ASSERT_THAT(files, IsOk());
    rocksdb::WriteBatch batch;
    batch.Put((*files)->meta(), CountersKey(id),
              CountersOfVersion1({.next_label = 2, .document_count = 1}));
    batch.Put((*files)->meta(), rocksdb::Slice(kStoreStateKey),
              EncodeStoreState({.last_sequence = 40, .next_collection_id = id + 1}));
    ASSERT_TRUE((*files)->db().Write({}, &batch).ok());
  }
  Reopen();
  EXPECT_EQ(LastSequence(), 40u);
  EXPECT_EQ(Write(id, {Put("b", "text")}).sequence, 41u);
  Reopen();
  EXPECT_EQ(LastSequence(), 41u);
  EXPECT_EQ(store_->DocumentCount(id), 2u);
}

TEST_F(SequenceTest, ALogOfEitherFormatTellsTheNewestRequestInIt) {
  constexpr uint32_t kId = 1;
  const auto newest_of = [](rocksdb::WriteBatch batch) {
    LoggedWrites writes({{0, "default"}});
    EXPECT_TRUE(writes.Add(batch.Data()));
    return writes.last_sequence();
  };
  rocksdb::WriteBatch format_4;
  format_4.Put(CountersKey(kId), CountersOfVersion1({.next_label = 2, .document_count = 1}));
  format_4.Put(std::string(kStoreStateKey),
               EncodeStoreState({.last_sequence = 40, .next_collection_id = 2}));
  EXPECT_EQ(newest_of(format_4), 40u);
  rocksdb::WriteBatch format_5;
  format_5.Put(CountersKey(kId), EncodeCounters({.last_sequence = 42}));
  format_5.Put(CountersKey(kId + 1), EncodeCounters({.last_sequence = 41}));
  EXPECT_EQ(newest_of(format_5), 42u);
  rocksdb::WriteBatch creation;
  creation.Put(CountersKey(kId), EncodeCounters({}));
  creation.Put(std::string(kStoreStateKey), EncodeStoreState({.next_collection_id = 2}));
  EXPECT_EQ(newest_of(creation), std::nullopt);
}

}  // namespace
}  // namespace simile

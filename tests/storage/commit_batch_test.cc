#include "storage/commit_batch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "storage/keys.h"
#include "tests/storage/store_fixture.h"

namespace simile {
namespace {

// Several requests in one batch, without the committer's timing. Document "bad" (label 1) is
// damaged, so that a put that keeps its vector fails.
class CommitBatchTest : public StoreFixture {
 protected:
  void SetUp() override {
    StoreFixture::SetUp();
    collection_ = Create("texts");
    other_ = Create("other");
    Write(collection_, {Put("bad", "text")});
    Close();
    auto files = DatabaseFiles::Open(DatabasePath(), options_);
    ASSERT_THAT(files, IsOk());
    files_ = *std::move(files);
    ASSERT_TRUE(
        files_->db().Put({}, files_->documents(), LabelKey(collection_, 1), "nonsense").ok());
    auto catalog = Catalog::Load(*files_);
    ASSERT_THAT(catalog, IsOk());
    catalog_ = *std::move(catalog);
    batch_ = std::make_unique<CommitBatch>(*files_, *catalog_, buffer_);
  }

  // Writes the batch and opens the store on what is there then.
  void WriteAndReopen() {
    ASSERT_TRUE(batch_->Write(/*sync=*/false).ok());
    batch_.reset();
    catalog_.reset();
    files_.reset();
    Reopen();
  }

  uint32_t collection_ = 0, other_ = 0;
  std::unique_ptr<DatabaseFiles> files_;
  std::unique_ptr<Catalog> catalog_;
  rocksdb::WriteBatch buffer_;
  std::unique_ptr<CommitBatch> batch_;
};

TEST_F(CommitBatchTest, ARequestSeesTheOnesBeforeItInTheBatch) {
  const auto first = batch_->Add(Request(collection_, {Put("a", "one", {{5, 6}}), Put("b", "b")}));
  const auto second =
      batch_->Add(Request(collection_, {Put("a", "two", std::nullopt), Remove("b")}));
  ASSERT_THAT(first, IsOk());
  ASSERT_THAT(second, IsOk());
  EXPECT_EQ(second->sequence, first->sequence + 1);
  EXPECT_EQ(second->operations[0].effect, Effect::kReplaced);
  EXPECT_EQ(second->operations[0].label, first->operations[0].label);
  EXPECT_EQ(second->operations[1].effect, Effect::kRemoved);
  WriteAndReopen();
  const auto document = Get(collection_, "a");
  ASSERT_TRUE(document.has_value());
  EXPECT_EQ(document->text, "two");
  EXPECT_EQ(document->sequence, second->sequence);
  EXPECT_THAT(document->vector, ::testing::ElementsAre(5, 6));
  EXPECT_FALSE(Get(collection_, "b").has_value());
  EXPECT_EQ(store_->DocumentCount(collection_), 2u);
}

TEST_F(CommitBatchTest, APutThatKeepsItsVectorKeepsWhatBelongsToIt) {
  PutOperation embedded = Put("a", "one", {{5, 6}});
  embedded.vector_source = VectorSource::kEncoder;
  embedded.token_count = 3;
  embedded.truncated = true;
  ASSERT_THAT(batch_->Add(Request(collection_, {embedded})), IsOk());
  ASSERT_THAT(batch_->Add(Request(collection_, {Put("a", "two", std::nullopt)})), IsOk());
  WriteAndReopen();
  const auto document = Get(collection_, "a");
  ASSERT_TRUE(document.has_value());
  EXPECT_EQ(document->text, "two");
  EXPECT_EQ(document->vector_source, VectorSource::kEncoder);
  EXPECT_EQ(document->token_count, 3u);
  EXPECT_TRUE(document->truncated);
}

TEST_F(CommitBatchTest, AFailedRequestRemovesNothingThatOneBeforeItHasPut) {
  const auto before = batch_->Add(Request(collection_, {Put("a", "kept")}));
  ASSERT_THAT(before, IsOk());
  EXPECT_THAT(batch_->Add(Request(collection_, {Remove("a"), Put("a", "again"), Remove("a"),
                                                Put("bad", "x", std::nullopt)})),
              StatusIs(absl::StatusCode::kDataLoss, "'bad'"));
  const auto after = batch_->Add(Request(collection_, {Put("a", "changed", std::nullopt)}));
  ASSERT_THAT(after, IsOk());
  EXPECT_EQ(after->operations[0].effect, Effect::kReplaced);
  EXPECT_EQ(after->operations[0].label, before->operations[0].label);
}

TEST_F(CommitBatchTest, AFailedRequestLeavesNothingBehind) {
  const auto before = batch_->Add(Request(collection_, {Put("a", "kept", {{5, 6}})}));
  ASSERT_THAT(before, IsOk());
  WriteRequest failing = Request(collection_, {Put("new", "x"), Put("a", "changed"), Remove("a"),
                                               Put("bad", "x", std::nullopt)});
  failing.progress = {.session_id = "session", .items_handled = 4};
  EXPECT_THAT(batch_->Add(failing),
              StatusIs(absl::StatusCode::kDataLoss, "document 'bad' (label 1) is damaged"));
  const auto after = batch_->Add(Request(collection_, {Put("b", "next")}));
  ASSERT_THAT(after, IsOk());
  EXPECT_EQ(after->sequence, before->sequence + 1);
  EXPECT_EQ(after->operations[0].label, before->operations[0].label + 1);
  WriteAndReopen();
  const auto document = Get(collection_, "a");
  ASSERT_TRUE(document.has_value());
  EXPECT_EQ(document->text, "kept");
  EXPECT_THAT(document->vector, ::testing::ElementsAre(5, 6));
  EXPECT_FALSE(Get(collection_, "new").has_value());
  EXPECT_TRUE(Get(collection_, "b").has_value());
  EXPECT_EQ(store_->DocumentCount(collection_), 3u);
  EXPECT_EQ(store_->IngestItemsHandled(collection_, "session").value(), 0u);
}

TEST_F(CommitBatchTest, AFailedRequestDoesNotFailThoseOfOtherCollections) {
  EXPECT_THAT(batch_->Add(Request(collection_, {Put("bad", "x", std::nullopt)})),
              StatusIs(absl::StatusCode::kDataLoss, "'bad'"));
  EXPECT_THAT(batch_->Add(Request(99, {Put("a", "x")})),
              StatusIs(absl::StatusCode::kNotFound, "deleted"));
  EXPECT_THAT(batch_->Add(Request(other_, {Put("a", "fine")})), IsOk());
  WriteAndReopen();
  EXPECT_EQ(Get(other_, "a")->text, "fine");
  EXPECT_EQ(store_->DocumentCount(other_), 1u);
  EXPECT_EQ(store_->Statistics().last_sequence, 2u);
}

TEST_F(CommitBatchTest, TheCatalogLearnsOfABatchOnlyWhenItIsPublished) {
  ASSERT_THAT(batch_->Add(Request(other_, {Put("a", "x")})), IsOk());
  ASSERT_TRUE(batch_->Write(/*sync=*/false).ok());
  EXPECT_EQ(catalog_->Counters(other_).document_count, 0u);
  batch_->Publish(*catalog_);
  EXPECT_EQ(catalog_->Counters(other_).document_count, 1u);
  EXPECT_EQ(catalog_->Counters(other_).next_label, 2u);
  EXPECT_EQ(catalog_->State().last_sequence, 2u);
}

}  // namespace
}  // namespace simile

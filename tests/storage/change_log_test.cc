// Which vectors requests changed, as an index asks for it after a start.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "storage/database_files.h"
#include "storage/keys.h"
#include "tests/storage/store_fixture.h"

namespace simile {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class ChangeLogTest : public StoreFixture {
 protected:
  std::vector<uint64_t> ChangedSince(uint64_t sequence) const {
    const auto labels = store_->ChangedSince(collection_, sequence);
    EXPECT_THAT(labels, IsOk());
    return labels.value_or(std::vector<uint64_t>());
  }

  void SetUp() override {
    StoreFixture::SetUp();
    collection_ = Create("texts");
  }

  uint32_t collection_ = 0;
};

TEST_F(ChangeLogTest, PutsAndRemovalsOfVectorsAreThereOnceAndInOrder) {
  const uint64_t before = store_->LastSequence();
  Write(collection_, {Put("a", "text"), Put("b", "text"), Put("a", "newer")});
  Write(collection_, {Put("c", "text"), Remove("a"), Remove("missing")});
  EXPECT_THAT(ChangedSince(before), ElementsAre(1, 2, 3));
  EXPECT_THAT(ChangedSince(before + 1), ElementsAre(1, 3));
  EXPECT_THAT(ChangedSince(store_->LastSequence()), IsEmpty());
}

TEST_F(ChangeLogTest, ANewTextWithTheOldVectorIsNoChange) {
  Write(collection_, {Put("a", "text")});
  const uint64_t before = store_->LastSequence();
  Write(collection_, {Put("a", "other", std::nullopt)});
  EXPECT_THAT(ChangedSince(before), IsEmpty());
}

TEST_F(ChangeLogTest, OtherCollectionsAreApart) {
  const uint32_t other = Create("others");
  Write(other, {Put("a", "text"), Put("b", "text")});
  Write(collection_, {Put("a", "text")});
  EXPECT_THAT(ChangedSince(0), ElementsAre(1));
}

TEST_F(ChangeLogTest, ForgottenChangesAreOutOfRangeAndLaterOnesStayAfterARestartToo) {
  Write(collection_, {Put("a", "text")});
  const uint64_t covered = store_->LastSequence();
  Write(collection_, {Put("b", "text")});
  ASSERT_THAT(store_->ForgetChanges(collection_, covered), IsOk());
  // An older one changes nothing.
  ASSERT_THAT(store_->ForgetChanges(collection_, covered - 1), IsOk());
  for (int round = 0; round < 2; ++round) {
    EXPECT_THAT(ChangedSince(covered), ElementsAre(2));
    EXPECT_THAT(store_->ChangedSince(collection_, covered - 1),
                StatusIs(absl::StatusCode::kOutOfRange, "those up to 1 are forgotten"));
    Reopen();
  }
}

TEST_F(ChangeLogTest, ADamagedRecordIsDataLossWithItsSequence) {
  Write(collection_, {Put("a", "text")});
  Close();
  {
    const auto files = DatabaseFiles::Open(DatabasePath(), options_);
    ASSERT_THAT(files, IsOk());
    ASSERT_TRUE(
        (*files)->db().Put({}, (*files)->changes(), ChangesKey(collection_, 1), "nonsense").ok());
  }
  Reopen();
  EXPECT_THAT(store_->ChangedSince(collection_, 0),
              StatusIs(absl::StatusCode::kDataLoss, "what request 1 changed"));
}

TEST_F(ChangeLogTest, VectorsAreReadByLabelAndEmptyWhereThereIsNone) {
  Write(collection_, {Put("a", "text", std::vector<float>{3, 4}), Put("b", "text")});
  Write(collection_, {Remove("b")});
  std::vector<std::pair<uint64_t, std::vector<float>>> read;
  const auto visit = [&read](uint64_t label, std::span<const float> vector) {
    read.emplace_back(label, std::vector<float>(vector.begin(), vector.end()));
    return absl::OkStatus();
  };
  ASSERT_THAT(store_->ReadVectors(collection_, std::vector<uint64_t>{2, 1}, visit), IsOk());
  EXPECT_THAT(read, ElementsAre(std::pair(uint64_t{2}, std::vector<float>()),
                                std::pair(uint64_t{1}, std::vector<float>{3, 4})));
}

}  // namespace
}  // namespace simile

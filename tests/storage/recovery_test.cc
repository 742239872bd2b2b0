#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <set>
#include <string>

#include "tests/storage/crash_fixture.h"

namespace simile {
namespace {

namespace fs = std::filesystem;

using RecoveryTest = CrashFixture;

TEST_F(RecoveryTest, EveryAcknowledgedWriteSurvivesKillAfterKill) {
  constexpr uint32_t kRounds = 3, kNumbersOfARound = 1'000'000;
  constexpr size_t kAcknowledgedMin = 150;
  std::set<uint32_t> acknowledged;
  for (uint32_t round = 0; round < kRounds; ++round) {
    const uint32_t first = round * kNumbersOfARound;
    acknowledged.merge(WriteAndKill(first, first + kNumbersOfARound, kAcknowledgedMin, 4));
    Reopen();
    const std::set<uint32_t> stored = NumbersStored();
    EXPECT_TRUE(std::ranges::includes(stored, acknowledged)) << "an acknowledged write is lost";
    Close();
  }
  EXPECT_GE(acknowledged.size(), kRounds * kAcknowledgedMin);
}

TEST_F(RecoveryTest, AKilledStoreGoesOnWithItsNumbers) {
  const size_t acknowledged = WriteAndKill(0, 1'000'000, 50, 4).size();
  Reopen();
  const uint64_t sequence = store_->Statistics().last_sequence;
  const uint64_t end_label = store_->EndLabel(kCrashCollectionId);
  EXPECT_GE(sequence, acknowledged);
  const CommitResult next = Write(kCrashCollectionId, {Put("next", "text")});
  EXPECT_EQ(next.sequence, sequence + 1);
  EXPECT_EQ(next.operations[0].label, end_label);
  EXPECT_EQ(Create("another"), kCrashCollectionId + 1);
}

// What a power cut leaves of a write it interrupted.
TEST_F(RecoveryTest, ATornTailOfTheLogLosesTheLastWriteAsAWholeAndNoOther) {
  constexpr uint32_t kDocuments = 30;
  // One writer, so that the last request is the last in the log; "done" is one line more.
  std::set<uint32_t> expected = WriteAndKill(0, kDocuments, kDocuments + 1, 1);
  ASSERT_EQ(expected.size(), kDocuments);
  expected.erase(kDocuments - 1);
  const std::string whole = directory_.path() + "/whole";
  fs::rename(options_.data_directory, whole);
  for (const size_t missing : {1u, 2u, 7u, 20u, 100u, 400u}) {
    fs::remove_all(options_.data_directory);
    fs::copy(whole, options_.data_directory, fs::copy_options::recursive);
    const std::string log = FilesEndingIn(".log").back();
    fs::resize_file(log, fs::file_size(log) - missing);
    Reopen();
    EXPECT_EQ(NumbersStored(), expected) << missing << " bytes cut off";
    EXPECT_EQ(store_->Statistics().last_sequence, kDocuments - 1);
    Close();
  }
}

}  // namespace
}  // namespace simile

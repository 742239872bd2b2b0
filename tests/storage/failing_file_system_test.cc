// R5: the N-th operation on a file fails. The long form is tests/crash/failing_files.
#include "tests/storage/failing_file_system.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "fmt/format.h"
#include "storage/database_file_system.h"
#include "storage/database_files.h"
#include "tests/storage/fault_run.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temporary_directory.h"

namespace simile {
namespace {

using Which = FaultPlan::Which;

constexpr uint32_t kSeed = 1;
constexpr uint64_t kForEver = uint64_t{1} << 40;

// Runs in a directory of its own, and tells what was wrong; the number of faults that were met.
uint64_t ExpectNothingWrong(const FaultPlan& plan, uint32_t seed) {
  SCOPED_TRACE(fmt::format("{}, seed {}", plan.Describe(), seed));
  const TemporaryDirectory directory;
  FaultRun run(directory.path() + "/data", plan, seed);
  for (const std::string& wrong : run.Run()) ADD_FAILURE() << wrong;
  return run.faults();
}

uint64_t OperationsWithoutFaults(Which which) {
  const TemporaryDirectory directory;
  FaultRun run(directory.path() + "/data", {.which = which}, kSeed);
  EXPECT_TRUE(run.Run().empty());
  EXPECT_GT(run.acknowledged(), 100u);
  return run.operations();
}

// The operations of a run, some of each part of it: among them those of the opening.
void FailSome(Which which, uint64_t count, bool is_full) {
  constexpr uint64_t kRuns = 6;
  const uint64_t operations = OperationsWithoutFaults(which);
  uint64_t faults = 0;
  for (uint64_t run = 0; run < kRuns; ++run) {
    const uint64_t first = 1 + run * operations / kRuns + run % 3;
    faults += ExpectNothingWrong(
        {.which = which, .first = first, .count = count, .is_full = is_full}, kSeed);
  }
  EXPECT_GE(faults, kRuns / 2) << "most runs must have met what they were made for";
}

TEST(FailingFileSystemTest, OneAppendThatFailsLosesNothingAcknowledged) {
  FailSome(Which::kAppend, 1, /*is_full=*/false);
}

TEST(FailingFileSystemTest, NothingIsAcknowledgedAfterASyncThatFailed) {
  FailSome(Which::kSync, 1, /*is_full=*/false);
}

TEST(FailingFileSystemTest, FilesThatCannotBeMadeOrRenamedLoseNothingAcknowledged) {
  FailSome(Which::kNameChange, 1, /*is_full=*/false);
}

TEST(FailingFileSystemTest, ADiskThatFailsFromOneMomentOnLosesNothingAcknowledged) {
  FailSome(Which::kAny, kForEver, /*is_full=*/false);
}

TEST(FailingFileSystemTest, ADiskThatIsFullFromOneMomentOnLosesNothingAcknowledged) {
  FailSome(Which::kAny, kForEver, /*is_full=*/true);
}

TEST(FailingFileSystemTest, ADiskThatIsFullForAWhileLosesNothingAcknowledged) {
  FailSome(Which::kAppend, 20, /*is_full=*/true);
}

TEST(FailingFileSystemTest, ASyncWithoutSpaceStopsWritesToo) {
  FailSome(Which::kSync, 1, /*is_full=*/true);
}

// MANIFEST learns that a log was synced after the batch is in the memtables; RocksDB then resumed
// with half of it.
TEST(FailingFileSystemTest, AManifestThatIsFullForAMomentKeepsNoHalfOfABatch) {
  for (const uint64_t first : {90u, 278u}) {
    for (int round = 0; round < 3; ++round) {
      ExpectNothingWrong({.which = Which::kAppend, .first = first, .count = 2, .is_full = true},
                         static_cast<uint32_t>(first) + kSeed);
    }
  }
}

// Debian's RocksDB ends the process when it learns of that from the table.
TEST(FailingFileSystemTest, ATableThatIsToHoldNothingAndCannotBeWrittenDoesNotEndTheProcess) {
  for (const Which which : {Which::kAppend, Which::kSync}) {
    const TemporaryDirectory directory;
    const auto file_system = std::make_shared<FailingFileSystem>(FaultPlan{.which = which});
    const auto files =
        DatabaseFiles::Open(directory.path() + "/rocksdb", {.file_system = file_system});
    ASSERT_THAT(files, IsOk());
    rocksdb::DB& db = (*files)->db();
    const rocksdb::WriteOptions write;
    ASSERT_TRUE(db.Put(write, (*files)->ids(), "a", "1").ok());
    ASSERT_TRUE(db.Flush({}, (*files)->ids()).ok());
    ASSERT_TRUE(db.DeleteRange(write, (*files)->ids(), "a", "b").ok());
    ASSERT_TRUE(db.Flush({}, (*files)->ids()).ok());
    file_system->FailNext();
    rocksdb::CompactRangeOptions all;
    all.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForce;
    const bool is_compacted = db.CompactRange(all, (*files)->ids(), nullptr, nullptr).ok();
    EXPECT_EQ(file_system->faults(), 1u);
    // The table is not needed, but a sync that failed says something about the disk.
    EXPECT_EQ(is_compacted, which == Which::kAppend);
    EXPECT_EQ((*files)->has_failed(), which == Which::kSync);
  }
}

// It did, at the first line that did not fit on a full disk.
TEST(FailingFileSystemTest, ADiaryThatCannotBeWrittenDoesNotEndTheProcess) {
  for (const uint64_t count : {uint64_t{1}, kForEver}) {
    const TemporaryDirectory directory;
    const auto target = std::make_shared<FailingFileSystem>(
        FaultPlan{.which = Which::kAny, .count = count, .is_full = true});
    const auto file_system =
        std::make_shared<DatabaseFileSystem>(target, directory.path(), nullptr);
    std::shared_ptr<rocksdb::Logger> diary;
    const std::string path = directory.path() + "/LOG";
    ASSERT_TRUE(file_system->NewLogger(path, {}, &diary, nullptr).ok());
    target->FailNext();
    for (int line = 0; line < 3; ++line) {
      rocksdb::Log(rocksdb::InfoLogLevel::ERROR_LEVEL, diary, "line %d", line);
      diary->Flush();
    }
    EXPECT_GE(target->faults(), 1u);
    EXPECT_FALSE(file_system->has_failed()) << "it is no file that matters";
    ASSERT_TRUE(file_system->NewLogger(path, {}, &diary, nullptr).ok());
  }
}

}  // namespace
}  // namespace simile

// The index of a collection across restarts: taken up from its files, or built anew where they do
// not serve, and always what the store says; and exchanged for one of another kind.
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "tests/engine/collection_index_fixture.h"

namespace simile {
namespace {

namespace fs = std::filesystem;

class CollectionIndexTest : public CollectionIndexFixture {
 protected:
  static constexpr uint64_t kSettlesFrom = 5;

  void ChangeAndRestartAtRandom() {
    Put(0, kDocuments);
    for (int round = 0; round < 25; ++round) {
      SCOPED_TRACE(round);
      for (int change = 0; change < 30; ++change) {
        const size_t number = random_() % (kDocuments + 200);
        if (random_() % 4 == 0 && vectors_.contains(number)) {
          Remove(number);
        } else {
          Put(number, number + 1 + random_() % 5);
        }
        if (random_() % 25 == 0) {
          const auto report = index_->WriteCheckpoint();
          ASSERT_THAT(report, IsOk());
          // While something settles nothing is kept.
          EXPECT_TRUE(report->is_kept || options_.replayed_before_serving_max == kSettlesFrom);
        }
      }
      if (random_() % 3 == 0) OpenStoreAgain();
      Restart();
      ExpectVectorsAreFound(97);
    }
  }
};

TEST_F(CollectionIndexTest, ARestartTakesUpTheFilesAndMakesLaterChangesAgain) {
  Put(0, kDocuments);
  ExpectCheckpoint();
  Put(kDocuments, kDocuments + 50);
  Put(0, 50);
  for (size_t number = 100; number < 120; ++number) Remove(number);
  Restart();
  EXPECT_TRUE(IsFromFiles());
  ExpectIndexIsTheStore(7);
}

TEST_F(CollectionIndexTest, ASmallIndexHasNoFilesAndIsFilledFromTheStore) {
  Put(0, 100);
  const auto report = index_->WriteCheckpoint();
  ASSERT_THAT(report, IsOk());
  EXPECT_FALSE(report->is_kept);
  Put(100, 120);
  Restart();
  ExpectIndexIsTheStore();
}

TEST_F(CollectionIndexTest, WithoutChangesNothingIsWritten) {
  Put(0, kDocuments);
  EXPECT_TRUE(index_->HasChanges());
  ExpectCheckpoint();
  EXPECT_FALSE(index_->HasChanges());
  EXPECT_FALSE(index_->WriteCheckpoint()->is_kept);
  Restart();
  EXPECT_FALSE(index_->HasChanges());
  Put(0, 1);
  EXPECT_TRUE(index_->HasChanges());
}

TEST_F(CollectionIndexTest, AfterRetireNothingIsWritten) {
  Put(0, kDocuments);
  index_->Retire();
  EXPECT_FALSE(index_->WriteCheckpoint()->is_kept);
  EXPECT_FALSE(IsFromFiles());
}

TEST_F(CollectionIndexTest, DamagedFilesAreReplacedByAnIndexBuiltAnew) {
  Put(0, kDocuments);
  ExpectCheckpoint();
  // A vector that nobody has changed since.
  std::fstream file(IndexDirectory() + "/vectors-00000", std::ios::in | std::ios::out);
  file.seekp(1'000 * kDimension * sizeof(float));
  file << "damage";
  file.close();
  Restart();
  EXPECT_FALSE(IsFromFiles());
  ExpectIndexIsTheStore(7);
  ExpectCheckpoint();
  Restart();
  EXPECT_TRUE(IsFromFiles());
  ExpectIndexIsTheStore(7);
}

TEST_F(CollectionIndexTest, FilesOfAnOlderCheckpointThatCameBackAreNotBelieved) {
  Put(0, kDocuments);
  ExpectCheckpoint();
  const std::string copy = directory_.path() + "/copy";
  fs::copy(IndexDirectory(), copy);
  Put(0, 10);
  Remove(20);
  ExpectCheckpoint();
  index_.reset();
  fs::remove_all(IndexDirectory());
  fs::copy(copy, IndexDirectory());
  Restart();
  EXPECT_FALSE(IsFromFiles());
  ExpectIndexIsTheStore(7);
}

TEST_F(CollectionIndexTest, FilesThatAreAheadOfTheStoreAreNotBelieved) {
  Put(0, kDocuments);
  index_->Get()->Checkpoint(store_->LastSequence() + 1).IgnoreError();
  ASSERT_TRUE(IsFromFiles());
  Restart();
  EXPECT_FALSE(IsFromFiles());
  ExpectIndexIsTheStore(7);
}

TEST_F(CollectionIndexTest, AChangeTheIndexDoesNotHaveIsMadeAgainAfterARestart) {
  Put(0, kDocuments);
  {
    AppliedSequence::Change change = index_->BeginChange();
    vectors_[kDocuments] = NewVector();
    const auto committed =
        store_->Write({.collection_id = collection_,
                       .operations = {PutOperation{.id = "lost", .vector = vectors_[kDocuments]}}});
    ASSERT_THAT(committed, IsOk());
    labels_[kDocuments] = committed->operations.front().label;
    change.Lost();
  }
  Put(0, 10);
  ExpectCheckpoint();
  Restart();
  EXPECT_TRUE(IsFromFiles());
  ExpectIndexIsTheStore(7);
}

TEST_F(CollectionIndexTest, AChangeUnderWayIsNotCovered) {
  Put(0, kDocuments);
  {
    const AppliedSequence::Change change = index_->BeginChange();
    ASSERT_THAT(store_->Write({.collection_id = collection_, .operations = {RemoveOperation{"5"}}}),
                IsOk());
    // Committed, and not yet in the index when it is written to its files.
    ExpectCheckpoint();
  }
  vectors_.erase(5);
  Restart();
  EXPECT_TRUE(IsFromFiles());
  ExpectIndexIsTheStore(7);
}

TEST_F(CollectionIndexTest, RandomChangesCheckpointsAndRestartsKeepIndexAndStoreTheSame) {
  ChangeAndRestartAtRandom();
  ExpectIndexIsTheStore();
}

TEST_F(CollectionIndexTest, ManyLaterChangesServeBesideTheIndexUntilTheyAreInIt) {
  RestartSettling();
  ExpectVectorsAreFound(97);
  Put(50, 150);
  Put(kDocuments + 2'900, kDocuments + 3'100);
  Remove(200);
  Remove(kDocuments + 2'000);
  AwaitSettled();
  EXPECT_EQ(index_->Get()->Statistics().waiting_count, 0u);
  ExpectIndexIsTheStore(7);
  Restart();
  EXPECT_TRUE(IsFromFiles());
  EXPECT_EQ(index_->Get()->Statistics().waiting_count, 0u);
  ExpectIndexIsTheStore(7);
}

TEST_F(CollectionIndexTest, WhatStillLiesBesideTheIndexIsNotForgotten) {
  RestartSettling();
  for (int time = 0; time < 4; ++time) {
    Put(0, 5);
    // Keeps nothing, and so must forget nothing.
    ASSERT_THAT(index_->WriteCheckpoint(), IsOk());
    Restart();
    // Had anything been forgotten, it would have been built anew, and have no files yet.
    EXPECT_TRUE(IsFromFiles());
    ExpectVectorsAreFound(97);
  }
}

TEST_F(CollectionIndexTest, RandomChangesAndRestartsBesideWhatSettlesKeepIndexAndStoreTheSame) {
  options_.replayed_before_serving_max = kSettlesFrom;
  ChangeAndRestartAtRandom();
  AwaitSettled();
  ExpectIndexIsTheStore();
}

TEST_F(CollectionIndexTest, AnotherKindTakesThePlaceOfAnIndexThatSettles) {
  RestartSettling();
  // A scan is there long before the graph has what waits.
  BeginRebuild({.engine = IndexEngine::kFlat});
  Put(0, 20);
  AwaitRebuild();
  EXPECT_EQ(index_->rebuild_failure(), "");
  EXPECT_EQ(index_->kind().engine, IndexEngine::kFlat);
  EXPECT_EQ(index_->Get()->Statistics().waiting_count, 0u);
  ExpectIndexIsTheStore(7);
  // Nobody needs the changes any more.
  ASSERT_THAT(index_->WriteCheckpoint(), IsOk());
  EXPECT_THAT(store_->ChangedSince(collection_, 0), StatusIs(absl::StatusCode::kOutOfRange, ""));
  Put(0, 20);
  Restart();
  ExpectIndexIsTheStore(7);
}

TEST_F(CollectionIndexTest, ARebuildThatIsCancelledLeavesWhatSettlesAsItWas) {
  RestartSettling();
  BeginRebuild({.engine = IndexEngine::kHnswlib});
  index_->CancelRebuild();
  EXPECT_EQ(index_->kind(), IndexKind());
  ASSERT_THAT(index_->WriteCheckpoint(), IsOk());
  Restart();
  EXPECT_TRUE(IsFromFiles());
  ExpectVectorsAreFound(97);
  AwaitSettled();
  ExpectIndexIsTheStore(7);
}

TEST_F(CollectionIndexTest, AfterRetireNothingSettles) {
  RestartSettling();
  index_->Retire();
  const size_t waiting = index_->Get()->Statistics().waiting_count;
  EXPECT_GT(waiting, 0u);
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_EQ(index_->Get()->Statistics().waiting_count, waiting);
  ExpectIndexIsTheStore(97);
}

TEST_F(CollectionIndexTest, EveryKindTakesThePlaceOfEveryOther) {
  Put(0, kDocuments);
  ExpectCheckpoint();
  const IndexKind kinds[] = {{.engine = IndexEngine::kFlat},
                             {.codes = CodeFormat::kSq4},
                             {.engine = IndexEngine::kHnswlib},
                             {.codes = CodeFormat::kFloat32},
                             {}};
  for (const IndexKind& kind : kinds) {
    BeginRebuild(kind);
    AwaitRebuild();
    EXPECT_EQ(index_->rebuild_failure(), "");
    EXPECT_EQ(index_->kind(), kind);
    ExpectIndexIsTheStore(97);
    Put(0, 5);
    Remove(vectors_.rbegin()->first);
    ASSERT_THAT(index_->WriteCheckpoint(), IsOk());
    Put(5, 10);
    Restart();
    EXPECT_EQ(index_->kind(), kind);
    ExpectIndexIsTheStore(97);
  }
}

TEST_F(CollectionIndexTest, ACancelledRebuildLeavesTheOldIndexAndNothingElse) {
  Put(0, kDocuments);
  ExpectCheckpoint();
  BeginRebuild({.engine = IndexEngine::kHnswlib});
  EXPECT_TRUE(index_->rebuild_progress().has_value());
  index_->CancelRebuild();
  EXPECT_FALSE(index_->rebuild_progress().has_value());
  EXPECT_EQ(index_->rebuild_failure(), "");
  EXPECT_EQ(index_->kind(), IndexKind());
  // So does asking for the kind there is.
  BeginRebuild({.codes = CodeFormat::kSq4});
  BeginRebuild({});
  EXPECT_FALSE(index_->rebuild_progress().has_value());
  EXPECT_EQ(index_->kind(), IndexKind());
  Put(0, 10);
  ExpectIndexIsTheStore(97);
  Restart();
  EXPECT_TRUE(IsFromFiles());
  ExpectIndexIsTheStore(97);
}

TEST_F(CollectionIndexTest, WhileAnIndexIsBuiltAnewAScanServesAndTakesChanges) {
  Put(0, kDocuments);
  options_.built_before_serving_max = 100;
  Restart();
  const auto answer = index_->Get()->Search(NewVector(), {.k = 5});
  ASSERT_THAT(answer, IsOk());
  EXPECT_EQ(answer->neighbors.size(), 5u);
  ExpectIndexIsTheStore(97);
  Put(0, 20);
  Remove(30);
  EXPECT_EQ(index_->kind(), IndexKind());
  AwaitRebuild();
  EXPECT_EQ(index_->rebuild_failure(), "");
  ExpectIndexIsTheStore(7);
  // Now it is a graph, which has files.
  ExpectCheckpoint();
  Put(0, 20);
  Restart();
  EXPECT_TRUE(IsFromFiles());
  EXPECT_FALSE(index_->rebuild_progress().has_value());
  ExpectIndexIsTheStore(7);
}

TEST_F(CollectionIndexTest, AnotherKindThanTheOneThatIsBuiltAnewMayBeWanted) {
  Put(0, kDocuments);
  options_.built_before_serving_max = 100;
  Restart();
  BeginRebuild({});  // Is what is being built.
  BeginRebuild({.codes = CodeFormat::kSq4});
  AwaitRebuild();
  EXPECT_EQ(index_->rebuild_failure(), "");
  EXPECT_EQ(index_->kind().codes, CodeFormat::kSq4);
  ExpectIndexIsTheStore(7);
}

TEST_F(CollectionIndexTest, AnIndexThatItsVectorsHaveDriftedAwayFromIsBuiltAnew) {
  Put(0, kDocuments);
  ExpectCheckpoint();
  index_->RebuildIfStale();
  EXPECT_FALSE(index_->rebuild_progress().has_value());
  length_ = 40;
  Put(kDocuments, kDocuments + 6'000);
  ASSERT_TRUE(index_->Get()->Statistics().is_scale_stale);
  index_->RebuildIfStale();
  EXPECT_TRUE(index_->rebuild_progress().has_value());
  Put(0, 20);
  AwaitRebuild();
  EXPECT_EQ(index_->rebuild_failure(), "");
  EXPECT_FALSE(index_->Get()->Statistics().is_scale_stale);
  ExpectIndexIsTheStore(97);
  ExpectCheckpoint();
  Put(20, 40);
  Restart();
  EXPECT_TRUE(IsFromFiles());
  ExpectIndexIsTheStore(97);
}

TEST_F(CollectionIndexTest, NothingIsBuiltBesideWhenMemoryIsShort) {
  Put(0, kDocuments);
  options_.check_memory = [] { return absl::ResourceExhaustedError("no memory left"); };
  Restart();
  ExpectIndexIsTheStore(97);
  BeginRebuild({.codes = CodeFormat::kSq4});
  AwaitRebuild();
  EXPECT_EQ(index_->rebuild_failure(), "no memory left");
  EXPECT_EQ(index_->kind(), IndexKind());
  ExpectIndexIsTheStore(97);
}

TEST_F(CollectionIndexTest, WhenTheChangeCannotBeMadeDurableTheOldIndexStays) {
  Put(0, kDocuments);
  index_->Rebuild({.engine = IndexEngine::kFlat},
                  [] { return absl::UnavailableError("no writes any more"); });
  AwaitRebuild();
  EXPECT_EQ(index_->rebuild_failure(), "no writes any more");
  EXPECT_EQ(index_->kind(), IndexKind());
  Put(0, 10);
  ExpectIndexIsTheStore(97);
}

}  // namespace
}  // namespace simile

// The index of a collection across restarts: taken up from its files, or built anew where they do
// not serve, and always what the store says.
#include "server/engine/collection_index.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/status_matchers.h"
#include "tests/support/temporary_directory.h"

namespace simile {
namespace {

namespace fs = std::filesystem;

constexpr size_t kDimension = 4;
constexpr size_t kDocuments = 4'700;  // So many that an AutoIndex has become a graph.

class CollectionIndexTest : public ::testing::Test {
 protected:
  void SetUp() override {
    OpenStore();
    const auto created = store_->CreateCollection({.name = "docs", .dimension = kDimension});
    ASSERT_THAT(created, IsOk());
    collection_ = created->id;
    Restart();
  }

  void OpenStore() {
    store_.reset();
    auto store =
        Store::Open({.data_directory = directory_.path() + "/data", .free_disk_bytes_min = 0});
    ASSERT_THAT(store, IsOk());
    store_ = *std::move(store);
  }

  // What was not in the files is lost with the index, the store is closed and opened.
  void OpenStoreAgain() {
    index_.reset();
    OpenStore();
  }

  // As after a kill: what is not in the files is gone.
  void Restart() {
    index_.reset();
    auto index = CollectionIndex::Create("docs", collection_,
                                         {.dimension = kDimension,
                                          .metric = Metric::kEuclidean,
                                          .engine = kind_.engine,
                                          .codes = kind_.codes,
                                          .m = 4,
                                          .ef_construction = 8,
                                          .directory = store_->DerivedDirectory(collection_),
                                          .identity = 7},
                                         *store_);
    ASSERT_THAT(index, IsOk());
    index_ = *std::move(index);
    const std::atomic<bool> stop{false};
    ASSERT_THAT(index_->Load(2, stop), IsOk());
  }

  // That of the default kind.
  std::string IndexDirectory() const {
    return store_->DerivedDirectory(collection_) + "/engine-1-codes-0";
  }

  // Whether the index was taken up from files: one that is built anew has none yet.
  bool IsFromFiles() const { return fs::exists(IndexDirectory() + "/MANIFEST"); }

  std::vector<float> NewVector() {
    std::vector<float> vector(kDimension);
    for (float& component : vector) component = normal_(random_);
    return vector;
  }

  // Changes store and index as a collection does. `first` to `end` get new vectors.
  void Put(size_t first, size_t end) {
    WriteRequest request{.collection_id = collection_, .durability = Durability::kOsBuffer};
    for (size_t number = first; number < end; ++number) {
      vectors_[number] = NewVector();
      request.operations.emplace_back(
          PutOperation{.id = std::to_string(number), .vector = vectors_[number]});
    }
    const AppliedSequence::Change change = index_->BeginChange();
    const auto committed = store_->Write(request);
    ASSERT_THAT(committed, IsOk());
    for (size_t at = 0; at < committed->operations.size(); ++at) {
      labels_[first + at] = committed->operations[at].label;
      ASSERT_THAT(index_->Get()->Upsert(labels_[first + at], vectors_[first + at]), IsOk());
    }
  }

  void Remove(size_t number) {
    const AppliedSequence::Change change = index_->BeginChange();
    const auto committed = store_->Write({.collection_id = collection_,
                                          .operations = {RemoveOperation{std::to_string(number)}},
                                          .durability = Durability::kOsBuffer});
    ASSERT_THAT(committed, IsOk());
    index_->Get()->Remove(committed->operations.front().label);
    vectors_.erase(number);
    labels_.erase(number);
  }

  // Every document is where its vector is, and there are no others.
  void ExpectIndexIsTheStore(size_t step = 1) {
    const std::shared_ptr<VectorIndex> index = index_->Get();
    EXPECT_EQ(index->Statistics().vector_count, vectors_.size());
    EXPECT_EQ(store_->DocumentCount(collection_), vectors_.size());
    size_t at = 0;
    for (const auto& [number, vector] : vectors_) {
      if (at++ % step != 0) continue;
      const auto answer = index->Search(vector, {.k = 1, .exact = true});
      ASSERT_THAT(answer, IsOk());
      ASSERT_EQ(answer->neighbors.size(), 1u);
      EXPECT_EQ(answer->neighbors.front().label, labels_[number]) << number;
      EXPECT_EQ(answer->neighbors.front().distance, 0);
    }
  }

  void ExpectCheckpoint() {
    const auto report = index_->WriteCheckpoint();
    ASSERT_THAT(report, IsOk());
    EXPECT_TRUE(report->is_kept);
  }

  // Begins to build an index of another kind, which is then what a restart opens.
  void BeginRebuild(const IndexKind& kind) {
    index_->Rebuild(kind, [this, kind] {
      kind_ = kind;
      return absl::OkStatus();
    });
  }

  void AwaitRebuild() const {
    while (index_->rebuild_progress().has_value()) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }

  IndexKind kind_;
  std::mt19937 random_{1};
  std::normal_distribution<float> normal_;
  std::map<size_t, std::vector<float>> vectors_;  // By number.
  std::map<size_t, uint64_t> labels_;

  const TemporaryDirectory directory_;
  std::unique_ptr<Store> store_;
  uint32_t collection_ = 0;
  std::unique_ptr<CollectionIndex> index_;
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
      if (random_() % 25 == 0) ExpectCheckpoint();
    }
    if (random_() % 3 == 0) OpenStoreAgain();
    Restart();
    ExpectIndexIsTheStore(97);
  }
  ExpectIndexIsTheStore();
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

TEST_F(CollectionIndexTest, ChangesDuringARebuildAreInTheNewIndex) {
  Put(0, kDocuments);
  ExpectCheckpoint();
  BeginRebuild({.codes = CodeFormat::kSq4});
  for (int change = 0; index_->rebuild_progress().has_value() || change < 300; ++change) {
    const size_t number = random_() % kDocuments;
    if (change % 5 == 0 && vectors_.contains(number)) {
      Remove(number);
    } else {
      Put(number, number + 1);
    }
    if (change % 50 == 0) {
      ASSERT_THAT(index_->WriteCheckpoint(), IsOk());
    }
  }
  EXPECT_EQ(index_->rebuild_failure(), "");
  EXPECT_EQ(index_->kind(), kind_);
  EXPECT_EQ(kind_.codes, CodeFormat::kSq4);
  ExpectIndexIsTheStore(7);
  Restart();
  ExpectIndexIsTheStore(7);
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

TEST_F(CollectionIndexTest, CheckpointsBesideChangesMissNothing) {
  Put(0, kDocuments);
  std::atomic<bool> writing{true};
  std::thread checkpointer([&] {
    while (writing) {
      if (index_->HasChanges()) ExpectCheckpoint();
    }
  });
  for (int change = 0; change < 400; ++change) {
    const size_t number = random_() % kDocuments;
    if (change % 5 == 0 && vectors_.contains(number)) {
      Remove(number);
    } else {
      Put(number, number + 1);
    }
  }
  writing = false;
  checkpointer.join();
  Restart();
  EXPECT_TRUE(IsFromFiles());
  ExpectIndexIsTheStore(7);
}

}  // namespace
}  // namespace simile

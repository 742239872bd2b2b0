// Collections of a snapshot brought back into a database that goes on.
#include <gmock/gmock.h>

#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "tests/engine/engine_fixture.h"
#include "tests/support/child_process.h"

namespace simile {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class SnapshotRestoreTest : public EngineFixture {
 protected:
  void SetUp() override {
    EngineFixture::SetUp();
    fruits_ = Create({.name = "fruits", .filter_fields = {"colour"}});
    DocumentInput apple = Text("a", "red apple");
    apple.metadata["colour"] = Value{std::string("red")};
    Put(*fruits_, {apple, Text("b", "green pear"), Text("gone", "brown banana")});
    const std::vector<std::string> ids = {"gone"};
    ASSERT_THAT(fruits_->Remove(ids, Durability::kOsBuffer, /*dry_run=*/false, {}), IsOk());
    Put(*Create({.name = "points", .dimension = 2}), {WithVector("p", {0, 1})});
    ASSERT_THAT(database_->CreateSnapshot("monday"), IsOk());
    fruits_.reset();
  }

  absl::StatusOr<std::vector<RestoredCollection>> Restore(RestoreRequest request) {
    request.snapshot = "monday";
    return database_->RestoreSnapshot(request, {});
  }

  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const auto& collection : database_->Collections()) names.push_back(collection->name());
    return names;
  }

  // Everything about `name` is what the snapshot has of fruits.
  void ExpectFruits(const std::string& name) const {
    const auto found = database_->Find(name);
    ASSERT_THAT(found, IsOk());
    const Collection& collection = **found;
    EXPECT_EQ(collection.name(), name);
    const CollectionDescription description = collection.Describe();
    EXPECT_EQ(description.record.name, name);
    EXPECT_EQ(description.record.model_name, "words");
    EXPECT_EQ(description.state, CollectionState::kReady);
    EXPECT_THAT(description.record.filter_fields, ElementsAre("colour"));
    EXPECT_EQ(collection.DocumentCount(), 2u);
    EXPECT_THAT(IdsOf(Search(collection, TextQuery("green pear"))), ElementsAre("b", "a"));
    const std::vector<std::string> ids = {"a"};
    const auto documents = collection.Get(ids, {.vector = true});
    ASSERT_THAT(documents, IsOk());
    const StoredDocument& apple = documents->front().value();
    EXPECT_EQ(apple.text, "red apple");
    EXPECT_EQ(apple.vector_source, VectorSource::kEncoder);
    EXPECT_EQ(apple.token_count, 4u);
    EXPECT_EQ(apple.vector.size(), kDimension);
    EXPECT_EQ(apple.metadata.at("colour"), Value{std::string("red")});
  }

  // Flips a bit of the table below `path` that holds `bytes`. It gets blocks of its own first,
  // since a snapshot has the same ones.
  static void Damage(const std::string& path, const std::string& bytes) {
    for (const auto& entry : std::filesystem::directory_iterator(path)) {
      std::string content = ReadFile(entry.path());
      const size_t at = content.find(bytes);
      if (entry.path().extension() != ".sst" || at == content.npos) continue;
      std::filesystem::remove(entry.path());
      content[at] = static_cast<char>(content[at] ^ 1);
      WriteFile(entry.path(), content);
      return;
    }
    ADD_FAILURE() << "no table holds the bytes";
  }

  std::shared_ptr<Collection> fruits_;
};

TEST_F(SnapshotRestoreTest, ADeletedCollectionComesBackWithoutEmbedding) {
  ASSERT_THAT(database_->DropCollection("fruits"), IsOk());
  const uint64_t encoded = database_->models().Services().front()->Statistics().texts_encoded;
  const auto restored = Restore({.collection = "fruits"});
  ASSERT_THAT(restored, IsOk());
  ASSERT_EQ(restored->size(), 1u);
  EXPECT_EQ(restored->front().document_count, 2u);
  EXPECT_FALSE(restored->front().replaced_document_count.has_value());
  EXPECT_EQ(database_->models().Services().front()->Statistics().texts_encoded, encoded);
  ExpectFruits("fruits");
  Reopen();
  ExpectFruits("fruits");
}

TEST_F(SnapshotRestoreTest, ACollectionComesBackUnderAnotherNameBesideTheFirst) {
  Put(**database_->Find("fruits"), {Text("c", "yellow lemon")});
  ASSERT_THAT(Restore({.collection = "fruits", .as_collection = "old-fruits"}), IsOk());
  ExpectFruits("old-fruits");
  EXPECT_EQ((*database_->Find("fruits"))->DocumentCount(), 3u);
  Put(**database_->Find("old-fruits"), {Text("d", "blue plum")});
  Reopen();
  EXPECT_EQ((*database_->Find("old-fruits"))->DocumentCount(), 3u);
  EXPECT_THAT(Names(), ElementsAre("fruits", "old-fruits", "points"));
}

TEST_F(SnapshotRestoreTest, ATakenNameIsRefusedUnlessItIsToBeReplaced) {
  Put(**database_->Find("fruits"), {Text("c", "yellow lemon")});
  EXPECT_THAT(Restore({.collection = "fruits"}),
              StatusIs(absl::StatusCode::kAlreadyExists, "'fruits' already, with 3 documents"));
  EXPECT_EQ((*database_->Find("fruits"))->DocumentCount(), 3u);
  const auto replaced = Restore({.collection = "fruits", .replace = true});
  ASSERT_THAT(replaced, IsOk());
  EXPECT_EQ(replaced->front().replaced_document_count, 3u);
  ExpectFruits("fruits");
  Reopen();
  ExpectFruits("fruits");
  EXPECT_THAT(Names(), ElementsAre("fruits", "points"));
}

TEST_F(SnapshotRestoreTest, AllCollectionsComeBackTogetherAndOthersStay) {
  ASSERT_THAT(database_->DropCollection("fruits"), IsOk());
  Put(**database_->Find("points"), {WithVector("q", {1, 0})});
  Create({.name = "new", .dimension = 3});
  EXPECT_THAT(Restore({}), StatusIs(absl::StatusCode::kAlreadyExists, "'points'"));
  EXPECT_THAT(Names(), ElementsAre("new", "points"));
  ASSERT_THAT(Restore({.replace = true}), IsOk());
  ExpectFruits("fruits");
  EXPECT_EQ((*database_->Find("points"))->DocumentCount(), 1u);
  EXPECT_THAT(Names(), ElementsAre("fruits", "new", "points"));
}

TEST_F(SnapshotRestoreTest, ADryRunTellsWhatWouldHappenAndDoesNothing) {
  Put(**database_->Find("fruits"), {Text("c", "yellow lemon")});
  const auto told = Restore({.replace = true, .dry_run = true});
  ASSERT_THAT(told, IsOk());
  ASSERT_EQ(told->size(), 2u);
  EXPECT_EQ(told->front().name, "fruits");
  EXPECT_EQ(told->front().document_count, 2u);
  EXPECT_EQ(told->front().replaced_document_count, 3u);
  EXPECT_EQ((*database_->Find("fruits"))->DocumentCount(), 3u);
  EXPECT_THAT(Restore({.collection = "points", .dry_run = true}),
              StatusIs(absl::StatusCode::kAlreadyExists, "'points'"));
}

TEST_F(SnapshotRestoreTest, WhatIsNotThereAndNamesThatCannotBeAreRefused) {
  EXPECT_THAT(Restore({.collection = "fruit"}),
              StatusIs(absl::StatusCode::kNotFound, "no collection 'fruit', but 'fruits'"));
  EXPECT_THAT(Restore({.collection = "fruits", .as_collection = "~x"}),
              StatusIs(absl::StatusCode::kInvalidArgument, "~x"));
  EXPECT_THAT(Restore({.as_collection = "other"}),
              StatusIs(absl::StatusCode::kInvalidArgument, "which one"));
  EXPECT_THAT(database_->RestoreSnapshot({.snapshot = "tuesday"}, {}),
              StatusIs(absl::StatusCode::kNotFound, "'tuesday'"));
}

TEST_F(SnapshotRestoreTest, ADamagedSnapshotIsRefusedBeforeAnythingIsTouched) {
  Damage(directory_.path() + "/data/snapshots/monday/rocksdb", "red apple");
  EXPECT_THAT(Restore({.replace = true}), StatusIs(absl::StatusCode::kDataLoss, "SHA-256"));
  ExpectFruits("fruits");
}

TEST_F(SnapshotRestoreTest, ADamagedCollectionServesAgainOnceItIsReplaced) {
  database_.reset();
  Damage(directory_.path() + "/data/rocksdb", "red apple");
  Reopen();
  const std::vector<std::string> ids = {"a"};
  EXPECT_THAT((*database_->Find("fruits"))->Get(ids, {}),
              StatusIs(absl::StatusCode::kDataLoss, "checksum"));
  EXPECT_EQ((*database_->Find("fruits"))->Describe().state, CollectionState::kFailed);
  ASSERT_THAT(Restore({.collection = "fruits", .replace = true}), IsOk());
  ExpectFruits("fruits");
  Reopen();
  ExpectFruits("fruits");
}

TEST_F(SnapshotRestoreTest, ASecondRestoreIsRefusedWhileOneRuns) {
  absl::Status second;
  const auto ask_again = [this, &second] {
    if (second.ok()) second = Restore({.collection = "fruits", .as_collection = "more"}).status();
    return false;
  };
  ASSERT_THAT(database_->RestoreSnapshot(
                  {.snapshot = "monday", .collection = "fruits", .as_collection = "again"},
                  {.cancelled = ask_again}),
              IsOk());
  EXPECT_THAT(second, StatusIs(absl::StatusCode::kUnavailable, "another restore"));
  ASSERT_THAT(Restore({.collection = "fruits", .as_collection = "more"}), IsOk());
  ExpectFruits("more");
}

TEST_F(SnapshotRestoreTest, WithoutTheModelNothingIsRestored) {
  Reopen("second");
  EXPECT_THAT(Restore({.replace = true}),
              StatusIs(absl::StatusCode::kFailedPrecondition, "fingerprint first"));
  EXPECT_THAT(Restore({.collection = "points", .as_collection = "more"}), IsOk());
  EXPECT_THAT(Names(), ElementsAre("fruits", "more", "points"));
}

TEST_F(SnapshotRestoreTest, ARestoreThatIsCancelledLeavesNothing) {
  for (int calls = 0; calls < 4; ++calls) {
    int left = calls;
    const auto restored = database_->RestoreSnapshot(
        {.snapshot = "monday", .replace = true}, {.cancelled = [&left] { return left-- == 0; }});
    EXPECT_THAT(restored, StatusIs(absl::StatusCode::kCancelled, "")) << calls;
    ExpectFruits("fruits");
  }
  ASSERT_THAT(database_->CreateSnapshot("later"), IsOk());
  EXPECT_EQ(database_->ReadSnapshot("later")->collections.size(), 2u);
  Reopen();
  EXPECT_THAT(Names(), ElementsAre("fruits", "points"));
}

TEST_F(SnapshotRestoreTest, WritesToOtherCollectionsGoOnMeanwhile) {
  const auto points = *database_->Find("points");
  std::thread writer([&] {
    for (int at = 0; at < 200; ++at) Put(*points, {WithVector(std::to_string(at), {1, 2})});
  });
  for (int times = 0; times < 5; ++times) {
    ASSERT_THAT(Restore({.collection = "fruits", .replace = true}), IsOk());
    ExpectFruits("fruits");
  }
  writer.join();
  EXPECT_EQ(points->DocumentCount(), 201u);
}

}  // namespace
}  // namespace simile

// Snapshots of one collection: all of it, of one moment, and nothing of the others.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <thread>
#include <utility>

#include "base/durable_file.h"
#include "fmt/format.h"
#include "storage/store.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temporary_directory.h"

namespace simile {
namespace {

namespace fs = std::filesystem;
using absl::StatusCode;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

// A store with collections "before", "mine" and "after", whose keys lie in this order.
class CollectionSnapshotTest : public ::testing::Test {
 protected:
  void SetUp() override {
    Open(Path("data"));
    for (const char* const name : {"before", "mine", "after"}) {
      const auto record = store_->CreateCollection({.name = name, .dimension = 2});
      ASSERT_THAT(record, IsOk());
      ids_[name] = record->id;
      Put(name, 0, 300);
    }
  }

  void Open(const std::string& path) {
    store_.reset();
    auto store = Store::Open({.data_directory = path, .free_disk_bytes_min = 0});
    ASSERT_THAT(store, IsOk());
    store_ = *std::move(store);
  }

  void Put(const std::string& name, int first, int count) {
    WriteRequest request{.collection_id = ids_[name]};
    for (int number = first; number < first + count; ++number) {
      request.operations.emplace_back(
          PutOperation{.id = std::to_string(number),
                       .text = fmt::format("{} text {}", name, number),
                       .vector = std::vector<float>{1, static_cast<float>(number)}});
    }
    ASSERT_THAT(store_->Write(std::move(request)), IsOk());
  }

  absl::StatusOr<SnapshotManifest> Create(const std::string& name, const std::string& collection) {
    return store_->CreateCollectionSnapshot(name, ids_[collection], 1, "test",
                                            [] { return absl::OkStatus(); });
  }

  std::vector<StoredDocument> All(const std::string& name) const {
    auto all = store_->List(ids_.at(name), 0, 1'000'000, {.vector = true});
    EXPECT_THAT(all, IsOk());
    return all.ok() ? *std::move(all) : std::vector<StoredDocument>();
  }

  std::string Path(const std::string& name) const { return directory_.path() + "/" + name; }

  // Bytes that some file of the snapshot has.
  bool Contains(const std::string& snapshot, const std::string& bytes) const {
    for (const auto& entry :
         fs::recursive_directory_iterator(store_->snapshots().PathOf(snapshot))) {
      if (!entry.is_regular_file()) continue;
      const auto content = ReadWholeFile(entry.path().string(), 1 << 26);
      if (content.ok() && content->find(bytes) != std::string::npos) return true;
    }
    return false;
  }

  TemporaryDirectory directory_;
  std::unique_ptr<Store> store_;
  std::map<std::string, uint32_t> ids_;
};

TEST_F(CollectionSnapshotTest, HoldsTheWholeCollectionAndRestoresToADirectoryWithItAlone) {
  // Ids that were given anew and documents that are gone belong to what is copied too.
  Put("mine", 100, 50);
  WriteRequest removal{.collection_id = ids_["mine"]};
  removal.operations.emplace_back(RemoveOperation{.id = "7"});
  ASSERT_THAT(store_->Write(std::move(removal)), IsOk());
  const std::vector<StoredDocument> expected = All("mine");
  const uint64_t end_label = store_->EndLabel(ids_["mine"]);
  const auto made = Create("one", "mine");
  ASSERT_THAT(made, IsOk());
  ASSERT_THAT(made->collections, SizeIs(1));
  EXPECT_EQ(made->collections[0].name, "mine");
  EXPECT_EQ(made->collections[0].document_count, 299u);
  EXPECT_EQ(made->last_sequence, store_->LastSequence());
  EXPECT_THAT(store_->snapshots().Verify("one")->problems, IsEmpty());
  EXPECT_EQ(store_->snapshots().Names()->size(), 1u);

  ASSERT_THAT(RestoreSnapshot(store_->snapshots().PathOf("one"), Path("restored")), IsOk());
  Open(Path("restored"));
  ASSERT_THAT(store_->Collections(), SizeIs(1));
  EXPECT_EQ(store_->Collections()[0].id, ids_["mine"]);
  EXPECT_EQ(store_->EndLabel(ids_["mine"]), end_label);
  const std::vector<StoredDocument> all = All("mine");
  ASSERT_THAT(all, SizeIs(expected.size()));
  for (size_t at = 0; at < all.size(); ++at) {
    EXPECT_EQ(all[at].id, expected[at].id);
    EXPECT_EQ(all[at].label, expected[at].label);
    EXPECT_EQ(all[at].text, expected[at].text);
    EXPECT_EQ(all[at].vector, expected[at].vector);
    EXPECT_EQ(all[at].sequence, expected[at].sequence);
  }
  // It is a data directory like any other, and gives new ids to new collections.
  Put("mine", 1'000, 1);
  const auto next = store_->CreateCollection({.name = "new", .dimension = 2});
  ASSERT_THAT(next, IsOk());
  EXPECT_GT(next->id, ids_["after"]);
}

TEST_F(CollectionSnapshotTest, HasNothingOfTheOthers) {
  ASSERT_THAT(Create("one", "mine"), IsOk());
  ASSERT_THAT(store_->CreateSnapshot("all", 1, "test"), IsOk());
  EXPECT_TRUE(Contains("one", "mine text 2"));
  for (const std::string name : {"before", "after"}) {
    EXPECT_TRUE(Contains("all", name + " text 2")) << name;
    EXPECT_FALSE(Contains("one", name + " text")) << name;
    EXPECT_FALSE(Contains("one", name)) << name;
  }
}

TEST_F(CollectionSnapshotTest, IsOfOneMomentUnderAWriter) {
  std::atomic<bool> stop{false};
  std::atomic<int> acknowledged{300};
  std::thread writer([&] {
    for (int number = 300; !stop; ++number) {
      Put("mine", number, 1);
      acknowledged = number + 1;
    }
  });
  const int before = acknowledged;
  const auto made = Create("one", "mine");
  stop = true;
  writer.join();
  ASSERT_THAT(made, IsOk());
  const uint64_t count = made->collections.at(0).document_count;
  EXPECT_GE(count, static_cast<uint64_t>(before));
  ASSERT_THAT(RestoreSnapshot(store_->snapshots().PathOf("one"), Path("restored")), IsOk());
  Open(Path("restored"));
  EXPECT_THAT(All("mine"), SizeIs(count));
}

TEST_F(CollectionSnapshotTest, OthersAreMadeAndRemovedMeanwhileAndNobodyWaits) {
  bool tried = false;
  const auto made = store_->CreateCollectionSnapshot(
      "one", ids_["mine"], 1, "test", [this, &tried]() -> absl::Status {
        if (std::exchange(tried, true)) return absl::OkStatus();
        EXPECT_THAT(store_->CreateSnapshot("all", 1, "test"), IsOk());
        EXPECT_THAT(Create("other", "before"), IsOk());
        EXPECT_THAT(store_->RemoveSnapshot("other"), IsOk());
        EXPECT_THAT(Create("one", "before"), StatusIs(StatusCode::kUnavailable, "'one'"));
        EXPECT_THAT(store_->RemoveSnapshot("one"), StatusIs(StatusCode::kUnavailable, "'one'"));
        return absl::OkStatus();
      });
  ASSERT_THAT(made, IsOk());
  EXPECT_TRUE(tried);
  EXPECT_THAT(store_->snapshots().Verify("one")->problems, IsEmpty());
  EXPECT_THAT(store_->snapshots().Verify("all")->problems, IsEmpty());
  EXPECT_THAT(store_->RemoveSnapshot("one"), IsOk());
}

TEST_F(CollectionSnapshotTest, WhatFailsLeavesNothing) {
  const auto stopped = store_->CreateCollectionSnapshot(
      "one", ids_["mine"], 1, "test", [] { return absl::CancelledError("not wanted any more"); });
  EXPECT_THAT(stopped, StatusIs(StatusCode::kCancelled, "not wanted"));
  EXPECT_THAT(
      store_->CreateCollectionSnapshot("one", 99, 1, "test", [] { return absl::OkStatus(); }),
      StatusIs(StatusCode::kNotFound, "deleted"));
  // Dropped in the middle: what was read by then may be half of it.
  EXPECT_THAT(store_->CreateCollectionSnapshot("one", ids_["mine"], 1, "test",
                                               [this] {
                                                 store_->DropCollection(ids_["mine"]).IgnoreError();
                                                 return absl::OkStatus();
                                               }),
              StatusIs(StatusCode::kNotFound, "deleted"));
  EXPECT_THAT(*store_->snapshots().Names(), IsEmpty());
  EXPECT_TRUE(fs::is_empty(Path("data/snapshots")));
  EXPECT_THAT(Create("one", "after"), IsOk());
  EXPECT_THAT(Create("one", "after"), StatusIs(StatusCode::kAlreadyExists, "'one'"));
}

TEST_F(CollectionSnapshotTest, AnEmptyCollectionIsOneToo) {
  const auto record = store_->CreateCollection({.name = "empty", .dimension = 2});
  ASSERT_THAT(record, IsOk());
  ids_["empty"] = record->id;
  const auto made = Create("one", "empty");
  ASSERT_THAT(made, IsOk());
  ASSERT_THAT(made->collections, SizeIs(1));
  EXPECT_EQ(made->collections[0].document_count, 0u);
  ASSERT_THAT(RestoreSnapshot(store_->snapshots().PathOf("one"), Path("restored")), IsOk());
  Open(Path("restored"));
  EXPECT_THAT(store_->Collections(), Not(IsEmpty()));
}

}  // namespace
}  // namespace simile

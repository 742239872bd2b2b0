// Snapshots: what they hold, what damages them, what is made of them.
#include "storage/snapshots.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <random>
#include <thread>

#include "base/durable_file.h"
#include "fmt/format.h"
#include "storage/data_directory.h"
#include "storage/store.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temporary_directory.h"

namespace simile {
namespace {

namespace fs = std::filesystem;
using absl::StatusCode;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

SnapshotManifest Sample() {
  return {.name = "nightly-1",
          .created_unix_ms = 1'764'000'000'123,
          .last_sequence = 77,
          .format = 4,
          .program_version = "0.1.0",
          .collections = {{.name = "docs",
                           .document_count = 5,
                           .dimension = 384,
                           .model_name = "a model of spaces",
                           .model_fingerprint = "beef"},
                          {.name = "vectors", .document_count = 0, .dimension = 2}},
          .files = {{.path = "rocksdb/000012.sst", .bytes = 9, .sha256 = std::string(64, 'a')},
                    {.path = "rocksdb/CURRENT", .bytes = 0, .sha256 = std::string(64, '0')}}};
}

TEST(SnapshotManifestTest, ComesBackAsItWas) {
  const auto decoded = DecodeManifest(EncodeManifest(Sample()));
  ASSERT_THAT(decoded, IsOk());
  EXPECT_EQ(*decoded, Sample());
  EXPECT_EQ(decoded->bytes(), 9u);
}

TEST(SnapshotManifestTest, HasTheTextTheReadmeSays) {
  SnapshotManifest manifest = Sample();
  manifest.files.resize(1);
  const std::string text = EncodeManifest(manifest);
  EXPECT_EQ(text.substr(0, text.rfind("crc32c ")),
            "simile snapshot\nversion 1\nname nightly-1\ncreated_ms 1764000000123\nsequence 77\n"
            "format 4\nprogram 0.1.0\ncollection 5 384 beef docs a model of spaces\n"
            "collection 0 2 - vectors -\nfile 9 " +
                std::string(64, 'a') + " rocksdb/000012.sst\n");
}

TEST(SnapshotManifestTest, EveryFlippedBitAndEveryCutIsSeen) {
  const std::string text = EncodeManifest(Sample());
  for (size_t at = 0; at < text.size(); ++at) {
    std::string flipped = text;
    flipped[at] = static_cast<char>(flipped[at] ^ (1 << at % 8));
    EXPECT_FALSE(DecodeManifest(flipped).ok()) << at;
    EXPECT_FALSE(DecodeManifest(text.substr(0, at)).ok()) << at;
  }
}

TEST(SnapshotManifestTest, PathsThatLeadOutOfItAreRefused) {
  for (const char* const path : {"/etc/passwd", "../x", "rocksdb/../../x", "rocksdb//x", ".hidden",
                                 "a/.b", "a/", "a b", "a\\b", "\xc3\xa4"}) {
    SnapshotManifest manifest = Sample();
    manifest.files = {{.path = path, .bytes = 1, .sha256 = std::string(64, 'a')}};
    EXPECT_THAT(DecodeManifest(EncodeManifest(manifest)), StatusIs(StatusCode::kDataLoss, "parse"))
        << path;
  }
}

class SnapshotsTest : public ::testing::Test {
 protected:
  void SetUp() override { Open(data_); }

  void Open(const std::string& path) {
    store_.reset();
    auto store = Store::Open({.data_directory = path, .free_disk_bytes_min = 0});
    ASSERT_THAT(store, IsOk());
    store_ = *std::move(store);
  }

  uint32_t MakeCollection(const std::string& name) {
    auto record = store_->CreateCollection({.name = name, .dimension = 2});
    EXPECT_THAT(record, IsOk());
    return record->id;
  }

  void Put(uint32_t collection_id, int first, int count) {
    WriteRequest request{.collection_id = collection_id};
    for (int number = first; number < first + count; ++number) {
      request.operations.emplace_back(
          PutOperation{.id = std::to_string(number),
                       .text = fmt::format("text {}", number),
                       .vector = std::vector<float>{1, static_cast<float>(number)}});
    }
    ASSERT_THAT(store_->Write(std::move(request)), IsOk());
  }

  SnapshotManifest Create(const std::string& name) {
    auto manifest = store_->CreateSnapshot(name, 1'000, "test");
    EXPECT_THAT(manifest, IsOk());
    return manifest.ok() ? *std::move(manifest) : SnapshotManifest{};
  }

  std::string PathOf(const std::string& name) const { return store_->snapshots().PathOf(name); }

  TemporaryDirectory directory_;
  const std::string data_ = directory_.path() + "/data";
  const std::string restored_ = directory_.path() + "/restored";
  std::unique_ptr<Store> store_;
};

TEST_F(SnapshotsTest, HoldsEverythingOfOneMomentAndStaysSoWhileWritesGoOn) {
  const uint32_t docs = MakeCollection("docs");
  MakeCollection("empty");
  Put(docs, 0, 500);
  const SnapshotManifest made = Create("one");
  EXPECT_EQ(made.last_sequence, store_->LastSequence());
  ASSERT_THAT(made.collections, SizeIs(2));
  EXPECT_EQ(made.collections[0].name, "docs");
  EXPECT_EQ(made.collections[0].document_count, 500u);
  Put(docs, 200, 900);
  EXPECT_THAT(store_->snapshots().Verify("one")->problems, IsEmpty());
  EXPECT_EQ(*store_->snapshots().Read("one"), made);

  ASSERT_THAT(RestoreSnapshot(PathOf("one"), restored_), IsOk());
  Open(restored_);
  ASSERT_THAT(store_->Collections(), SizeIs(2));
  EXPECT_EQ(store_->DocumentCount(docs), 500u);
  const auto all = store_->List(docs, 0, 1'000, {.vector = true});
  ASSERT_THAT(all, IsOk());
  ASSERT_THAT(*all, SizeIs(500));
  EXPECT_EQ(all->at(7).text, "text 7");
  EXPECT_THAT(all->at(7).vector, ElementsAre(1, 7));
  // It is a data directory like any other.
  Put(docs, 1'000, 1);
  EXPECT_EQ(store_->DocumentCount(docs), 501u);
}

TEST_F(SnapshotsTest, EveryCommitThatWasAcknowledgedBeforeIsInItAlsoUnderWriters) {
  const uint32_t docs = MakeCollection("docs");
  std::atomic<int> acknowledged{0};
  std::atomic<bool> stop{false};
  std::thread writer([&] {
    for (int number = 0; !stop; ++number) {
      Put(docs, number, 1);
      acknowledged = number + 1;
    }
  });
  for (int round = 0; round < 8; ++round) {
    const int before = acknowledged;
    const SnapshotManifest made = Create(fmt::format("s{}", round));
    EXPECT_GE(made.collections.at(0).document_count, static_cast<uint64_t>(before));
  }
  stop = true;
  writer.join();
  ASSERT_THAT(RestoreSnapshot(PathOf("s7"), restored_), IsOk());
  const uint64_t expected = store_->snapshots().Read("s7")->collections.at(0).document_count;
  Open(restored_);
  const auto all = store_->List(docs, 0, 1'000'000, {.vector = true});
  ASSERT_THAT(all, IsOk());
  EXPECT_EQ(all->size(), expected);
}

TEST_F(SnapshotsTest, NamesAreListedAndTakenOnce) {
  MakeCollection("docs");
  Create("b");
  Create("a");
  EXPECT_THAT(*store_->snapshots().Names(), ElementsAre("a", "b"));
  EXPECT_THAT(store_->CreateSnapshot("a", 1, "test"),
              StatusIs(StatusCode::kAlreadyExists, "snapshot 'a' already"));
  EXPECT_THAT(store_->RemoveSnapshot("a"), IsOk());
  EXPECT_THAT(store_->RemoveSnapshot("a"), StatusIs(StatusCode::kNotFound, "no snapshot 'a'"));
  EXPECT_THAT(store_->snapshots().Read("a"), StatusIs(StatusCode::kNotFound, "no snapshot 'a'"));
  EXPECT_THAT(*store_->snapshots().Names(), ElementsAre("b"));
}

TEST_F(SnapshotsTest, WhatWasNeverFinishedIsGoneAfterAStart) {
  const std::string unfinished = store_->snapshots().UnfinishedPathOf("half");
  fs::create_directories(unfinished + "/rocksdb");
  std::ofstream(unfinished + "/rocksdb/000001.sst") << "half";
  EXPECT_THAT(*store_->snapshots().Names(), IsEmpty());
  Open(data_);
  EXPECT_FALSE(fs::exists(unfinished));
  Create("half");
}

TEST_F(SnapshotsTest, EveryKindOfDamageIsNamedAndRefusedBeforeAnythingIsMade) {
  Put(MakeCollection("docs"), 0, 300);
  const SnapshotManifest made = Create("good");
  const auto largest = std::ranges::max_element(made.files, {}, &SnapshotFile::bytes);
  const auto damaged = [&](const std::string& name, auto damage, const std::string& problem) {
    const std::string path = directory_.path() + "/" + name;
    fs::copy(PathOf("good"), path, fs::copy_options::recursive);
    damage(path);
    EXPECT_THAT(CheckSnapshot(path, made)->problems, Contains(HasSubstr(problem)));
    EXPECT_THAT(RestoreSnapshot(path, restored_), StatusIs(StatusCode::kDataLoss, problem));
    EXPECT_FALSE(fs::exists(restored_));
    EXPECT_FALSE(fs::exists(restored_ + ".restoring"));
  };
  const auto file_in = [&](const std::string& path) { return path + "/" + largest->path; };
  damaged(
      "flipped",
      [&](const std::string& path) {
        std::fstream file(file_in(path), std::ios::in | std::ios::out | std::ios::binary);
        file.seekg(100);
        const char flipped = static_cast<char>(file.get() ^ 4);
        file.seekp(100);
        file.put(flipped);
      },
      "SHA-256");
  damaged(
      "torn", [&](const std::string& path) { fs::resize_file(file_in(path), 10); },
      "has 10 bytes, not");
  damaged(
      "missing", [&](const std::string& path) { fs::remove(file_in(path)); }, "is missing");
  damaged(
      "foreign", [&](const std::string& path) { std::ofstream(path + "/rocksdb/999999.sst"); },
      "999999.sst does not belong to it");
  damaged(
      "linked",
      [&](const std::string& path) {
        fs::create_symlink("/etc/passwd", path + "/rocksdb/000999.sst");
      },
      "neither a file nor a directory");
}

TEST_F(SnapshotsTest, AManifestOfAnotherSnapshotOrOfANewerFormatIsRefused) {
  MakeCollection("docs");
  SnapshotManifest made = Create("one");
  fs::rename(PathOf("one"), PathOf("two"));
  EXPECT_THAT(store_->snapshots().Read("two"),
              StatusIs(StatusCode::kDataLoss, "the manifest of another, 'one'"));
  made.format = kDataFormat + 1;
  ASSERT_THAT(WriteDurably(PathOf("two") + "/MANIFEST", EncodeManifest(made)), IsOk());
  EXPECT_THAT(RestoreSnapshot(PathOf("two"), restored_),
              StatusIs(StatusCode::kFailedPrecondition, "use a newer program"));
  fs::remove(PathOf("two") + "/MANIFEST");
  EXPECT_THAT(store_->snapshots().Read("two"), StatusIs(StatusCode::kDataLoss, "no manifest"));
}

TEST_F(SnapshotsTest, ADirectoryThatHoldsAnythingIsNotRestoredInto) {
  MakeCollection("docs");
  Create("one");
  fs::create_directories(restored_);
  std::ofstream(restored_ + "/thesis.tex") << "mine";
  EXPECT_THAT(RestoreSnapshot(PathOf("one"), restored_),
              StatusIs(StatusCode::kFailedPrecondition, "not empty"));
  EXPECT_THAT(RestoreSnapshot(PathOf("one"), data_),
              StatusIs(StatusCode::kFailedPrecondition, "not empty"));
  fs::remove(restored_ + "/thesis.tex");
  EXPECT_THAT(RestoreSnapshot(PathOf("one"), restored_), IsOk());
}

TEST_F(SnapshotsTest, WhatAnInterruptedRestoreLeftIsRemovedByTheNext) {
  Put(MakeCollection("docs"), 0, 10);
  Create("one");
  fs::create_directories(restored_ + ".restoring/rocksdb");
  std::ofstream(restored_ + ".restoring/rocksdb/CURRENT") << "half";
  ASSERT_THAT(RestoreSnapshot(PathOf("one"), restored_), IsOk());
  EXPECT_FALSE(fs::exists(restored_ + ".restoring"));
  Open(restored_);
  EXPECT_EQ(store_->Collections().size(), 1u);
}

TEST_F(SnapshotsTest, ASnapshotOutlivesTheDroppingOfItsCollections) {
  const uint32_t docs = MakeCollection("docs");
  Put(docs, 0, 2'000);
  Create("before");
  ASSERT_THAT(store_->DropCollection(docs), IsOk());
  Open(data_);
  EXPECT_THAT(store_->Collections(), IsEmpty());
  EXPECT_THAT(store_->snapshots().Verify("before")->problems, IsEmpty());
  ASSERT_THAT(RestoreSnapshot(PathOf("before"), restored_), IsOk());
  Open(restored_);
  EXPECT_EQ(store_->DocumentCount(docs), 2'000u);
}

}  // namespace
}  // namespace simile

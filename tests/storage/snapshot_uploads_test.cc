// Snapshots that come from another machine: what is refused, what survives, what is linked.
#include "storage/snapshot_uploads.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "base/durable_file.h"
#include "base/file_range.h"
#include "fmt/format.h"
#include "storage/data_directory.h"
#include "storage/store.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temporary_directory.h"

namespace simile {
namespace {

namespace fs = std::filesystem;
using absl::StatusCode;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// A snapshot "one" of another store, and a store that is to get it.
class SnapshotUploadsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    Open("source");
    Put(1, 50);
    const auto made = store_->CreateSnapshot("one", 1'764'000'000'000, "0.1.0");
    ASSERT_THAT(made, IsOk());
    manifest_ = *made;
    Open("data");
  }

  void Open(const std::string& name, uint64_t free_disk_bytes_min = 0) {
    store_.reset();
    auto store = Store::Open({.data_directory = directory_.path() + "/" + name,
                              .free_disk_bytes_min = free_disk_bytes_min});
    ASSERT_THAT(store, IsOk());
    store_ = *std::move(store);
  }

  void Put(int first, int count) {
    if (store_->Collections().empty()) {
      ASSERT_THAT(store_->CreateCollection({.name = "docs", .dimension = 2}), IsOk());
    }
    WriteRequest request{.collection_id = store_->Collections().front().id};
    for (int number = first; number < first + count; ++number) {
      request.operations.emplace_back(
          PutOperation{.id = std::to_string(number),
                       .text = fmt::format("text {}", number),
                       .vector = std::vector<float>{1, static_cast<float>(number)}});
    }
    ASSERT_THAT(store_->Write(std::move(request)), IsOk());
  }

  SnapshotUploads& uploads() { return store_->snapshot_uploads(); }
  std::string Path(const std::string& name) const { return directory_.path() + "/" + name; }
  std::string SourceOf(const SnapshotFile& file) const {
    return Path("source/snapshots/one/" + file.path);
  }

  // Sends what is missing of file `at`, in pieces of 1,000 bytes, at most `pieces` of them.
  void Send(const SnapshotUpload& upload, size_t at, size_t pieces = SIZE_MAX) {
    const SnapshotFile& file = manifest_.files[at];
    uint64_t held = upload.bytes_held[at];
    for (; pieces > 0 && held < file.bytes; --pieces) {
      const auto bytes = ReadFileRange(SourceOf(file), held, 1'000);
      ASSERT_THAT(bytes, IsOk());
      const auto written = uploads().Write(upload.manifest.name, file.path, held, *bytes);
      ASSERT_THAT(written, IsOk());
      ASSERT_EQ(*written, held + bytes->size());
      held = *written;
    }
  }

  void SendAll(const SnapshotUpload& upload) {
    for (size_t at = 0; at < manifest_.files.size(); ++at) Send(upload, at);
  }

  size_t LargestFile() const {
    return static_cast<size_t>(std::ranges::max_element(manifest_.files, {}, &SnapshotFile::bytes) -
                               manifest_.files.begin());
  }

  SnapshotManifest Foreign(const SnapshotFile& file) const {
    SnapshotManifest manifest = manifest_;
    manifest.files = {file};
    return manifest;
  }

  // A snapshot that would take that part of what is free on the disk.
  SnapshotManifest Large(const std::string& name, double part) const {
    const auto bytes =
        static_cast<uint64_t>(part * static_cast<double>(fs::space(directory_.path()).available));
    constexpr uint64_t kFiles = 100;
    SnapshotManifest manifest = manifest_;
    manifest.name = name;
    manifest.files.clear();
    for (uint64_t number = 0; number < kFiles; ++number) {
      manifest.files.push_back({.path = fmt::format("rocksdb/{:06}.sst", number),
                                .bytes = bytes / kFiles,
                                .sha256 = fmt::format("{:064}", number)});
    }
    return manifest;
  }

  TemporaryDirectory directory_;
  std::unique_ptr<Store> store_;
  SnapshotManifest manifest_;
};

TEST_F(SnapshotUploadsTest, ASnapshotArrivesAsItWas) {
  const auto upload = uploads().Begin(manifest_);
  ASSERT_THAT(upload, IsOk());
  EXPECT_EQ(upload->total_bytes_held(), 0u);
  EXPECT_THAT(store_->snapshots().Names().value(), IsEmpty());
  ASSERT_THAT(uploads().List(), IsOk());
  EXPECT_THAT(*uploads().List(), SizeIs(1));
  SendAll(*upload);
  EXPECT_EQ(uploads().List()->front().total_bytes_held(), manifest_.bytes());
  const auto finished = uploads().Finish("one");
  ASSERT_THAT(finished, IsOk());
  EXPECT_EQ(*finished, manifest_);
  EXPECT_THAT(store_->snapshots().Names().value(), ElementsAre("one"));
  EXPECT_EQ(store_->snapshots().Read("one").value(), manifest_);
  EXPECT_THAT(store_->snapshots().Verify("one")->problems, IsEmpty());
  EXPECT_THAT(*uploads().List(), IsEmpty());

  // Whoever lost the answer asks again.
  EXPECT_TRUE(uploads().Begin(manifest_)->is_finished);
  EXPECT_THAT(RestoreSnapshot(Path("data/snapshots/one"), Path("again")), IsOk());
  Open("again");
  EXPECT_EQ(store_->DocumentCount(store_->Collections().front().id), 50u);
}

TEST_F(SnapshotUploadsTest, AnUploadGoesOnAfterARestart) {
  const auto begun = uploads().Begin(manifest_);
  ASSERT_THAT(begun, IsOk());
  const size_t largest = LargestFile();
  Send(*begun, largest, 1);
  fs::create_directories(Path("data/snapshots/other.new"));
  Open("data");
  EXPECT_FALSE(fs::exists(Path("data/snapshots/other.new")));
  EXPECT_THAT(store_->snapshots().Names().value(), IsEmpty());
  const auto resumed = uploads().Begin(manifest_);
  ASSERT_THAT(resumed, IsOk());
  EXPECT_EQ(resumed->bytes_held[largest],
            std::min<uint64_t>(1'000, manifest_.files[largest].bytes));
  EXPECT_EQ(resumed->total_bytes_held(), resumed->bytes_held[largest]);
  SendAll(*resumed);
  EXPECT_THAT(uploads().Finish("one"), IsOk());
}

TEST_F(SnapshotUploadsTest, FilesOfOtherSnapshotsNeedNotCome) {
  SendAll(*uploads().Begin(manifest_));
  ASSERT_THAT(uploads().Finish("one"), IsOk());
  manifest_.name = "two";
  const auto upload = uploads().Begin(manifest_);
  ASSERT_THAT(upload, IsOk());
  EXPECT_EQ(upload->total_bytes_held(), manifest_.bytes());
  ASSERT_THAT(uploads().Finish("two"), IsOk());
  EXPECT_THAT(store_->snapshots().Verify("two")->problems, IsEmpty());
  const std::string path = "/" + manifest_.files[LargestFile()].path;
  EXPECT_TRUE(fs::equivalent(Path("data/snapshots/one") + path, Path("data/snapshots/two") + path));
  ASSERT_THAT(store_->RemoveSnapshot("one"), IsOk());
  EXPECT_THAT(store_->snapshots().Verify("two")->problems, IsEmpty());
}

TEST_F(SnapshotUploadsTest, ADamagedFileOfAnotherSnapshotIsNotTaken) {
  SendAll(*uploads().Begin(manifest_));
  ASSERT_THAT(uploads().Finish("one"), IsOk());
  const size_t largest = LargestFile();
  const std::string damaged = Path("data/snapshots/one/" + manifest_.files[largest].path);
  ASSERT_THAT(WriteFileRange(damaged, manifest_.files[largest].bytes / 2, "!!!!"), IsOk());
  manifest_.name = "two";
  const auto upload = uploads().Begin(manifest_);
  ASSERT_THAT(upload, IsOk());
  EXPECT_EQ(upload->bytes_held[largest], 0u);
  SendAll(*upload);
  EXPECT_THAT(uploads().Finish("two"), IsOk());
  EXPECT_THAT(store_->snapshots().Verify("two")->problems, IsEmpty());
  EXPECT_THAT(store_->snapshots().Verify("one")->problems, SizeIs(1));
}

TEST_F(SnapshotUploadsTest, WrongBytesAreRefusedAndCanBeSentAgain) {
  SendAll(*uploads().Begin(manifest_));
  const size_t largest = LargestFile();
  const std::string part = Path("data/snapshots/one.upload/" + manifest_.files[largest].path);
  ASSERT_THAT(WriteFileRange(part, 10, "?"), IsOk());
  EXPECT_THAT(uploads().Finish("one"),
              StatusIs(StatusCode::kDataLoss, manifest_.files[largest].path));
  EXPECT_THAT(store_->snapshots().Names().value(), IsEmpty());
  const auto again = uploads().Begin(manifest_);
  ASSERT_THAT(again, IsOk());
  EXPECT_EQ(again->total_bytes_held(), manifest_.bytes() - manifest_.files[largest].bytes);
  SendAll(*again);
  EXPECT_THAT(uploads().Finish("one"), IsOk());
}

// The reading of Begin and Finish ends where `check` says so, wherever that is, and goes on later.
TEST_F(SnapshotUploadsTest, WhatIsToldToEndCanBeGoneOnWith) {
  SendAll(*uploads().Begin(manifest_));
  // So often it may go on; then it ends.
  int left = 0;
  const auto check = [&left]() -> absl::Status {
    return left-- > 0 ? absl::OkStatus() : absl::CancelledError("enough");
  };
  int ends = 0;
  for (absl::Status finished = absl::CancelledError(); !finished.ok(); ++ends) {
    left = ends;
    finished = uploads().Finish("one", check).status();
    if (finished.ok()) break;
    ASSERT_THAT(finished, StatusIs(StatusCode::kCancelled, "enough"));
    EXPECT_THAT(store_->snapshots().Names().value(), IsEmpty());
    ASSERT_EQ(uploads().List()->front().total_bytes_held(), manifest_.bytes());
  }
  EXPECT_GE(ends, static_cast<int>(manifest_.files.size()));

  // Now the files are linked from there.
  manifest_.name = "two";
  absl::Status begun = absl::CancelledError();
  for (ends = 0; !begun.ok(); ++ends) {
    left = 2;  // Each file is asked about twice, for its bytes and for its end.
    begun = uploads().Begin(manifest_, check).status();
    if (!begun.ok()) {
      ASSERT_THAT(begun, StatusIs(StatusCode::kCancelled, "enough"));
    }
    ASSERT_THAT(*uploads().List(), SizeIs(1));
    ASSERT_LT(ends, 100);
  }
  left = 1;
  EXPECT_THAT(store_->snapshots().Verify("one", check), StatusIs(StatusCode::kCancelled, "enough"));
  EXPECT_THAT(uploads().Finish("two"), IsOk());
  EXPECT_THAT(store_->snapshots().Verify("two")->problems, IsEmpty());
}

TEST_F(SnapshotUploadsTest, ATornUploadIsNotFinished) {
  const auto upload = uploads().Begin(manifest_);
  SendAll(*upload);
  const SnapshotFile& file = manifest_.files[LargestFile()];
  fs::resize_file(Path("data/snapshots/one.upload/" + file.path), file.bytes - 1);
  EXPECT_THAT(uploads().Finish("one"),
              StatusIs(StatusCode::kFailedPrecondition,
                       fmt::format("{} of the {} bytes", file.bytes - 1, file.bytes)));
  // Not even when something took it for a snapshot.
  EXPECT_FALSE(RestoreSnapshot(Path("data/snapshots/one.upload"), Path("torn")).ok());
  EXPECT_FALSE(fs::exists(Path("torn")));
}

TEST_F(SnapshotUploadsTest, GapsAndForeignFilesAreRefused) {
  ASSERT_THAT(uploads().Begin(manifest_), IsOk());
  const SnapshotFile& file = manifest_.files[LargestFile()];
  EXPECT_THAT(uploads().Write("one", file.path, 1, "x"),
              StatusIs(StatusCode::kInvalidArgument, "only the first 0 bytes"));
  EXPECT_THAT(uploads().Write("one", file.path, 0, std::string(file.bytes + 1, 'x')),
              StatusIs(StatusCode::kInvalidArgument, "ends behind it"));
  for (const char* const path : {"rocksdb/000099.sst", "MANIFEST", "UNFINISHED", "../x", ""}) {
    EXPECT_THAT(uploads().Write("one", path, 0, "x"), StatusIs(StatusCode::kNotFound, path));
  }
  EXPECT_THAT(uploads().Write("two", file.path, 0, "x"),
              StatusIs(StatusCode::kNotFound, "no upload of a snapshot 'two'"));
  EXPECT_THAT(uploads().Finish("two"), StatusIs(StatusCode::kNotFound, "'two'"));
  EXPECT_EQ(uploads().List()->front().total_bytes_held(), 0u);
}

TEST_F(SnapshotUploadsTest, AManifestOfWhatNoSnapshotHasIsRefusedBeforeAnythingIsMade) {
  SnapshotFile file{.path = "rocksdb/CURRENT", .bytes = 1, .sha256 = std::string(64, 'a')};
  for (const char* const path :
       {"MANIFEST", "UNFINISHED", "FORMAT", "index/1/slots", "rocksdb/a/b", "LOCK"}) {
    file.path = path;
    EXPECT_THAT(uploads().Begin(Foreign(file)), StatusIs(StatusCode::kInvalidArgument, path));
  }
  file.path = "rocksdb/CURRENT";
  file.bytes = kSnapshotFileBytesMax + 1;
  EXPECT_THAT(uploads().Begin(Foreign(file)), StatusIs(StatusCode::kInvalidArgument, "may have"));
  SnapshotManifest many = Foreign(file);
  many.files.resize(kSnapshotFilesMax + 1);
  EXPECT_THAT(uploads().Begin(many), StatusIs(StatusCode::kInvalidArgument, "100001 files"));
  SnapshotManifest newer = manifest_;
  newer.format = kDataFormat + 1;
  EXPECT_THAT(uploads().Begin(newer), StatusIs(StatusCode::kFailedPrecondition, "newer program"));
  EXPECT_FALSE(fs::exists(Path("data/snapshots")));
}

TEST_F(SnapshotUploadsTest, WhatDoesNotFitOnTheDiskIsRefusedBeforeAnythingIsMade) {
  SnapshotManifest huge = manifest_;
  huge.files.clear();
  for (int number = 0; number < 1'000; ++number) {
    huge.files.push_back({.path = fmt::format("rocksdb/{:06}.sst", number),
                          .bytes = kSnapshotFileBytesMax,
                          .sha256 = std::string(64, 'a')});
  }
  EXPECT_THAT(uploads().Begin(huge),
              StatusIs(StatusCode::kResourceExhausted, std::to_string(huge.bytes())));
  EXPECT_FALSE(fs::exists(Path("data/snapshots")));
  // So is every chunk when what must stay free is not.
  ASSERT_THAT(uploads().Begin(manifest_), IsOk());
  Open("data", uint64_t{1} << 60);
  EXPECT_THAT(uploads().Write("one", manifest_.files[0].path, 0, "x"),
              StatusIs(StatusCode::kResourceExhausted, "stay free"));
  EXPECT_THAT(uploads().Begin(manifest_), StatusIs(StatusCode::kResourceExhausted, "'one'"));
}

TEST_F(SnapshotUploadsTest, SpaceThatIsPromisedToAnUploadIsNotPromisedToAnother) {
  const SnapshotManifest first = Large("first", 0.6);
  const SnapshotManifest second = Large("second", 0.6);
  ASSERT_THAT(uploads().Begin(first), IsOk());
  EXPECT_THAT(uploads().Begin(second),
              StatusIs(StatusCode::kResourceExhausted,
                       fmt::format("{} bytes promised to other", first.bytes())));
  EXPECT_THAT(*uploads().List(), SizeIs(1));
  // Its own promise is no hindrance, also after a restart.
  Open("data");
  EXPECT_THAT(uploads().Begin(first), IsOk());
  EXPECT_THAT(uploads().Begin(second), StatusIs(StatusCode::kResourceExhausted, "promised"));
  // What has come is promised no more: files with holes, which take no space.
  for (size_t at = 0; at < 80; ++at) {
    const std::string path = Path("data/snapshots/first.upload/" + first.files[at].path);
    fs::create_directories(fs::path(path).parent_path());
    std::ofstream(path).close();
    fs::resize_file(path, first.files[at].bytes);
  }
  EXPECT_THAT(uploads().Begin(second), IsOk());
  ASSERT_THAT(uploads().Remove("second"), IsOk());
  ASSERT_THAT(uploads().Remove("first"), IsOk());
  EXPECT_THAT(uploads().Begin(second), IsOk());
}

TEST_F(SnapshotUploadsTest, OfTwoBegunAtTheSameTimeOneIsRefusedWhenBothDoNotFit) {
  for (int round = 0; round < 20; ++round) {
    const SnapshotManifest manifests[] = {Large("first", 0.6), Large("second", 0.6)};
    absl::Status begun[2];
    {
      std::jthread other([&] { begun[0] = uploads().Begin(manifests[0]).status(); });
      begun[1] = uploads().Begin(manifests[1]).status();
    }
    ASSERT_NE(begun[0].ok(), begun[1].ok()) << begun[0] << begun[1];
    ASSERT_THAT(begun[begun[0].ok() ? 1 : 0], StatusIs(StatusCode::kResourceExhausted, "promised"));
    ASSERT_THAT(uploads().Remove(begun[0].ok() ? "first" : "second"), IsOk());
  }
}

TEST_F(SnapshotUploadsTest, AnotherSnapshotOfThatNameIsNotTouched) {
  ASSERT_THAT(uploads().Begin(manifest_), IsOk());
  SnapshotManifest other = manifest_;
  other.last_sequence += 1;
  EXPECT_THAT(uploads().Begin(other),
              StatusIs(StatusCode::kFailedPrecondition, "simile snapshot delete one"));
  ASSERT_THAT(uploads().Remove("one"), IsOk());
  EXPECT_THAT(uploads().Remove("one"), StatusIs(StatusCode::kNotFound, "'one'"));
  EXPECT_TRUE(fs::is_empty(Path("data/snapshots")));
  Put(1, 3);
  ASSERT_THAT(store_->CreateSnapshot("one", 0, "0.1.0"), IsOk());
  EXPECT_THAT(uploads().Begin(manifest_), StatusIs(StatusCode::kAlreadyExists, "another"));
}

// Made by CreateSnapshot while the upload was under way.
TEST_F(SnapshotUploadsTest, AnUploadDoesNotTakeThePlaceOfASnapshot) {
  SendAll(*uploads().Begin(manifest_));
  Put(1, 3);
  ASSERT_THAT(store_->CreateSnapshot("one", 0, "0.1.0"), IsOk());
  EXPECT_THAT(uploads().Finish("one"), StatusIs(StatusCode::kAlreadyExists, "'one'"));
  EXPECT_THAT(store_->snapshots().Verify("one")->problems, IsEmpty());
}

TEST_F(SnapshotUploadsTest, BeginningsAreLimited) {
  for (size_t number = 0; number < kSnapshotUploadsMax; ++number) {
    manifest_.name = fmt::format("n{}", number);
    ASSERT_THAT(uploads().Begin(manifest_), IsOk());
  }
  EXPECT_THAT(uploads().Begin(manifest_), IsOk());
  manifest_.name = "more";
  EXPECT_THAT(uploads().Begin(manifest_),
              StatusIs(StatusCode::kResourceExhausted, "16 uploads are not finished"));
}

TEST_F(SnapshotUploadsTest, ADamagedNoteOfWhatIsToComeIsSaidAndCanBeDeleted) {
  ASSERT_THAT(uploads().Begin(manifest_), IsOk());
  const std::string note = Path("data/snapshots/one.upload/UNFINISHED");
  ASSERT_THAT(WriteFileRange(note, 40, "?"), IsOk());
  EXPECT_THAT(uploads().Begin(manifest_),
              StatusIs(StatusCode::kDataLoss, "simile snapshot delete one"));
  ASSERT_THAT(uploads().List(), IsOk());
  EXPECT_EQ(uploads().List()->front().manifest.name, "one");
  EXPECT_THAT(uploads().Remove("one"), IsOk());
  EXPECT_THAT(uploads().Begin(manifest_), IsOk());
}

TEST_F(SnapshotUploadsTest, ChunksOfASnapshotAreReadWithinItsFiles) {
  Put(1, 5);
  const auto made = store_->CreateSnapshot("one", 0, "0.1.0");
  ASSERT_THAT(made, IsOk());
  const SnapshotFile& file = made->files.front();
  const Snapshots& snapshots = store_->snapshots();
  const auto whole = ReadWholeFile(snapshots.PathOf("one") + "/" + file.path, 1 << 20);
  ASSERT_THAT(whole, IsOk());
  EXPECT_EQ(snapshots.ReadChunk("one", file.path, 3, 4).value(), whole->substr(3, 4));
  EXPECT_EQ(snapshots.ReadChunk("one", file.path, 3, 1 << 20).value(), whole->substr(3));
  EXPECT_EQ(snapshots.ReadChunk("one", file.path, file.bytes, 1).value(), "");
  EXPECT_THAT(snapshots.ReadChunk("one", file.path, file.bytes + 1, 1),
              StatusIs(StatusCode::kInvalidArgument, "nothing at"));
  for (const char* const path : {"MANIFEST", "../../FORMAT", "/etc/passwd", ""}) {
    EXPECT_THAT(snapshots.ReadChunk("one", path, 0, 1), StatusIs(StatusCode::kNotFound, path));
  }
  EXPECT_THAT(snapshots.ReadChunk("two", file.path, 0, 1), StatusIs(StatusCode::kNotFound, "two"));
  fs::resize_file(snapshots.PathOf("one") + "/" + file.path, 1);
  EXPECT_THAT(snapshots.ReadChunk("one", file.path, 0, 4), StatusIs(StatusCode::kDataLoss, "ends"));
  fs::remove(snapshots.PathOf("one") + "/" + file.path);
  EXPECT_THAT(snapshots.ReadChunk("one", file.path, 0, 4),
              StatusIs(StatusCode::kDataLoss, "is missing"));
}

}  // namespace
}  // namespace simile

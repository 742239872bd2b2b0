// Snapshots to and from other machines, chunk by chunk over the wire.
#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>
#include <string>

#include "base/crc32c.h"
#include "server/engine/limits.h"
#include "tests/rpc/rpc_fixture.h"

namespace simile {
namespace {

using grpc::StatusCode;
using Stub = v1::AdminService::Stub;

class SnapshotTransferTest : public RpcFixture {
 protected:
  void SetUp() override {
    RpcFixture::SetUp();
    ASSERT_TRUE(Upsert("vectors", {VectorDocument("a", {1, 2}), VectorDocument("b", {2, 1})}).ok());
    v1::CreateSnapshotRequest request;
    request.set_name("one");
    ASSERT_TRUE(Call(*admin_, &Stub::CreateSnapshot, request, made_).ok());
    v1::GetSnapshotManifestRequest ask;
    ask.set_name("one");
    ASSERT_TRUE(Call(*admin_, &Stub::GetSnapshotManifest, ask, manifest_).ok());
  }

  grpc::Status Read(const std::string& name, const std::string& path, uint64_t offset,
                    uint32_t length) {
    v1::ReadSnapshotChunkRequest request;
    request.set_name(name);
    request.set_path(path);
    request.set_offset(offset);
    request.set_length(length);
    chunk_.Clear();
    return Call(*admin_, &Stub::ReadSnapshotChunk, request, chunk_);
  }

  grpc::Status Begin(const std::string& name, const std::string& manifest) {
    v1::BeginSnapshotUploadRequest request;
    request.set_name(name);
    request.set_manifest(manifest);
    upload_.Clear();
    return Call(*admin_, &Stub::BeginSnapshotUpload, request, upload_);
  }

  grpc::Status Write(const std::string& name, const std::string& path, uint64_t offset,
                     const std::string& data) {
    v1::WriteSnapshotChunkRequest request;
    request.set_name(name);
    request.set_path(path);
    request.set_offset(offset);
    request.set_data(data);
    request.set_crc32c(Crc32c(data));
    return Call(*admin_, &Stub::WriteSnapshotChunk, request, written_);
  }

  grpc::Status Finish(const std::string& name) {
    v1::FinishSnapshotUploadRequest request;
    request.set_name(name);
    return Call(*admin_, &Stub::FinishSnapshotUpload, request, finished_);
  }

  grpc::Status Delete(const std::string& name) {
    v1::DeleteSnapshotRequest request;
    request.set_name(name);
    v1::DeleteSnapshotResponse response;
    return Call(*admin_, &Stub::DeleteSnapshot, request, response);
  }

  v1::ListSnapshotsResponse List() {
    v1::ListSnapshotsResponse listed;
    EXPECT_TRUE(Call(*admin_, &Stub::ListSnapshots, v1::ListSnapshotsRequest(), listed).ok());
    return listed;
  }

  // All bytes of the files of "one", in chunks of 500.
  void Download() {
    for (const v1::SnapshotFile& file : manifest_.files()) {
      std::string& bytes = downloaded_[file.path()];
      while (bytes.size() < file.bytes()) {
        ASSERT_TRUE(Read("one", file.path(), bytes.size(), 500).ok());
        ASSERT_FALSE(chunk_.data().empty());
        EXPECT_EQ(chunk_.crc32c(), Crc32c(chunk_.data()));
        bytes += chunk_.data();
      }
    }
  }

  // What the last Begin said is missing, as it was downloaded.
  void SendMissing() {
    for (const v1::SnapshotUploadFile& file : upload_.files()) {
      const std::string& bytes = downloaded_[file.file().path()];
      if (file.bytes_held() == bytes.size()) continue;
      ASSERT_TRUE(Write(upload_.name(), file.file().path(), file.bytes_held(),
                        bytes.substr(file.bytes_held()))
                      .ok());
      EXPECT_EQ(written_.bytes_held(), bytes.size());
    }
  }

  v1::Snapshot made_;
  v1::SnapshotManifestText manifest_;
  v1::SnapshotChunk chunk_;
  v1::SnapshotUpload upload_;
  v1::WriteSnapshotChunkResponse written_;
  v1::Snapshot finished_;
  std::map<std::string, std::string> downloaded_;
};

TEST_F(SnapshotTransferTest, ASnapshotGoesOutAndComesBackUnderAnotherName) {
  EXPECT_EQ(manifest_.files_size(), made_.files_size());
  Download();
  ASSERT_TRUE(Delete("one").ok());
  ASSERT_TRUE(Begin("two", manifest_.manifest()).ok());
  EXPECT_EQ(upload_.name(), "two");
  EXPECT_EQ(upload_.bytes(), made_.bytes());
  EXPECT_EQ(upload_.bytes_held(), 0u);
  EXPECT_FALSE(upload_.finished());
  EXPECT_THAT(Finish("two"), IsError(StatusCode::FAILED_PRECONDITION, "bring the rest first"));
  SendMissing();
  ASSERT_EQ(List().uploads_size(), 1);
  EXPECT_EQ(List().uploads(0).bytes_held(), made_.bytes());
  EXPECT_EQ(List().snapshots_size(), 0);
  ASSERT_TRUE(Finish("two").ok());
  EXPECT_EQ(finished_.name(), "two");
  EXPECT_EQ(finished_.bytes(), made_.bytes());
  EXPECT_EQ(List().uploads_size(), 0);

  v1::RestoreSnapshotRequest restore;
  restore.set_name("two");
  restore.set_collection("vectors");
  restore.set_as_collection("again");
  v1::RestoreSnapshotResponse restored;
  ASSERT_TRUE(Call(*admin_, &Stub::RestoreSnapshot, restore, restored).ok());
  EXPECT_EQ(CountOf("again"), 2u);
  ASSERT_TRUE(Begin("two", manifest_.manifest()).ok());
  EXPECT_TRUE(upload_.finished());
}

TEST_F(SnapshotTransferTest, AnUploadGoesOnAfterARestartAndTakesWhatIsThere) {
  Download();
  ASSERT_TRUE(Delete("one").ok());
  ASSERT_TRUE(Begin("", manifest_.manifest()).ok());
  EXPECT_EQ(upload_.name(), "one");
  const std::string& path = manifest_.files(0).path();
  ASSERT_TRUE(Write("one", path, 0, downloaded_[path].substr(0, 7)).ok());
  server_.reset();
  database_.reset();
  OpenDatabase();
  database_->Load();
  Serve({});
  ASSERT_EQ(List().uploads_size(), 1);
  EXPECT_EQ(List().uploads(0).bytes_held(), 7u);
  ASSERT_TRUE(Begin("", manifest_.manifest()).ok());
  EXPECT_EQ(upload_.bytes_held(), 7u);
  SendMissing();
  ASSERT_TRUE(Finish("one").ok());
  // Another of the same bytes needs none of them.
  ASSERT_TRUE(Begin("two", manifest_.manifest()).ok());
  EXPECT_EQ(upload_.bytes_held(), upload_.bytes());
  EXPECT_TRUE(Finish("two").ok());
}

TEST_F(SnapshotTransferTest, ChunksAreRefusedThatAreTooLargeDamagedOrLeaveAGap) {
  const std::string& path = manifest_.files(0).path();
  EXPECT_THAT(Read("one", path, 0, 0), IsError(StatusCode::INVALID_ARGUMENT, "a chunk of 0"));
  EXPECT_THAT(Read("one", path, 0, kSnapshotChunkBytesMax + 1),
              IsError(StatusCode::INVALID_ARGUMENT, "1 to 4194304"));
  EXPECT_THAT(Read("one", path, 1ull << 40, 1), IsError(StatusCode::INVALID_ARGUMENT, "nothing"));
  EXPECT_THAT(Read("one", "../../FORMAT", 0, 1), IsError(StatusCode::NOT_FOUND, "FORMAT"));
  EXPECT_THAT(Read("../one", path, 0, 1), IsError(StatusCode::INVALID_ARGUMENT, "snapshot name"));
  EXPECT_THAT(Read("two", path, 0, 1), IsError(StatusCode::NOT_FOUND, "'two'"));

  EXPECT_THAT(Write("two", path, 0, "x"), IsError(StatusCode::NOT_FOUND, "no upload"));
  ASSERT_TRUE(Begin("two", manifest_.manifest()).ok());
  ASSERT_TRUE(Delete("two").ok());
  ASSERT_TRUE(Delete("one").ok());
  ASSERT_TRUE(Begin("two", manifest_.manifest()).ok());
  EXPECT_THAT(Write("two", path, 1, "x"), IsError(StatusCode::INVALID_ARGUMENT, "first 0 bytes"));
  EXPECT_THAT(Write("two", path, 0, ""), IsError(StatusCode::INVALID_ARGUMENT, "0 bytes"));
  EXPECT_THAT(Write("two", path, 0, std::string(kSnapshotChunkBytesMax + 1, 'x')),
              IsError(StatusCode::INVALID_ARGUMENT, "4194305 bytes"));
  EXPECT_THAT(Write("two", "FORMAT", 0, "x"), IsError(StatusCode::NOT_FOUND, "'FORMAT'"));
  v1::WriteSnapshotChunkRequest damaged;
  damaged.set_name("two");
  damaged.set_path(path);
  damaged.set_data("x");
  EXPECT_THAT(Call(*admin_, &Stub::WriteSnapshotChunk, damaged, written_),
              IsError(StatusCode::DATA_LOSS, "CRC-32C"));
  EXPECT_EQ(List().uploads(0).bytes_held(), 0u);
}

TEST_F(SnapshotTransferTest, BadManifestsAreRefusedBeforeAnythingIsMade) {
  std::string torn = manifest_.manifest();
  torn.pop_back();
  EXPECT_THAT(Begin("two", torn), IsError(StatusCode::INVALID_ARGUMENT, "checksum"));
  EXPECT_EQ(FieldOf(Begin("two", "")), "manifest");
  EXPECT_THAT(Begin("a/b", manifest_.manifest()),
              IsError(StatusCode::INVALID_ARGUMENT, "snapshot name"));
  SnapshotManifest manifest = *DecodeManifest(manifest_.manifest());
  const auto refused = [&](const SnapshotManifest& bad, StatusCode code, const char* part) {
    EXPECT_THAT(Begin("two", EncodeManifest(bad)), IsError(code, part));
  };
  SnapshotManifest escaping = manifest;
  escaping.files[0].path = "../../../x";
  refused(escaping, StatusCode::INVALID_ARGUMENT, "does not parse");
  SnapshotManifest twice = manifest;
  twice.files.insert(twice.files.begin(), twice.files[0]);
  refused(twice, StatusCode::INVALID_ARGUMENT, "there twice");
  SnapshotManifest newer = manifest;
  newer.format += 1;
  refused(newer, StatusCode::FAILED_PRECONDITION, "newer program");
  SnapshotManifest named = manifest;
  named.collections[0].name = "\x1b[2J";
  refused(named, StatusCode::INVALID_ARGUMENT, "collection name");
  SnapshotManifest huge = manifest;
  huge.files[0].bytes = 1ull << 41;
  refused(huge, StatusCode::INVALID_ARGUMENT, "a file may have");
  EXPECT_THAT(Begin("one", EncodeManifest(newer)), IsError(StatusCode::FAILED_PRECONDITION, ""));
  SnapshotManifest other = manifest;
  other.last_sequence += 1;
  EXPECT_THAT(Begin("one", EncodeManifest(other)), IsError(StatusCode::ALREADY_EXISTS, "another"));
  EXPECT_EQ(List().uploads_size(), 0);
  EXPECT_EQ(List().snapshots_size(), 1);
}

TEST_F(SnapshotTransferTest, LimitsArePublished) {
  v1::ServerInfo info;
  ASSERT_TRUE(Call(*admin_, &Stub::GetServerInfo, v1::GetServerInfoRequest(), info).ok());
  EXPECT_EQ(info.limits().snapshot_chunk_bytes_max(), kSnapshotChunkBytesMax);
  EXPECT_EQ(info.limits().snapshot_uploads_max(), kSnapshotUploadsMax);
  Serve({.message_bytes_max = 1 << 20});
  ASSERT_TRUE(Call(*admin_, &Stub::GetServerInfo, v1::GetServerInfoRequest(), info).ok());
  EXPECT_EQ(info.limits().snapshot_chunk_bytes_max(), 1u << 19);
}

}  // namespace
}  // namespace simile

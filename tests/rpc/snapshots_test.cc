// Snapshots over the wire.
#include <gmock/gmock.h>

#include <filesystem>
#include <string>

#include "server/engine/limits.h"
#include "tests/rpc/rpc_fixture.h"

namespace simile {
namespace {

using ::testing::HasSubstr;
using Stub = v1::AdminService::Stub;

class SnapshotsTest : public RpcFixture {
 protected:
  grpc::Status Create(const std::string& name) {
    v1::CreateSnapshotRequest request;
    request.set_name(name);
    return Call(*admin_, &Stub::CreateSnapshot, request, made_);
  }

  v1::Snapshot made_;
};

TEST_F(SnapshotsTest, AreMadeListedShownVerifiedAndDeleted) {
  ASSERT_TRUE(Upsert("vectors", {VectorDocument("a", {1, 2}), VectorDocument("b", {2, 1})}).ok());
  ASSERT_TRUE(Create("nightly").ok());
  EXPECT_EQ(made_.name(), "nightly");
  EXPECT_GT(made_.files_size(), 3);
  EXPECT_GT(made_.bytes(), 0u);
  bool found = false;
  for (const v1::SnapshotCollection& one : made_.collections()) {
    if (one.name() != "vectors") continue;
    found = true;
    EXPECT_EQ(one.document_count(), 2u);
    EXPECT_EQ(one.dimension(), 2u);
  }
  EXPECT_TRUE(found);

  v1::ListSnapshotsResponse listed;
  ASSERT_TRUE(Call(*admin_, &Stub::ListSnapshots, v1::ListSnapshotsRequest(), listed).ok());
  ASSERT_EQ(listed.snapshots_size(), 1);
  EXPECT_EQ(listed.snapshots(0).bytes(), made_.bytes());
  EXPECT_EQ(listed.snapshots(0).files_size(), 0);

  v1::GetSnapshotRequest get;
  get.set_name("nightly");
  v1::Snapshot shown;
  ASSERT_TRUE(Call(*admin_, &Stub::GetSnapshot, get, shown).ok());
  EXPECT_EQ(shown.files_size(), made_.files_size());

  v1::VerifySnapshotRequest verify;
  verify.set_name("nightly");
  v1::VerifySnapshotResponse verified;
  ASSERT_TRUE(Call(*admin_, &Stub::VerifySnapshot, verify, verified).ok());
  EXPECT_TRUE(verified.good());
  EXPECT_EQ(verified.bytes_read(), made_.bytes());

  v1::DeleteSnapshotRequest remove;
  remove.set_name("nightly");
  v1::DeleteSnapshotResponse removed;
  ASSERT_TRUE(Call(*admin_, &Stub::DeleteSnapshot, remove, removed).ok());
  EXPECT_EQ(Call(*admin_, &Stub::GetSnapshot, get, shown).error_code(),
            grpc::StatusCode::NOT_FOUND);
}

TEST_F(SnapshotsTest, ACollectionIsRestoredUnderAnotherName) {
  ASSERT_TRUE(Upsert("vectors", {VectorDocument("a", {1, 2}), VectorDocument("b", {2, 1})}).ok());
  ASSERT_TRUE(Create("nightly").ok());
  v1::RestoreSnapshotRequest request;
  request.set_name("nightly");
  request.set_collection("vectors");
  v1::RestoreSnapshotResponse response;
  EXPECT_EQ(Call(*admin_, &Stub::RestoreSnapshot, request, response).error_code(),
            grpc::StatusCode::ALREADY_EXISTS);
  request.set_as_collection("again");
  request.set_dry_run(true);
  ASSERT_TRUE(Call(*admin_, &Stub::RestoreSnapshot, request, response).ok());
  EXPECT_TRUE(response.dry_run());
  request.set_dry_run(false);
  ASSERT_TRUE(Call(*admin_, &Stub::RestoreSnapshot, request, response).ok());
  ASSERT_EQ(response.collections_size(), 1);
  EXPECT_EQ(response.collections(0).as_collection(), "again");
  EXPECT_EQ(response.collections(0).document_count(), 2u);
  EXPECT_FALSE(response.collections(0).replaces());
  EXPECT_TRUE(Upsert("again", {VectorDocument("c", {1, 1})}).ok());
}

TEST_F(SnapshotsTest, OneOfASingleCollectionIsListedAndRestoredLikeAnyOther) {
  ASSERT_TRUE(Upsert("vectors", {VectorDocument("a", {1, 2}), VectorDocument("b", {2, 1})}).ok());
  v1::CreateSnapshotRequest request;
  request.set_name("one");
  request.set_collection("vector");
  EXPECT_THAT(Call(*admin_, &Stub::CreateSnapshot, request, made_),
              IsError(grpc::StatusCode::NOT_FOUND, "'vector'"));
  request.set_collection("vectors");
  ASSERT_TRUE(Call(*admin_, &Stub::CreateSnapshot, request, made_).ok());
  ASSERT_EQ(made_.collections_size(), 1);
  EXPECT_EQ(made_.collections(0).name(), "vectors");
  v1::RestoreSnapshotRequest restore;
  restore.set_name("one");
  restore.set_collection("texts");
  restore.set_as_collection("again");
  v1::RestoreSnapshotResponse restored;
  EXPECT_EQ(Call(*admin_, &Stub::RestoreSnapshot, restore, restored).error_code(),
            grpc::StatusCode::NOT_FOUND);
  restore.set_collection("vectors");
  ASSERT_TRUE(Call(*admin_, &Stub::RestoreSnapshot, restore, restored).ok());
  EXPECT_EQ(CountOf("again"), 2u);
}

TEST_F(SnapshotsTest, TheScheduleSaysThatThereIsNone) {
  v1::SnapshotSchedule schedule;
  ASSERT_TRUE(
      Call(*admin_, &Stub::GetSnapshotSchedule, v1::GetSnapshotScheduleRequest(), schedule).ok());
  EXPECT_EQ(schedule.interval_ms(), 0u);
  EXPECT_EQ(schedule.kept_max(), 7u);
  EXPECT_FALSE(schedule.has_next_time());
  EXPECT_FALSE(schedule.has_newest_time());
}

TEST_F(SnapshotsTest, AnEmptyNameIsMadeOfTheTime) {
  ASSERT_TRUE(Create("").ok());
  EXPECT_THAT(made_.name(), ::testing::MatchesRegex("[0-9]+-[0-9]+"));
}

TEST_F(SnapshotsTest, NamesThatLeadElsewhereAreRefused) {
  for (const std::string& name : {std::string("../x"), std::string("a/b"), std::string("a.new"),
                                  std::string(kSnapshotNameBytesMax + 1, 'a')}) {
    const grpc::Status status = Create(name);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT) << name;
    EXPECT_THAT(status.error_message(), HasSubstr("snapshot name"));
  }
  ASSERT_TRUE(Create("twice").ok());
  EXPECT_EQ(Create("twice").error_code(), grpc::StatusCode::ALREADY_EXISTS);
}

}  // namespace
}  // namespace simile

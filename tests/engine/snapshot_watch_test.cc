// What reads all of a snapshot, while its caller goes away or the server stops.
#include <gmock/gmock.h>

#include <chrono>
#include <string>

#include "tests/engine/engine_fixture.h"

namespace simile {
namespace {

using absl::StatusCode;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// A snapshot "one", and its manifest to upload it again as "two".
class SnapshotWatchTest : public EngineFixture {
 protected:
  void SetUp() override {
    EngineFixture::SetUp();
    Put(*Create({.name = "fruits"}), {Text("a", "red apple"), Text("b", "green pear")});
    const auto made = database_->CreateSnapshot("one");
    ASSERT_THAT(made, IsOk());
    manifest_ = EncodeManifest(*made);
    gone_.cancelled = [] { return true; };
    late_.deadline = CallContext::Clock::now() - std::chrono::seconds(1);
  }

  // Each of the calls that read everything; all files of "two" are linked from "one".
  absl::Status Begin(const CallContext& context) {
    return database_->BeginSnapshotUpload("two", manifest_, context).status();
  }
  absl::Status Finish(const CallContext& context) {
    return database_->FinishSnapshotUpload("two", context).status();
  }
  absl::Status Verify(const CallContext& context) {
    return database_->VerifySnapshot("one", context).status();
  }
  absl::Status Restore(const CallContext& context) {
    return database_
        ->RestoreSnapshot({.snapshot = "one", .collection = "fruits", .as_collection = "again"},
                          context)
        .status();
  }

  std::string manifest_;
  CallContext gone_;
  CallContext late_;
};

TEST_F(SnapshotWatchTest, ACancelledOrLateCallEndsAndItsUploadGoesOnLater) {
  EXPECT_THAT(Begin(gone_), StatusIs(StatusCode::kCancelled, "cancelled"));
  EXPECT_THAT(Begin(late_), StatusIs(StatusCode::kDeadlineExceeded, "deadline"));
  EXPECT_THAT(*database_->ListSnapshotUploads(), SizeIs(1));
  ASSERT_THAT(Begin({}), IsOk());
  EXPECT_THAT(Finish(gone_), StatusIs(StatusCode::kCancelled, "cancelled"));
  EXPECT_THAT(Finish(late_), StatusIs(StatusCode::kDeadlineExceeded, "deadline"));
  EXPECT_THAT(*database_->ListSnapshotUploads(), SizeIs(1));
  ASSERT_THAT(Finish({}), IsOk());
  EXPECT_THAT(*database_->ListSnapshotUploads(), IsEmpty());
  EXPECT_THAT(database_->VerifySnapshot("two")->problems, IsEmpty());
}

TEST_F(SnapshotWatchTest, ALookAtASnapshotEndsWithItsCall) {
  EXPECT_THAT(Verify(gone_), StatusIs(StatusCode::kCancelled, "cancelled"));
  EXPECT_THAT(Verify(late_), StatusIs(StatusCode::kDeadlineExceeded, "deadline"));
  EXPECT_THAT(Restore(gone_), StatusIs(StatusCode::kCancelled, "cancelled"));
  EXPECT_THAT(Verify({}), IsOk());
  EXPECT_THAT(Restore({}), IsOk());
}

TEST_F(SnapshotWatchTest, ASnapshotThatNobodyWaitsForIsNotMade) {
  const std::string collections[] = {"", "fruits"};
  for (const std::string& collection : collections) {
    EXPECT_THAT(database_->CreateSnapshot("three", collection, gone_),
                StatusIs(StatusCode::kCancelled, "cancelled"));
    EXPECT_THAT(database_->CreateSnapshot("three", collection, late_),
                StatusIs(StatusCode::kDeadlineExceeded, "deadline"));
  }
  EXPECT_THAT(*database_->ListSnapshots(), SizeIs(1));
  EXPECT_THAT(database_->CreateSnapshot("three"), IsOk());
}

TEST_F(SnapshotWatchTest, AStoppingServerWaitsForNoneOfThem) {
  ASSERT_THAT(Begin({}), IsOk());
  database_->Stop();
  EXPECT_THAT(Begin({}), IsOk());  // Nothing is left to read.
  EXPECT_THAT(Finish({}), StatusIs(StatusCode::kUnavailable, "stopping"));
  EXPECT_THAT(Verify({}), StatusIs(StatusCode::kUnavailable, "stopping"));
  EXPECT_THAT(Restore({}), StatusIs(StatusCode::kUnavailable, "stopping"));
  EXPECT_THAT(database_->CreateSnapshot("three"), StatusIs(StatusCode::kUnavailable, "stopping"));
  Reopen();
  EXPECT_THAT(Finish({}), IsOk());
}

}  // namespace
}  // namespace simile

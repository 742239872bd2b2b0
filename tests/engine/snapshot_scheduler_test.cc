// Snapshots that are taken from time to time.
#include "server/engine/snapshot_scheduler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <mutex>
#include <thread>

#include "tests/engine/engine_fixture.h"

namespace simile {
namespace {

using std::chrono::milliseconds;
using ::testing::Contains;
using ::testing::Each;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

// Snapshots that are only names and times.
class SnapshotSchedulerTest : public ::testing::Test {
 protected:
  static int64_t NowMs() {
    return std::chrono::duration_cast<milliseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
  }

  SnapshotScheduler::Actions Actions() {
    return {.list = [this]() -> absl::StatusOr<std::vector<SnapshotManifest>> {
              const std::lock_guard lock(mutex_);
              std::vector<SnapshotManifest> all;
              for (const auto& [name, time] : known_) {
                all.push_back({.name = name, .created_unix_ms = time});
              }
              return all;
            },
            .create = [this](const std::string& name) -> absl::StatusOr<SnapshotManifest> {
              const std::lock_guard lock(mutex_);
              if (failures_left_ > 0) {
                --failures_left_;
                return absl::ResourceExhaustedError("the disk is full");
              }
              known_[name] = NowMs();
              ++created_;
              return SnapshotManifest{.name = name, .created_unix_ms = known_[name]};
            },
            .remove =
                [this](const std::string& name) {
                  const std::lock_guard lock(mutex_);
                  known_.erase(name);
                  return absl::OkStatus();
                }};
  }

  void AwaitCreated(size_t count) {
    for (int turn = 0; turn < 10'000; ++turn) {
      {
        const std::lock_guard lock(mutex_);
        if (created_ >= count) return;
      }
      std::this_thread::sleep_for(milliseconds(1));
    }
    FAIL() << "no snapshot was taken";
  }

  static SnapshotSchedule AwaitFirstLook(const SnapshotScheduler& scheduler) {
    for (int turn = 0; turn < 10'000; ++turn) {
      SnapshotSchedule schedule = scheduler.Schedule();
      if (schedule.next_unix_ms != 0) return schedule;
      std::this_thread::sleep_for(milliseconds(1));
    }
    ADD_FAILURE() << "it did not look";
    return {};
  }

  std::vector<std::string> Names() {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> names;
    for (const auto& [name, time] : known_) names.push_back(name);
    return names;
  }

  std::mutex mutex_;
  std::map<std::string, int64_t> known_;
  size_t created_ = 0;
  int failures_left_ = 0;
};

TEST_F(SnapshotSchedulerTest, TakesOneEveryIntervalAndKeepsTheNewest) {
  known_["mine"] = 1;
  {
    const SnapshotScheduler scheduler(Actions(), milliseconds(5), 3);
    AwaitCreated(6);
  }
  const std::vector<std::string> names = Names();
  EXPECT_THAT(names, SizeIs(4));
  EXPECT_THAT(names, Contains("mine"));
}

TEST_F(SnapshotSchedulerTest, ARestartDoesNotTakeOneBeforeItIsDue) {
  known_["auto-1"] = NowMs();
  {
    const SnapshotScheduler scheduler(Actions(), milliseconds(3'600'000), 3);
    std::this_thread::sleep_for(milliseconds(30));
  }
  EXPECT_EQ(created_, 0u);
  known_["auto-1"] = NowMs() - 3'600'001;
  const SnapshotScheduler scheduler(Actions(), milliseconds(3'600'000), 3);
  AwaitCreated(1);
}

TEST_F(SnapshotSchedulerTest, WhatFailsIsTriedAgain) {
  failures_left_ = 2;
  const SnapshotScheduler scheduler(Actions(), milliseconds(20), 3);
  AwaitCreated(1);
}

TEST_F(SnapshotSchedulerTest, TellsTheNewestTheNextAndWhyTheLastTryFailed) {
  known_["auto-1"] = 1;
  failures_left_ = 1'000'000;
  const int64_t before_ms = NowMs();
  const SnapshotScheduler scheduler(Actions(), milliseconds(3'600'000), 3);
  const SnapshotSchedule schedule = AwaitFirstLook(scheduler);
  EXPECT_EQ(schedule.interval, milliseconds(3'600'000));
  EXPECT_EQ(schedule.kept_max, 3u);
  EXPECT_EQ(schedule.kept, 1u);
  EXPECT_EQ(schedule.newest, "auto-1");
  EXPECT_EQ(schedule.newest_unix_ms, 1);
  EXPECT_EQ(schedule.failure, "the disk is full");
  EXPECT_GE(schedule.failure_unix_ms, before_ms);
  // After a failure it does not wait for a whole interval.
  EXPECT_LE(schedule.next_unix_ms, NowMs() + 360'000);
}

TEST_F(SnapshotSchedulerTest, TellsWhatItMade) {
  const SnapshotScheduler scheduler(Actions(), milliseconds(3'600'000), 3);
  const SnapshotSchedule schedule = AwaitFirstLook(scheduler);
  EXPECT_EQ(schedule.kept, 1u);
  EXPECT_THAT(Names(), Contains(schedule.newest));
  EXPECT_EQ(schedule.failure, "");
  EXPECT_GT(schedule.next_unix_ms, schedule.newest_unix_ms + 3'500'000);
}

TEST_F(SnapshotSchedulerTest, AnIntervalOfZeroMeansNever) {
  {
    const SnapshotScheduler scheduler(Actions(), milliseconds(0), 1);
    EXPECT_EQ(scheduler.Schedule().next_unix_ms, 0);
    std::this_thread::sleep_for(milliseconds(10));
  }
  EXPECT_EQ(created_, 0u);
}

class ScheduledSnapshotsTest : public EngineFixture {};

TEST_F(ScheduledSnapshotsTest, ADatabaseTakesThemItself) {
  database_.reset();
  auto store =
      Store::Open({.data_directory = directory_.path() + "/scheduled", .free_disk_bytes_min = 0});
  ASSERT_THAT(store, IsOk());
  Database database(*std::move(store), std::make_unique<ModelRegistry>(),
                    DatabaseOptions{.snapshot_interval = milliseconds(20), .snapshots_kept = 2});
  database.Load();
  for (int turn = 0; turn < 10'000; ++turn) {
    const auto listed = database.ListSnapshots();
    ASSERT_THAT(listed, IsOk());
    if (listed->size() >= 2) {
      EXPECT_THAT(listed->front().name, StartsWith("auto-"));
      return;
    }
    std::this_thread::sleep_for(milliseconds(1));
  }
  FAIL() << "no snapshot was taken";
}

}  // namespace
}  // namespace simile

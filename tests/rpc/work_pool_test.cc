#include "server/rpc/work_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <thread>
#include <vector>

namespace simile {
namespace {

TEST(WorkPoolTest, RunsEveryTaskOfEveryThread) {
  std::atomic<int> done{0};
  {
    WorkPool pool("test", 4, 100'000);
    std::vector<std::thread> submitters;
    for (int submitter = 0; submitter < 4; ++submitter) {
      submitters.emplace_back([&] {
        for (int task = 0; task < 500; ++task) EXPECT_TRUE(pool.Submit([&done] { ++done; }));
      });
    }
    for (std::thread& submitter : submitters) submitter.join();
  }
  EXPECT_EQ(done, 2000);
}

TEST(WorkPoolTest, RefusesAboveItsQueueLimitAndCountsIt) {
  std::latch started(1), release(1);
  std::atomic<int> done{0};
  {
    WorkPool pool("test", 1, 2);
    ASSERT_TRUE(pool.Submit([&] {
      started.count_down();
      release.wait();
    }));
    started.wait();
    EXPECT_TRUE(pool.Submit([&done] { ++done; }));
    EXPECT_TRUE(pool.Submit([&done] { ++done; }));
    EXPECT_FALSE(pool.Submit([&done] { done += 100; }));
    EXPECT_EQ(pool.Statistics().queued, 2u);
    EXPECT_EQ(pool.Statistics().rejected, 1u);
    release.count_down();
  }
  EXPECT_EQ(done, 2);
}

TEST(WorkPoolTest, AdmittedWorkIsNeverRefused) {
  std::latch started(1), release(1);
  std::atomic<int> done{0};
  {
    WorkPool pool("test", 1, 1);
    ASSERT_TRUE(pool.Submit([&] {
      started.count_down();
      release.wait();
    }));
    started.wait();
    for (int task = 0; task < 10; ++task) pool.SubmitAdmitted([&done] { ++done; });
    release.count_down();
  }
  EXPECT_EQ(done, 10);
}

TEST(WorkPoolTest, ATaskMaySubmitAnother) {
  std::atomic<bool> second_ran{false};
  {
    WorkPool pool("test", 1, 8);
    std::latch submitted(1);
    pool.Submit([&] {
      EXPECT_TRUE(pool.Submit([&second_ran] { second_ran = true; }));
      submitted.count_down();
    });
    submitted.wait();
  }
  EXPECT_TRUE(second_ran);
}

TEST(WorkPoolTest, StatisticsNameTheThreads) {
  const WorkPool pool("search", 3, 8);
  EXPECT_EQ(pool.name(), "search");
  EXPECT_EQ(pool.Statistics().threads, 3u);
  EXPECT_EQ(pool.Statistics().completed, 0u);
}

}  // namespace
}  // namespace simile

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "server/engine/errors.h"
#include "server/engine/similar_name.h"
#include "server/engine/ulid.h"
#include "server/engine/write_gate.h"
#include "tests/support/status_matchers.h"

namespace simile {
namespace {

TEST(UlidTest, UlidsAreDistinctAndBeginWithTheTime) {
  std::set<std::string> ulids;
  for (int number = 0; number < 10'000; ++number) ulids.insert(NewUlid());
  EXPECT_EQ(ulids.size(), 10'000u);
  // Milliseconds since 1970 in ten characters begin with 01 from 2004 to 2039 and beyond.
  EXPECT_EQ(ulids.begin()->substr(0, 2), "01");
  EXPECT_EQ(ulids.begin()->size(), 26u);
}

TEST(SimilarNameTest, SuggestsOnlyWhatIsCloseEnough) {
  const std::vector<std::string> known = {"packages", "glosses"};
  EXPECT_EQ(SimilarName("package", known), "packages");
  EXPECT_EQ(SimilarName("gloses", known), "glosses");
  EXPECT_EQ(SimilarName("other", known), "");
}

TEST(ErrorsTest, FieldsNestFromTheOutside) {
  const absl::Status status = InField("documents[3]", InvalidField("vector", "bad"));
  EXPECT_EQ(FieldOf(status), "documents[3].vector");
  EXPECT_EQ(MessageOf(status), "bad");
  EXPECT_EQ(FieldOf(InField("documents[3]", absl::NotFoundError("x"))), "documents[3]");
  EXPECT_EQ(FieldOf(absl::NotFoundError("x")), "");
}

TEST(ErrorsTest, TheRetryDelayTravelsWithTheStatus) {
  const absl::Status status =
      WithRetryAfter(absl::UnavailableError("loading"), std::chrono::milliseconds(250));
  EXPECT_EQ(RetryAfterOf(status), std::chrono::milliseconds(250));
  EXPECT_EQ(RetryAfterOf(absl::UnavailableError("loading")), std::nullopt);
}

TEST(ErrorsTest, AFullQueueComesWithATimeToTryAgain) {
  EXPECT_TRUE(RetryAfterOf(WithRetryIfFull(absl::ResourceExhaustedError("full"))).has_value());
  EXPECT_FALSE(RetryAfterOf(WithRetryIfFull(absl::CancelledError("gone"))).has_value());
}

TEST(WriteGateTest, OnlyOneHolderOfAnIdAtATime) {
  WriteGate gate;
  std::atomic<int> inside{0}, worst{0};
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&] {
      for (int round = 0; round < 200; ++round) {
        const auto pass = gate.Enter({"shared", "shared", "own"}, {});
        ASSERT_THAT(pass, IsOk());
        const int now = ++inside;
        if (now > worst) worst = now;
        --inside;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(worst, 1);
}

TEST(WriteGateTest, DistinctIdsPassTogether) {
  WriteGate gate;
  const auto first = gate.Enter({"a"}, {});
  const auto second = gate.Enter({"b"}, {});
  EXPECT_THAT(first, IsOk());
  EXPECT_THAT(second, IsOk());
}

TEST(WriteGateTest, AWaitEndsAtTheDeadlineAndOnCancel) {
  WriteGate gate;
  const auto first = gate.Enter({"a"}, {});
  EXPECT_THAT(gate.Enter({"a", "b"}, {.deadline = CallContext::Clock::now()}),
              StatusIs(absl::StatusCode::kDeadlineExceeded, ""));
  EXPECT_THAT(gate.Enter({"a"}, {.cancelled = [] { return true; }}),
              StatusIs(absl::StatusCode::kCancelled, ""));
  // Whoever gave up holds nothing up.
  EXPECT_THAT(gate.Enter({"b"}, {}), IsOk());
}

// Otherwise small writes could keep a large one out for ever.
TEST(WriteGateTest, ALaterWriteDoesNotOvertakeAnEarlierOneThatSharesAnId) {
  WriteGate gate;
  auto first = gate.Enter({"a"}, {});
  std::atomic<bool> large_waits{false}, large_entered{false};
  std::thread large([&] {
    const CallContext context = {.cancelled = [&] {
      large_waits = true;  // Asked only while it waits.
      return false;
    }};
    const auto pass = gate.Enter({"a", "b"}, context);
    large_entered = true;
  });
  while (!large_waits) std::this_thread::yield();
  EXPECT_THAT(gate.Enter({"b"}, {.deadline = CallContext::Clock::now()}),
              StatusIs(absl::StatusCode::kDeadlineExceeded, ""));
  EXPECT_FALSE(large_entered);
  first->reset();
  large.join();
  EXPECT_THAT(gate.Enter({"b"}, {}), IsOk());
}

}  // namespace
}  // namespace simile

#include "server/rpc/byte_budget.h"

#include <gtest/gtest.h>

namespace simile {
namespace {

TEST(ByteBudgetTest, TakesUpToItsMaximumAndRefusesMore) {
  ByteBudget budget(100);
  EXPECT_TRUE(budget.TryTake(60));
  EXPECT_TRUE(budget.TryTake(40));
  EXPECT_FALSE(budget.TryTake(1));
  budget.Release(40);
  EXPECT_TRUE(budget.TryTake(1));
  EXPECT_EQ(budget.bytes_taken(), 61u);
}

TEST(ByteBudgetTest, ALoneMessagePassesWhateverItsSize) {
  ByteBudget budget(100);
  EXPECT_TRUE(budget.TryTake(1'000));
  EXPECT_FALSE(budget.TryTake(1));
}

TEST(ByteBudgetTest, AnEmptyMessagePassesWhenAnswersTookMoreThanThereIs) {
  ByteBudget budget(100);
  budget.Take(150);
  EXPECT_TRUE(budget.TryTake(0));
  EXPECT_FALSE(budget.TryTake(1));
}

TEST(ByteBudgetTest, WhoeverWaitsForRoomIsCalledOnceThereIsSome) {
  ByteBudget budget(100);
  budget.Take(150);
  int resumed = 0;
  EXPECT_FALSE(budget.HasRoom([&resumed] { ++resumed; }));
  budget.Release(50);
  EXPECT_EQ(resumed, 0);
  budget.Release(1);
  EXPECT_EQ(resumed, 1);
  budget.Release(99);
  EXPECT_EQ(resumed, 1);
}

TEST(ByteBudgetTest, WhoeverFindsRoomIsNotCalled) {
  ByteBudget budget(100);
  bool resumed = false;
  EXPECT_TRUE(budget.HasRoom([&resumed] { resumed = true; }));
  budget.Take(100);
  budget.Release(100);
  EXPECT_FALSE(resumed);
}

}  // namespace
}  // namespace simile

// Which way of searching is chosen.
#include "index/search_planner.h"

#include <gtest/gtest.h>

namespace simile::index_internal {
namespace {

// Of a machine that compares a row in 20 ns in order and in 40 ns anywhere.
constexpr SearchCosts kCosts{.scanned_row_ns = 20, .walked_row_ns = 40};

SearchPlan Plan(size_t vectors, size_t candidates, bool is_filtered,
                const SearchOptions& options = {}) {
  return PlanSearch({.vectors = vectors,
                     .candidates = candidates,
                     .is_filtered = is_filtered,
                     .ef = 96,
                     .links_max = 32},
                    kCosts, options);
}

TEST(SearchPlannerTest, FewVectorsAreScannedAndManyWalked) {
  EXPECT_EQ(Plan(500, 500, false).strategy, SearchStrategy::kExactScan);
  EXPECT_EQ(Plan(100'000, 100'000, false).strategy, SearchStrategy::kGraph);
}

// As kCosts, where a further query of a batch takes a tenth of the first.
constexpr SearchCosts kBatchCosts{.scanned_row_ns = 20, .walked_row_ns = 40, .further_query_ns = 2};

TEST(SearchPlannerTest, ABatchIsScannedWhereOneOfItsSearchesWouldWalk) {
  SearchQuestion question{.vectors = 5'000, .candidates = 5'000, .ef = 96, .links_max = 32};
  const SearchPlan one = PlanSearch(question, kBatchCosts, {});
  EXPECT_EQ(one.strategy, SearchStrategy::kGraph);
  EXPECT_EQ(one.estimate.scan_ns, 5'000 * 20.0);
  question.sharing = 32;
  const SearchPlan shared = PlanSearch(question, kBatchCosts, {});
  EXPECT_EQ(shared.strategy, SearchStrategy::kExactScan);
  EXPECT_DOUBLE_EQ(shared.estimate.scan_ns, 5'000 * (20.0 + 31 * 2) / 32);
  EXPECT_EQ(shared.estimate.walk_ns, one.estimate.walk_ns);
  question.vectors = question.candidates = 1'000'000;
  EXPECT_EQ(PlanSearch(question, kBatchCosts, {}).strategy, SearchStrategy::kGraph);
}

TEST(SearchPlannerTest, AFilterIsAskedOnceForABatch) {
  SearchQuestion question{.vectors = 1'000'000,
                          .candidates = 1'000,
                          .is_filtered = true,
                          .ef = 96,
                          .links_max = 32,
                          .sharing = 10};
  // To look up each label, and rows that lie anywhere.
  EXPECT_DOUBLE_EQ(PlanSearch(question, kBatchCosts, {}).estimate.scan_ns,
                   1'000 * (20.0 / 10 + 1.5 * (40 + 9 * 2) / 10));
}

TEST(SearchPlannerTest, WhereThereAreNoBatchesSharingIsWorthNothing) {
  const SearchCosts costs = kCosts;
  EXPECT_DOUBLE_EQ(costs.ScanNanoseconds(1'000, 32), costs.ScanNanoseconds(1'000));
}

TEST(SearchPlannerTest, TheFewerMayBeReturnedTheSoonerTheyAreAllCompared) {
  EXPECT_EQ(Plan(1'000'000, 500'000, true).strategy, SearchStrategy::kGraph);
  EXPECT_EQ(Plan(1'000'000, 500, true).strategy, SearchStrategy::kExactScan);
  EXPECT_EQ(Plan(1'000'000, 0, true).strategy, SearchStrategy::kExactScan);
  bool has_walked = false;
  for (size_t candidates = 1; candidates <= 1'000'000; candidates *= 2) {
    const bool walks = Plan(1'000'000, candidates, true).strategy != SearchStrategy::kExactScan;
    EXPECT_TRUE(walks || !has_walked) << candidates;
    has_walked = has_walked || walks;
  }
  EXPECT_TRUE(has_walked);
}

TEST(SearchPlannerTest, AScanIsChosenUnlessAWalkTakesClearlyLess) {
  for (size_t candidates = 1; candidates <= 200'000; candidates = candidates * 3 / 2 + 1) {
    const SearchPlan plan = Plan(200'000, candidates, true);
    EXPECT_EQ(plan.strategy == SearchStrategy::kExactScan,
              plan.estimate.scan_ns <= 1.2 * plan.estimate.walk_ns);
    EXPECT_EQ(plan.estimate.candidates, candidates);
    EXPECT_EQ(plan.estimate.vectors, 200'000u);
  }
}

TEST(SearchPlannerTest, ASweepKeepsAsManyThatMayBeReturnedAsASearchWithoutAFilter) {
  const SearchOptions sweep{.strategy = SearchStrategy::kGraph};
  EXPECT_EQ(Plan(100'000, 10'000, true, sweep).ef, 960u);
  EXPECT_EQ(Plan(100'000, 100'000, true, sweep).ef, 96u);
  EXPECT_EQ(Plan(100'000, 0, true, sweep).ef, 9'600'000u);
}

TEST(SearchPlannerTest, ASweepHasRoomForMoreThanItMustReturn) {
  const SearchOptions many{.k = 96, .strategy = SearchStrategy::kGraph};
  EXPECT_EQ(Plan(100'000, 50'000, true, many).ef, 2 * (96u + 39u));
  EXPECT_EQ(Plan(100'000, 100'000, false, many).ef, 96u);
}

TEST(SearchPlannerTest, AnExactAnswerLeavesNoChoice) {
  EXPECT_EQ(Plan(1'000'000, 1'000'000, false, {.exact = true}).strategy,
            SearchStrategy::kExactScan);
}

}  // namespace
}  // namespace simile::index_internal

// The small parts of a graph, each by itself.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <random>
#include <vector>

#include "index/candidate_pool.h"
#include "index/label_slots.h"
#include "index/reader_epochs.h"
#include "index/slot_memory.h"
#include "index/upper_levels.h"
#include "index/visited_slots.h"
#include "tests/support/status_matchers.h"

namespace simile::index_internal {
namespace {

using ::testing::ElementsAre;

std::vector<uint32_t> SlotsOf(const CandidatePool& pool) {
  std::vector<uint32_t> slots;
  for (size_t place = 0; place < pool.size(); ++place) slots.push_back(pool.slot(place));
  return slots;
}

TEST(CandidatePoolTest, KeepsTheNearestInOrder) {
  CandidatePool pool;
  pool.Reset(3);
  EXPECT_EQ(pool.bound(), kFarthestKey);
  EXPECT_EQ(pool.Insert(50, 1), 0u);
  EXPECT_EQ(pool.Insert(70, 2), 1u);
  EXPECT_EQ(pool.Insert(60, 3), 1u);
  EXPECT_EQ(pool.bound(), 70u);
  EXPECT_EQ(pool.Insert(80, 4), 3u);  // Too far.
  EXPECT_EQ(pool.Insert(40, 5), 0u);
  EXPECT_THAT(SlotsOf(pool), ElementsAre(5, 1, 3));
}

TEST(CandidatePoolTest, ExpandsEachOnceTheNearestFirst) {
  CandidatePool pool;
  pool.Reset(4);
  pool.Insert(50, 1);
  pool.Insert(60, 2);
  uint32_t slot = 0;
  EXPECT_TRUE(pool.Expand(slot));
  EXPECT_EQ(slot, 1u);
  pool.Insert(40, 3);
  EXPECT_TRUE(pool.Expand(slot));
  EXPECT_EQ(slot, 3u);
  EXPECT_TRUE(pool.Expand(slot));
  EXPECT_EQ(slot, 2u);
  EXPECT_FALSE(pool.Expand(slot));
}

TEST(CandidatePoolTest, HoldsWhatASortedListHolds) {
  std::mt19937 random(1);
  for (const size_t ef : {1u, 2u, 7u, 64u}) {
    CandidatePool pool;
    pool.Reset(ef);
    std::vector<std::pair<uint32_t, uint32_t>> model;
    for (uint32_t slot = 0; slot < 300; ++slot) {
      const auto key = static_cast<uint32_t>(random() % 1'000);
      pool.Insert(key, slot);
      model.emplace_back(key, slot);
      std::ranges::sort(model);
      if (model.size() > ef) model.pop_back();
      ASSERT_EQ(pool.size(), model.size());
      for (size_t place = 0; place < model.size(); ++place) {
        ASSERT_EQ(pool.key(place), model[place].first);
        ASSERT_EQ(pool.slot(place), model[place].second);
      }
    }
  }
}

std::vector<uint32_t> Fresh(VisitedSlots& visited, const std::vector<uint32_t>& slots) {
  std::vector<uint32_t> fresh(slots.size());
  fresh.resize(visited.KeepFresh(
      slots.size(), [&slots](size_t at) { return slots[at]; }, fresh.data()));
  return fresh;
}

TEST(VisitedSlotsTest, KeepsWhatWasNotMetBefore) {
  VisitedSlots visited;
  // Few slots are cleared as a whole, many by the words that were touched.
  for (const size_t slot_count : {100u, 1'000'000u, 100u, 2'000'000u}) {
    for (int walk = 0; walk < 3; ++walk) {
      visited.Reset(slot_count);
      EXPECT_THAT(Fresh(visited, {1, 99, 1, 64}), ElementsAre(1, 99, 64));
      EXPECT_THAT(Fresh(visited, {64, 2, 99, 63}), ElementsAre(2, 63));
    }
  }
}

// A thread walks graphs of several collections in turns.
TEST(VisitedSlotsTest, AWalkOfASmallGraphLeavesNothingForOneOfALargeGraph) {
  VisitedSlots visited;
  for (const size_t slot_count : {4'000'000u, 100u, 4'000'000u, 1'000'000u, 4'000'000u, 100u}) {
    visited.Reset(slot_count);
    // The last one was inserted behind the walk's beginning.
    EXPECT_THAT(Fresh(visited, {1, 64, 99, 100, 101}), ElementsAre(1, 64, 99, 100, 101))
        << slot_count;
  }
}

TEST(VisitedSlotsTest, LeavesOutSlotsThatWereNotExpected) {
  VisitedSlots visited;
  visited.Reset(100);
  EXPECT_THAT(Fresh(visited, {5, 4'000'000'000, 6}), ElementsAre(5, 6));
}

TEST(ReaderEpochsTest, AGracePeriodEndsWhenThoseWhoWereThereHaveLeft) {
  ReaderEpochs epochs;
  epochs.BeginGracePeriod();
  EXPECT_TRUE(epochs.IsGracePeriodOver());
  std::optional<ReaderEpochs::Visit> early(std::in_place, epochs);
  epochs.BeginGracePeriod();
  EXPECT_FALSE(epochs.IsGracePeriodOver());
  early.reset();
  EXPECT_TRUE(epochs.IsGracePeriodOver());
}

TEST(ReaderEpochsTest, ThoseWhoComeDuringAGracePeriodDoNotHoldItUpForEver) {
  ReaderEpochs epochs;
  std::optional<ReaderEpochs::Visit> early(std::in_place, epochs);
  epochs.BeginGracePeriod();
  // There is always somebody, but nobody stays.
  for (int visitor = 0; visitor < 3; ++visitor) {
    std::optional<ReaderEpochs::Visit> next(std::in_place, epochs);
    early.reset();
    const bool is_over = epochs.IsGracePeriodOver();
    if (is_over) return;
    next.reset();
  }
  EXPECT_TRUE(epochs.IsGracePeriodOver());
}

TEST(LabelSlotsTest, GivesBackWhatALabelHadBefore) {
  LabelSlots slots;
  EXPECT_EQ(slots.Put(7, 1), std::nullopt);
  EXPECT_EQ(slots.Put(7, 2), 1u);
  EXPECT_EQ(slots.Put(8, 3), std::nullopt);
  EXPECT_EQ(slots.size(), 2u);
  EXPECT_EQ(slots.Take(7), 2u);
  EXPECT_EQ(slots.Take(7), std::nullopt);
  EXPECT_EQ(slots.size(), 1u);
  EXPECT_GT(slots.memory_bytes(), 0u);
}

TEST(SlotMemoryTest, SlotsOfTwoChunksKeepWhatIsWrittenIntoThem) {
  SlotMemory memory({.code_bytes = 64, .vector_bytes = 8, .links_max = 4});
  ASSERT_THAT(memory.Reserve(SlotMemory::kChunkSlots), IsOk());
  const std::vector<uint32_t> slots = {0, 1, 65'535, 65'536};
  for (const uint32_t slot : slots) {
    memory.Code(slot)[63] = std::byte{9};
    memory.Links(slot)[3] = slot;
    memory.Vector(slot)[1] = static_cast<float>(slot);
    memory.Label(slot) = slot + 1;
    memory.Level(slot) = 3;
  }
  for (const uint32_t slot : slots) {
    EXPECT_EQ(memory.Code(slot)[63], std::byte{9});
    EXPECT_EQ(memory.Links(slot)[3], slot);
    EXPECT_EQ(memory.Vector(slot)[1], static_cast<float>(slot));
    EXPECT_EQ(memory.Label(slot), slot + 1);
    EXPECT_EQ(memory.Level(slot), 3);
    EXPECT_EQ(memory.LinkCount(slot), 0);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(memory.Code(slot)) % 64, 0u);
  }
}

TEST(SlotMemoryTest, TheLastSlotIsRefusedByName) {
  SlotMemory memory({.code_bytes = 64, .vector_bytes = 8, .links_max = 4});
  EXPECT_THAT(memory.Reserve(SlotMemory::kSlotsMax),
              StatusIs(absl::StatusCode::kResourceExhausted, "2147418112 places"));
}

TEST(UpperLevelsTest, RowsOfOneSlotFollowEachOtherInOneBlock) {
  UpperLevels levels(16);
  size_t last_end = 0;
  for (int slot = 0; slot < 3'000; ++slot) {
    const auto first = levels.Take(3);
    ASSERT_THAT(first, IsOk());
    EXPECT_GE(*first, last_end);
    last_end = *first + 3;
    EXPECT_EQ(levels.Row(*first + 2), levels.Row(*first) + 2 * 17);
    EXPECT_EQ(*levels.Row(*first), 0u);
  }
}

}  // namespace
}  // namespace simile::index_internal

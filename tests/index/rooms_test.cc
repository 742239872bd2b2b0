#include "index/rooms.h"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <thread>
#include <vector>

namespace simile {
namespace {

TEST(RoomsTest, ThoseInOneRoomRunTogether) {
  Rooms rooms;
  // Each visitor leaves only when the other has entered too: a lock for one would wait for ever.
  std::latch both_inside(2);
  std::vector<std::thread> visitors;
  for (int i = 0; i < 2; ++i) {
    visitors.emplace_back([&] {
      const Rooms::Visit visit(rooms, Rooms::kInserting);
      both_inside.arrive_and_wait();
    });
  }
  for (std::thread& visitor : visitors) visitor.join();
}

TEST(RoomsTest, ThoseInDifferentRoomsNeverMeetAndWhoIsAloneIsAlone) {
  constexpr int kVisits = 2000;
  Rooms rooms;
  std::atomic<int> inside[3] = {};
  std::atomic<int> meetings{0}, visits{0};
  std::vector<std::thread> visitors;
  for (int visitor = 0; visitor < 6; ++visitor) {
    visitors.emplace_back([&, visitor] {
      for (int number = 0; number < kVisits; ++number) {
        const auto room = static_cast<Rooms::Room>((visitor + number / 7) % 3);
        const Rooms::Visit visit(rooms, room);
        const int together = ++inside[room];
        for (int other = 0; other < 3; ++other) {
          if (other != room && inside[other] > 0) ++meetings;
        }
        if (room == Rooms::kAlone && together > 1) ++meetings;
        ++visits;
        --inside[room];
      }
    });
  }
  for (std::thread& visitor : visitors) visitor.join();
  EXPECT_EQ(meetings, 0);
  EXPECT_EQ(visits, 6 * kVisits);
}

// Searches that overlap without end would keep an insert out of a plain reader/writer lock.
TEST(RoomsTest, AStreamOfSearchesDoesNotKeepAnInsertOut) {
  Rooms rooms;
  std::atomic<bool> inserted{false};
  std::latch searching(2);
  std::vector<std::thread> searchers;
  for (int searcher = 0; searcher < 2; ++searcher) {
    searchers.emplace_back([&] {
      bool first = true;
      while (!inserted) {
        const Rooms::Visit visit(rooms, Rooms::kSearching);
        if (first) searching.arrive_and_wait();
        first = false;
        std::this_thread::yield();
      }
    });
  }
  searching.wait();
  {
    const Rooms::Visit visit(rooms, Rooms::kInserting);
    inserted = true;
  }
  for (std::thread& searcher : searchers) searcher.join();
  EXPECT_TRUE(inserted);
}

}  // namespace
}  // namespace simile

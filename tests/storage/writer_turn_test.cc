#include "storage/writer_turn.h"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <thread>

namespace simile {
namespace {

using Kind = WriterTurn::Kind;

TEST(WriterTurnTest, WhatWasGivenBeforeIsThereAtOnce) {
  for (const Kind kind : {Kind::kLead, Kind::kDone}) {
    WriterTurn turn;
    turn.Give(kind);
    EXPECT_EQ(turn.Await(), kind);
  }
}

TEST(WriterTurnTest, OneThatSleepsIsWoken) {
  for (const Kind kind : {Kind::kLead, Kind::kDone}) {
    WriterTurn turn;
    std::thread giver([&turn, kind] {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      turn.Give(kind);
    });
    EXPECT_EQ(turn.Await(), kind);
    giver.join();
  }
}

// The giver must not touch it any more: sanitizers would see that.
TEST(WriterTurnTest, TheOneThatWaitedMayDestroyItAtOnce) {
  constexpr int kTimes = 2'000;
  for (int time = 0; time < kTimes; ++time) {
    auto turn = std::make_unique<WriterTurn>();
    std::thread giver([waited_for = turn.get(), time] {
      // Now before, now about when, now after it goes to sleep.
      std::this_thread::sleep_for(std::chrono::microseconds(time % 100));
      waited_for->Give(Kind::kDone);
    });
    EXPECT_EQ(turn->Await(), Kind::kDone);
    turn.reset();
    giver.join();
  }
}

}  // namespace
}  // namespace simile

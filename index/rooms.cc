#include "index/rooms.h"

#include <algorithm>

namespace simile {

bool Rooms::SomebodyWaits() const {
  return std::ranges::any_of(waiting_, [](size_t count) { return count > 0; });
}

void Rooms::Enter(Room room) {
  std::unique_lock lock(mutex_);
  const bool free = inside_ == 0;
  const bool may_join = open_ == room && room != kAlone && !SomebodyWaits();
  if (free || may_join) {
    open_ = room;
    ++inside_;
    return;
  }
  ++waiting_[room];
  let_in_.wait(lock, [this, room] { return admitted_[room] > 0; });
  --admitted_[room];
}

void Rooms::Leave() {
  {
    std::lock_guard lock(mutex_);
    if (--inside_ > 0) return;
    // The next room in turn, so that each gets its turn.
    for (size_t step = 1; step <= kRooms; ++step) {
      const auto room = static_cast<Room>((open_ + step) % kRooms);
      if (waiting_[room] == 0) continue;
      const size_t count = room == kAlone ? 1 : waiting_[room];
      open_ = room;
      inside_ = count;
      waiting_[room] -= count;
      admitted_[room] += count;
      break;
    }
  }
  let_in_.notify_all();
}

}  // namespace simile

#ifndef SIMILE_INDEX_ROOMS_H_
#define SIMILE_INDEX_ROOMS_H_

#include <array>
#include <condition_variable>
#include <cstddef>
#include <mutex>

namespace simile {

// A lock with rooms: those in the same room run together, those in different rooms never do, and
// whoever is in kAlone is alone. When a room empties, everybody who waits for the next one enters
// at once, so nobody starves and searches stay together (group mutual exclusion; Joung 1998).
//
// Thread safety: all methods may be called together. Not recursive.
class Rooms {
 public:
  enum Room { kSearching, kInserting, kAlone };

  // In the room for as long as it lives.
  class Visit {
   public:
    Visit(Rooms& rooms, Room room) : rooms_(rooms) { rooms_.Enter(room); }
    ~Visit() { rooms_.Leave(); }
    Visit(const Visit&) = delete;
    Visit& operator=(const Visit&) = delete;

   private:
    Rooms& rooms_;
  };

 private:
  static constexpr size_t kRooms = 3;

  void Enter(Room room);
  void Leave();
  bool SomebodyWaits() const;

  std::mutex mutex_;  // Guards all below.
  std::condition_variable let_in_;
  Room open_ = kSearching;
  size_t inside_ = 0;  // Those let in count from that moment on.
  std::array<size_t, kRooms> waiting_ = {};
  std::array<size_t, kRooms> admitted_ = {};  // Let in, but not yet awake.
};

}  // namespace simile

#endif  // SIMILE_INDEX_ROOMS_H_

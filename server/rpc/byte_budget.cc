#include "server/rpc/byte_budget.h"

#include <utility>

namespace simile {

bool ByteBudget::TryTake(uint64_t bytes) {
  WriteLock lock(mutex_);
  // A lone message passes even if it is larger than all the room there is, and an empty one even if
  // answers have taken more than that: GetStats of a full server must work.
  const bool passes = bytes == 0 || bytes_taken_ == 0;
  if (!passes && bytes_taken_ + bytes > bytes_max_) return false;
  bytes_taken_ += bytes;
  return true;
}

void ByteBudget::Take(uint64_t bytes) {
  WriteLock lock(mutex_);
  bytes_taken_ += bytes;
}

void ByteBudget::Release(uint64_t bytes) {
  std::deque<std::function<void()>> resumed;
  {
    WriteLock lock(mutex_);
    bytes_taken_ -= bytes;
    if (bytes_taken_ < bytes_max_) resumed.swap(waiting_);
  }
  for (const std::function<void()>& resume : resumed) resume();
}

bool ByteBudget::HasRoom(std::function<void()> resume) {
  WriteLock lock(mutex_);
  if (bytes_taken_ < bytes_max_) return true;
  waiting_.push_back(std::move(resume));
  return false;
}

uint64_t ByteBudget::bytes_taken() const {
  ReadLock lock(mutex_);
  return bytes_taken_;
}

}  // namespace simile

#ifndef SIMILE_INDEX_SLOT_LOCK_H_
#define SIMILE_INDEX_SLOT_LOCK_H_

#include <atomic>
#include <cstdint>
#include <thread>

namespace simile::index_internal {

// Holds a lock of one byte. It is held for microseconds, so waiting is spinning.
class SlotLock {
 public:
  explicit SlotLock(uint8_t& lock) : lock_(lock) {
    while (lock_.exchange(1, std::memory_order_acquire) != 0) std::this_thread::yield();
  }
  ~SlotLock() { lock_.store(0, std::memory_order_release); }
  SlotLock(const SlotLock&) = delete;
  SlotLock& operator=(const SlotLock&) = delete;

 private:
  std::atomic_ref<uint8_t> lock_;
};

}  // namespace simile::index_internal

#endif  // SIMILE_INDEX_SLOT_LOCK_H_

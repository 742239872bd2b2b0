#ifndef SIMILE_INDEX_READER_EPOCHS_H_
#define SIMILE_INDEX_READER_EPOCHS_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace simile::index_internal {

// Tells when nobody can still be looking at what was taken out of a shared structure: readers say
// when they come and go, and a grace period is over once all who were there at its start have left.
// Readers never wait. After SRCU (McKenney 2006): two sets of counters, of which new readers use
// the current one; a period ends when both have been seen empty after one flip each.
//
// Thread safety: all methods may be called together; grace periods one at a time.
class ReaderEpochs {
 public:
  // For as long as it lives, what this thread can reach is not used again.
  class Visit {
   public:
    explicit Visit(ReaderEpochs& epochs) : counter_(epochs.Enter()) {}
    ~Visit() { counter_.fetch_sub(1, std::memory_order_release); }
    Visit(const Visit&) = delete;
    Visit& operator=(const Visit&) = delete;

   private:
    std::atomic<uint64_t>& counter_;
  };

  void BeginGracePeriod() {
    flips_left_ = 2;
    Flip();
  }

  // Whether the period that was begun last is over. To be asked until it is.
  bool IsGracePeriodOver() {
    while (flips_left_ > 0) {
      if (!IsEmpty(1 - current_.load(std::memory_order_relaxed))) return false;
      if (--flips_left_ > 0) Flip();
    }
    return true;
  }

 private:
  static constexpr size_t kShards = 32;  // So that threads seldom share a cache line.

  struct alignas(64) Counter {
    std::atomic<uint64_t> readers{0};
  };

  std::atomic<uint64_t>& Enter() {
    static std::atomic<uint32_t> next_shard{0};
    thread_local const uint32_t shard = next_shard.fetch_add(1) % kShards;
    const uint32_t side = current_.load(std::memory_order_seq_cst);
    std::atomic<uint64_t>& counter = counters_[side][shard].readers;
    // Sequentially consistent: whoever sees this counter empty afterwards has its flip, and what it
    // took out before that, seen by this reader.
    counter.fetch_add(1, std::memory_order_seq_cst);
    return counter;
  }

  void Flip() { current_.store(1 - current_.load(std::memory_order_relaxed)); }

  bool IsEmpty(uint32_t side) const {
    for (const Counter& counter : counters_[side]) {
      if (counter.readers.load(std::memory_order_seq_cst) != 0) return false;
    }
    return true;
  }

  std::atomic<uint32_t> current_{0};
  std::array<std::array<Counter, kShards>, 2> counters_;
  int flips_left_ = 0;
};

}  // namespace simile::index_internal

#endif  // SIMILE_INDEX_READER_EPOCHS_H_

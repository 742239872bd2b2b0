#ifndef SIMILE_INDEX_SLOT_MEMORY_H_
#define SIMILE_INDEX_SLOT_MEMORY_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "index/mutex.h"
#include "index/vector_files.h"

namespace simile::index_internal {

// What a slot of a graph holds, in bytes.
struct SlotShape {
  size_t code_bytes = 0;    // A multiple of 64.
  size_t vector_bytes = 0;  // Of float32 components.
  size_t links_max = 0;     // On level 0.
};

// The memory of a graph's slots, in chunks of 65,536 slots that never move: so a reader needs no
// lock, and growing stops nobody. A chunk is one mapping; pages are taken as slots are touched.
//
//   chunk of slots 0 to 65,535 (the next chunk is the same for 65,536 to 131,071)
//   +--------------------------------------------------------------------------+
//   | codes     65,536 rows of code_bytes, each on cache lines of its own      |
//   | links     65,536 rows of links_max slots (u32), on cache lines           |
//   | vectors   65,536 rows of float32, read for the last few candidates only  |
//   | labels    65,536 u64                                                     |
//   | squares   65,536 float: |code|^2, for Euclidean distances                |
//   | upper     65,536 u32: first row in UpperLevels                           |
//   | checksums 65,536 u32: CRC-32C of the vector, when it has a file          |
//   | counts, states, locks, levels, coarse   65,536 u8 each                   |
//   +--------------------------------------------------------------------------+
//
// The vectors may be mapped from files. For each chunk two marks tell a checkpoint what has changed
// since they were taken: its vectors, or anything.
//
// Thread safety: Reserve may run beside everything else. What lies in a slot is guarded by whoever
// uses it.
class SlotMemory {
 public:
  static constexpr size_t kChunkSlots = 65'536;
  static constexpr size_t kChunksMax = 32'767;
  static constexpr size_t kSlotsMax = kChunkSlots * kChunksMax;

  // `files` may be null: all is in anonymous memory then.
  SlotMemory(const SlotShape& shape, std::unique_ptr<const VectorFiles> files = nullptr);
  ~SlotMemory();
  SlotMemory(const SlotMemory&) = delete;
  SlotMemory& operator=(const SlotMemory&) = delete;

  // Makes the slot usable, with zeros in it, or with the vector that its file has.
  // ResourceExhausted when the system has no memory or there are kSlotsMax slots.
  absl::Status Reserve(size_t slot);

  // Why vectors could not be mapped from files; OK while all are. Those are in anonymous memory.
  absl::Status FilesStatus() const;

  const VectorFiles* files() const { return files_.get(); }

  // To be called after the change.
  void MarkChanged(uint32_t slot) { Mark(changed_[slot / kChunkSlots]); }
  void MarkVectorChanged(uint32_t slot) { Mark(vectors_changed_[slot / kChunkSlots]); }

  void MarkChunkChanged(size_t chunk) { Mark(changed_[chunk]); }
  void MarkChunkVectorsChanged(size_t chunk) { Mark(vectors_changed_[chunk]); }

  // Whether the chunk was marked since it was asked last.
  bool TakeChanged(size_t chunk) { return changed_[chunk].exchange(false); }
  bool TakeVectorsChanged(size_t chunk) { return vectors_changed_[chunk].exchange(false); }

  std::byte* Code(uint32_t slot) const { return At(slot, codes_, shape_.code_bytes); }
  uint32_t* Links(uint32_t slot) const { return As<uint32_t>(At(slot, links_, links_bytes_)); }
  float* Vector(uint32_t slot) const { return As<float>(At(slot, vectors_, shape_.vector_bytes)); }
  uint64_t& Label(uint32_t slot) const { return *As<uint64_t>(At(slot, labels_, 8)); }
  float& Squares(uint32_t slot) const { return *As<float>(At(slot, squares_, 4)); }
  uint32_t& UpperRow(uint32_t slot) const { return *As<uint32_t>(At(slot, upper_, 4)); }
  uint32_t& Checksum(uint32_t slot) const { return *As<uint32_t>(At(slot, checksums_, 4)); }
  uint8_t& LinkCount(uint32_t slot) const { return *As<uint8_t>(At(slot, counts_, 1)); }
  uint8_t& State(uint32_t slot) const { return *As<uint8_t>(At(slot, states_, 1)); }
  uint8_t& Lock(uint32_t slot) const { return *As<uint8_t>(At(slot, locks_, 1)); }
  uint8_t& Level(uint32_t slot) const { return *As<uint8_t>(At(slot, levels_, 1)); }
  uint8_t& Coarse(uint32_t slot) const { return *As<uint8_t>(At(slot, coarse_, 1)); }

  // For kernels, which compute addresses themselves.
  std::byte* const* chunks() const { return chunks_.get(); }
  size_t codes_offset() const { return codes_; }
  size_t squares_offset() const { return squares_; }
  const SlotShape& shape() const { return shape_; }

  // Without vectors, which a store may hold as well.
  size_t bytes_per_slot() const { return shape_.code_bytes + links_bytes_ + 8 + 4 + 4 + 4 + 5; }

 private:
  std::byte* At(uint32_t slot, size_t offset, size_t bytes) const {
    return chunks_[slot / kChunkSlots] + offset + slot % kChunkSlots * bytes;
  }
  template <typename Value>
  static Value* As(std::byte* memory) {
    return reinterpret_cast<Value*>(memory);
  }
  static void Mark(std::atomic<bool>& mark) {
    // Most marks are there already; to look only keeps the line with everybody.
    if (!mark.load(std::memory_order_relaxed)) mark.store(true, std::memory_order_release);
  }
  // Of `bytes` for each slot, behind what is laid out so far.
  size_t LayOut(size_t bytes);
  size_t SlotsPerStep() const;
  absl::Status AddChunk(size_t chunk) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const SlotShape shape_;
  const size_t links_bytes_;
  size_t chunk_bytes_ = 0;
  const size_t codes_, links_, vectors_, labels_, squares_, upper_, checksums_, counts_, states_,
      locks_, levels_, coarse_;
  const std::unique_ptr<const VectorFiles> files_;
  const size_t slots_per_step_;
  // Entries are written once, before the first slot of the chunk is known to anybody.
  const std::unique_ptr<std::byte*[]> chunks_;

  const std::unique_ptr<std::atomic<bool>[]> changed_;
  const std::unique_ptr<std::atomic<bool>[]> vectors_changed_;

  std::atomic<size_t> usable_slots_{0};
  mutable Mutex mutex_;
  size_t chunk_count_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Status files_status_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace simile::index_internal

#endif  // SIMILE_INDEX_SLOT_MEMORY_H_

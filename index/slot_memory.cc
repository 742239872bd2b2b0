#include "index/slot_memory.h"

#include <sys/mman.h>

#include <utility>

#include "fmt/format.h"

namespace simile::index_internal {
namespace {

constexpr size_t kLineBytes = 64;

constexpr size_t kPageBytes = 4096;

// Files grow by so many slots, or by less when those have more bytes than this.
constexpr size_t kStepSlotsMax = 4'096;
constexpr size_t kStepBytesMax = 16 << 20;

size_t RoundedUpToLine(size_t bytes) { return (bytes + kLineBytes - 1) / kLineBytes * kLineBytes; }

}  // namespace

SlotMemory::SlotMemory(const SlotShape& shape, std::unique_ptr<const VectorFiles> files)
    : shape_(shape),
      links_bytes_(RoundedUpToLine(shape.links_max * sizeof(uint32_t))),
      codes_(LayOut(shape.code_bytes)),
      links_(LayOut(links_bytes_)),
      vectors_(LayOut(shape.vector_bytes)),
      labels_(LayOut(sizeof(uint64_t))),
      squares_(LayOut(sizeof(float))),
      upper_(LayOut(sizeof(uint32_t))),
      checksums_(LayOut(sizeof(uint32_t))),
      counts_(LayOut(1)),
      states_(LayOut(1)),
      locks_(LayOut(1)),
      levels_(LayOut(1)),
      coarse_(LayOut(1)),
      files_(std::move(files)),
      slots_per_step_(SlotsPerStep()),
      chunks_(std::make_unique<std::byte*[]>(kChunksMax)),
      changed_(std::make_unique<std::atomic<bool>[]>(kChunksMax)),
      vectors_changed_(std::make_unique<std::atomic<bool>[]>(kChunksMax)) {}

// Steps begin and end on pages.
size_t SlotMemory::SlotsPerStep() const {
  if (files_ == nullptr) return kChunkSlots;
  size_t slots = kStepSlotsMax;
  while (slots * shape_.vector_bytes > kStepBytesMax &&
         slots / 2 * shape_.vector_bytes % kPageBytes == 0) {
    slots /= 2;
  }
  return slots;
}

size_t SlotMemory::LayOut(size_t bytes) {
  const size_t offset = chunk_bytes_;
  chunk_bytes_ += bytes * kChunkSlots;
  return offset;
}

SlotMemory::~SlotMemory() {
  const MutexLock lock(mutex_);
  for (size_t chunk = 0; chunk < chunk_count_; ++chunk) munmap(chunks_[chunk], chunk_bytes_);
}

absl::Status SlotMemory::Reserve(size_t slot) {
  if (slot < usable_slots_.load(std::memory_order_acquire)) return absl::OkStatus();
  if (slot >= kSlotsMax) {
    return absl::ResourceExhaustedError(
        fmt::format("the index has {} places for vectors, and all are taken", kSlotsMax));
  }
  const MutexLock lock(mutex_);
  size_t usable = usable_slots_.load(std::memory_order_relaxed);
  for (; slot >= usable; usable += slots_per_step_) {
    const size_t chunk = usable / kChunkSlots;
    if (chunk == chunk_count_) {
      if (absl::Status s = AddChunk(chunk); !s.ok()) return s;
    }
    if (files_ != nullptr && files_status_.ok()) {
      const size_t first = usable % kChunkSlots;
      files_status_ = files_->Map(chunk, first, slots_per_step_,
                                  chunks_[chunk] + vectors_ + first * shape_.vector_bytes);
    }
    usable_slots_.store(usable + slots_per_step_, std::memory_order_release);
  }
  return absl::OkStatus();
}

absl::Status SlotMemory::AddChunk(size_t chunk) {
  void* const memory = mmap(nullptr, chunk_bytes_, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) {
    return absl::ResourceExhaustedError(
        fmt::format("the system has no {} bytes for another chunk of vectors", chunk_bytes_));
  }
  // A walk jumps from row to row: with small pages each jump misses the table of pages too.
  madvise(memory, chunk_bytes_, MADV_HUGEPAGE);
  chunks_[chunk] = static_cast<std::byte*>(memory);
  chunk_count_ = chunk + 1;
  return absl::OkStatus();
}

absl::Status SlotMemory::FilesStatus() const {
  const MutexLock lock(mutex_);
  return files_status_;
}

}  // namespace simile::index_internal

#include "index/slot_memory.h"

#include <sys/mman.h>

#include "fmt/format.h"

namespace simile::index_internal {
namespace {

constexpr size_t kLineBytes = 64;

size_t RoundedUpToLine(size_t bytes) { return (bytes + kLineBytes - 1) / kLineBytes * kLineBytes; }

}  // namespace

SlotMemory::SlotMemory(const SlotShape& shape)
    : shape_(shape),
      links_bytes_(RoundedUpToLine(shape.links_max * sizeof(uint32_t))),
      codes_(LayOut(shape.code_bytes)),
      links_(LayOut(links_bytes_)),
      vectors_(LayOut(shape.vector_bytes)),
      labels_(LayOut(sizeof(uint64_t))),
      squares_(LayOut(sizeof(float))),
      upper_(LayOut(sizeof(uint32_t))),
      counts_(LayOut(1)),
      states_(LayOut(1)),
      locks_(LayOut(1)),
      levels_(LayOut(1)),
      chunks_(std::make_unique<std::byte*[]>(kChunksMax)) {}

size_t SlotMemory::LayOut(size_t bytes) {
  const size_t offset = chunk_bytes_;
  chunk_bytes_ += bytes * kChunkSlots;
  return offset;
}

SlotMemory::~SlotMemory() {
  WriterLock lock(mutex_);
  for (size_t chunk = 0; chunk < chunk_count_; ++chunk) munmap(chunks_[chunk], chunk_bytes_);
}

absl::Status SlotMemory::Reserve(size_t slot) {
  {
    ReaderLock lock(mutex_);
    if (slot < chunk_count_ * kChunkSlots) return absl::OkStatus();
  }
  if (slot >= kSlotsMax) {
    return absl::ResourceExhaustedError(
        fmt::format("the index has {} places for vectors, and all are taken", kSlotsMax));
  }
  WriterLock lock(mutex_);
  while (slot >= chunk_count_ * kChunkSlots) {
    void* chunk = mmap(nullptr, chunk_bytes_, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (chunk == MAP_FAILED) {
      return absl::ResourceExhaustedError(
          fmt::format("the system has no {} bytes for another chunk of vectors", chunk_bytes_));
    }
    // A walk jumps from row to row: with small pages each jump misses the table of pages too.
    madvise(chunk, chunk_bytes_, MADV_HUGEPAGE);
    chunks_[chunk_count_++] = static_cast<std::byte*>(chunk);
  }
  return absl::OkStatus();
}

}  // namespace simile::index_internal

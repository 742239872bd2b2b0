#include "embedder/aligned_buffer.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <new>

namespace simile {
namespace {

constexpr size_t kCacheLineBytes = 64;
constexpr size_t kHugePageBytes = 2 * 1024 * 1024;

size_t AlignmentOf(size_t size_bytes) {
  return size_bytes >= kHugePageBytes ? kHugePageBytes : kCacheLineBytes;
}

}  // namespace

void* AllocateAligned(size_t size_bytes) {
  const size_t alignment = AlignmentOf(size_bytes);
  const size_t whole = std::max<size_t>(1, (size_bytes + alignment - 1) / alignment) * alignment;
  void* memory = ::operator new[](whole, std::align_val_t{alignment});
  // Asked before the first touch, which is when pages are given out. A refusal costs speed only.
  if (alignment == kHugePageBytes) madvise(memory, whole, MADV_HUGEPAGE);
  std::memset(memory, 0, whole);
  return memory;
}

void FreeAligned(void* memory, size_t size_bytes) {
  ::operator delete[](memory, std::align_val_t{AlignmentOf(size_bytes)});
}

}  // namespace simile

#include "embedder/aligned_buffer.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

namespace simile {
namespace {

constexpr size_t kCacheLineBytes = 64;
constexpr size_t kHugePageBytes = 2 * 1024 * 1024;

}  // namespace

void* AllocateAligned(size_t size_bytes) {
  const size_t alignment = size_bytes >= kHugePageBytes ? kHugePageBytes : kCacheLineBytes;
  const size_t whole = std::max<size_t>(1, (size_bytes + alignment - 1) / alignment) * alignment;
  void* memory = std::aligned_alloc(alignment, whole);
  if (memory == nullptr) throw std::bad_alloc();
  // Asked before the first touch, which is when pages are given out. A refusal costs speed only.
  if (alignment == kHugePageBytes) madvise(memory, whole, MADV_HUGEPAGE);
  std::memset(memory, 0, whole);
  return memory;
}

void FreeAligned(void* memory) { std::free(memory); }

}  // namespace simile

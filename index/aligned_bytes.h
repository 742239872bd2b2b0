#ifndef SIMILE_INDEX_ALIGNED_BYTES_H_
#define SIMILE_INDEX_ALIGNED_BYTES_H_

#include <cstddef>
#include <new>
#include <vector>

namespace simile::index_internal {

// Allocates on cache lines, as kernels read them.
template <typename Value>
struct LineAllocator {
  using value_type = Value;
  static constexpr std::align_val_t kLine{64};

  LineAllocator() = default;
  template <typename Other>
  explicit LineAllocator(const LineAllocator<Other>&) {}

  Value* allocate(size_t count) {
    return static_cast<Value*>(::operator new(count * sizeof(Value), kLine));
  }
  void deallocate(Value* values, size_t) { ::operator delete(values, kLine); }
  bool operator==(const LineAllocator&) const { return true; }
};

using AlignedBytes = std::vector<std::byte, LineAllocator<std::byte>>;

}  // namespace simile::index_internal

#endif  // SIMILE_INDEX_ALIGNED_BYTES_H_

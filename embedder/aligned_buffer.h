#ifndef SIMILE_EMBEDDER_ALIGNED_BUFFER_H_
#define SIMILE_EMBEDDER_ALIGNED_BUFFER_H_

#include <cstddef>
#include <memory>
#include <span>
#include <type_traits>

namespace simile {

// `size_bytes` of zeros that begin on a cache line. Two mebibytes and more begin on a huge page and
// ask the system for such pages, since products walk through weights faster than a table of small
// pages can be looked up. Free it with FreeAligned of the same size. Never null.
void* AllocateAligned(size_t size_bytes);
void FreeAligned(void* memory, size_t size_bytes);

// Memory for `count` plain values, all zero at first.
//
// Thread safety: as an array.
template <typename Value>
requires std::is_trivially_copyable_v<Value>
class AlignedBuffer {
 public:
  AlignedBuffer() = default;
  explicit AlignedBuffer(size_t count)
      : values_(static_cast<Value*>(AllocateAligned(count * sizeof(Value))),
                Free{count * sizeof(Value)}),
        count_(count) {}

  Value* data() { return values_.get(); }
  const Value* data() const { return values_.get(); }
  size_t size() const { return count_; }
  std::span<Value> span() { return {values_.get(), count_}; }
  std::span<const Value> span() const { return {values_.get(), count_}; }

 private:
  struct Free {
    void operator()(Value* values) const { FreeAligned(values, size_bytes); }
    size_t size_bytes = 0;
  };

  std::unique_ptr<Value[], Free> values_;
  size_t count_ = 0;
};

}  // namespace simile

#endif  // SIMILE_EMBEDDER_ALIGNED_BUFFER_H_

#ifndef SIMILE_INDEX_LABEL_SLOTS_H_
#define SIMILE_INDEX_LABEL_SLOTS_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "index/mutex.h"

namespace simile::index_internal {

// Which slot a label has. In parts, so that writers seldom meet.
//
// Thread safety: all methods may be called together.
class LabelSlots {
 public:
  // The slot that the label had before.
  std::optional<uint32_t> Put(uint64_t label, uint32_t slot) {
    Part& part = PartOf(label);
    const MutexLock lock(part.mutex);
    const auto [found, is_new] = part.slots.try_emplace(label, slot);
    if (is_new) {
      count_.fetch_add(1, std::memory_order_relaxed);
      return std::nullopt;
    }
    const uint32_t before = found->second;
    found->second = slot;
    return before;
  }

  std::optional<uint32_t> Take(uint64_t label) {
    Part& part = PartOf(label);
    const MutexLock lock(part.mutex);
    const auto found = part.slots.find(label);
    if (found == part.slots.end()) return std::nullopt;
    const uint32_t slot = found->second;
    part.slots.erase(found);
    count_.fetch_sub(1, std::memory_order_relaxed);
    return slot;
  }

  // Adds the slots of those labels that have one to `found`.
  void FindAll(std::span<const uint64_t> labels,
               std::vector<uint32_t>& found) const ABSL_NO_THREAD_SAFETY_ANALYSIS {
    // To lock all parts takes as long as a few labels would by themselves.
    for (const Part& part : parts_) part.mutex.Lock();
    for (size_t at = 0; at < labels.size(); ++at) {
      if (at + kFetchedAhead < labels.size()) {
        const uint64_t later = labels[at + kFetchedAhead];
        parts_[later % kParts].slots.prefetch(later);
      }
      const auto& slots = parts_[labels[at] % kParts].slots;
      if (const auto slot = slots.find(labels[at]); slot != slots.end()) {
        found.push_back(slot->second);
      }
    }
    for (const Part& part : parts_) part.mutex.Unlock();
  }

  size_t size() const { return count_.load(std::memory_order_relaxed); }

  // A hash table is at most seven eighths full; a byte of it is control.
  size_t memory_bytes() const {
    size_t capacity = 0;
    for (const Part& part : parts_) {
      const MutexLock lock(part.mutex);
      capacity += part.slots.capacity();
    }
    return capacity * (sizeof(std::pair<uint64_t, uint32_t>) + 1);
  }

 private:
  static constexpr size_t kParts = 16;
  static constexpr size_t kFetchedAhead = 8;

  struct Part {
    mutable Mutex mutex;
    absl::flat_hash_map<uint64_t, uint32_t> slots ABSL_GUARDED_BY(mutex);
  };

  Part& PartOf(uint64_t label) { return parts_[label % kParts]; }

  std::array<Part, kParts> parts_;
  std::atomic<size_t> count_{0};
};

}  // namespace simile::index_internal

#endif  // SIMILE_INDEX_LABEL_SLOTS_H_

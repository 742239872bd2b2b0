#include "embedder/query_vector_cache.h"

#include <utility>

namespace simile {
namespace {

using embedder_internal::MutexLock;

// What an entry costs beside its numbers: the nodes of list and table, and the allocator's
// rounding.
constexpr size_t kEntryBytes = 192;

}  // namespace

QueryVectorCache::QueryVectorCache(size_t entries_max, size_t bytes_max)
    : entries_max_(entries_max), bytes_max_(bytes_max) {}

std::optional<std::vector<float>> QueryVectorCache::Find(std::span<const uint32_t> ids) {
  MutexLock lock(mutex_);
  const auto found = places_.find(ids);
  if (found == places_.end()) {
    ++misses_;
    return std::nullopt;
  }
  ++hits_;
  entries_.splice(entries_.begin(), entries_, found->second);
  return found->second->vector;
}

void QueryVectorCache::Put(std::span<const uint32_t> ids, std::span<const float> vector) {
  Entry entry{.ids = {ids.begin(), ids.end()}, .vector = {vector.begin(), vector.end()}};
  const size_t bytes = BytesOf(entry);
  if (entries_max_ == 0 || bytes > bytes_max_) return;
  MutexLock lock(mutex_);
  if (places_.contains(ids)) return;  // Two workers had the same query: the vector is the same too.
  while (entries_.size() >= entries_max_ || bytes_ + bytes > bytes_max_) DropOldest();
  entries_.push_front(std::move(entry));
  places_[entries_.front().ids] = entries_.begin();
  bytes_ += bytes;
}

void QueryVectorCache::DropOldest() {
  bytes_ -= BytesOf(entries_.back());
  places_.erase(entries_.back().ids);
  entries_.pop_back();
}

size_t QueryVectorCache::BytesOf(const Entry& entry) {
  return kEntryBytes + entry.ids.size() * sizeof(uint32_t) + entry.vector.size() * sizeof(float);
}

QueryVectorCacheStatistics QueryVectorCache::Statistics() const {
  MutexLock lock(mutex_);
  return {.hits = hits_, .misses = misses_, .entries = entries_.size(), .bytes = bytes_};
}

}  // namespace simile

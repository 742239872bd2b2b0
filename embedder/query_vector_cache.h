#ifndef SIMILE_EMBEDDER_QUERY_VECTOR_CACHE_H_
#define SIMILE_EMBEDDER_QUERY_VECTOR_CACHE_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "embedder/mutex.h"
#include "embedder/token_hash.h"

namespace simile {

struct QueryVectorCacheStatistics {
  uint64_t hits = 0;
  uint64_t misses = 0;
  size_t entries = 0;  // Now.
  size_t bytes = 0;    // Now; estimated.
};

// The vectors of the queries used last, by their token ids: people ask the same again, and a vector
// depends on nothing but its ids. What was not used for longest goes first.
//
// Thread safety: all methods may be called together.
class QueryVectorCache {
 public:
  // At most so many entries and bytes; with 0 of either it keeps nothing.
  QueryVectorCache(size_t entries_max, size_t bytes_max);

  // The vector put for the same ids, counted as a hit; none counts as a miss.
  std::optional<std::vector<float>> Find(std::span<const uint32_t> ids);

  void Put(std::span<const uint32_t> ids, std::span<const float> vector);

  QueryVectorCacheStatistics Statistics() const;

 private:
  struct Entry {
    std::vector<uint32_t> ids;
    std::vector<float> vector;
  };
  struct SameIds {
    bool operator()(std::span<const uint32_t> a, std::span<const uint32_t> b) const {
      return std::ranges::equal(a, b);
    }
  };

  static size_t BytesOf(const Entry& entry);
  void DropOldest() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const size_t entries_max_;
  const size_t bytes_max_;

  mutable embedder_internal::Mutex mutex_;
  std::list<Entry> entries_ ABSL_GUARDED_BY(mutex_);  // The one used last is the first.
  // Keys point into the entries.
  std::unordered_map<std::span<const uint32_t>, std::list<Entry>::iterator, TokenHash, SameIds>
      places_ ABSL_GUARDED_BY(mutex_);
  size_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t hits_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t misses_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace simile

#endif  // SIMILE_EMBEDDER_QUERY_VECTOR_CACHE_H_

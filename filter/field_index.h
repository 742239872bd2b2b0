#ifndef SIMILE_FILTER_FIELD_INDEX_H_
#define SIMILE_FILTER_FIELD_INDEX_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "absl/container/btree_map.h"
#include "base/bit_set.h"
#include "base/shared_mutex.h"
#include "filter/filter.h"
#include "filter/posting.h"
#include "filter/scalar.h"

namespace simile {

// Which rows have which values of one field. A row is one version of a document's metadata: it is
// added once and never changes.
//
// Thread safety: all methods may be called together; those that add or take away go one after the
// other.
class FieldIndex {
 public:
  // When it grows beyond `bytes_max` it forgets everything, for good.
  explicit FieldIndex(size_t bytes_max) : bytes_max_(bytes_max) {}

  void Add(uint32_t row, const Value& value);

  // Each adds to `rows` those below its size that it speaks of. False when the index is over its
  // budget and cannot tell.
  bool CollectAny(std::span<const Value> values, BitSet& rows) const;
  bool CollectRange(const InRange& range, BitSet& rows) const;
  bool CollectPresent(BitSet& rows) const;

  // Calls `visit` for every value that some row has. False as above.
  bool ForEachValue(const std::function<void(const Scalar&, const Posting&)>& visit) const;

  // Forgets the rows in `dead`, which nobody asks for any more.
  void Subtract(const BitSet& dead);

  // Whether some row has a value of the type of this one; true when the index cannot tell.
  bool HasType(const Value& value) const;

  size_t memory_bytes() const;
  bool is_over_budget() const;

 private:
  template <typename Key>
  using Postings = absl::btree_map<Key, Posting>;

  // Points in time by seconds and nanoseconds.
  using TimeKey = std::pair<int64_t, int32_t>;

  void AddScalar(uint32_t row, const Scalar& scalar) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  template <typename Key>
  void AddTo(Postings<Key>& postings, const Key& key, size_t key_bytes, uint32_t row)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  const Posting* Find(const Scalar& scalar) const ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  void ForgetAll() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  size_t CountBytes() const ABSL_SHARED_LOCKS_REQUIRED(mutex_);

  const size_t bytes_max_;

  mutable SharedMutex mutex_;
  bool is_over_budget_ ABSL_GUARDED_BY(mutex_) = false;
  size_t key_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t rows_since_count_ ABSL_GUARDED_BY(mutex_) = 0;
  Posting present_ ABSL_GUARDED_BY(mutex_);
  Posting nulls_ ABSL_GUARDED_BY(mutex_);
  Postings<bool> flags_ ABSL_GUARDED_BY(mutex_);
  Postings<Number> numbers_ ABSL_GUARDED_BY(mutex_);
  Postings<std::string> strings_ ABSL_GUARDED_BY(mutex_);
  Postings<std::string> bytes_ ABSL_GUARDED_BY(mutex_);
  Postings<TimeKey> times_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace simile

#endif  // SIMILE_FILTER_FIELD_INDEX_H_

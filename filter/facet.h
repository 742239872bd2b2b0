#ifndef SIMILE_FILTER_FACET_H_
#define SIMILE_FILTER_FACET_H_

#include <cstddef>
#include <string>
#include <vector>

#include "filter/filter.h"
#include "filter/scalar.h"

namespace simile {

// Which values of a field to count documents by; see proto/simile/v1/filter.proto.
struct Facet {
  std::string field;
  size_t limit = 0;             // Values to tell, those of most documents first.
  std::vector<InRange> ranges;  // Of the same field.
};

struct ValueCount {
  Scalar value;
  size_t document_count = 0;
};

struct FacetCounts {
  std::vector<ValueCount> values;    // Most documents first, then in order of value.
  size_t value_count = 0;            // Different values there are, told or not.
  std::vector<size_t> range_counts;  // Documents with a value in each range.
};

// Keeps the values of most documents.
//
// Thread safety: none. Cost: O(log limit) for each value.
class TopValues {
 public:
  explicit TopValues(size_t limit) : limit_(limit) {}

  // Each value once. Those of no document are left out.
  void Offer(const Scalar& value, size_t document_count);

  // In order.
  std::vector<ValueCount> Take();

  size_t value_count() const { return value_count_; }

 private:
  const size_t limit_;
  size_t value_count_ = 0;
  std::vector<ValueCount> heap_;  // The one to go first is in front.
};

}  // namespace simile

#endif  // SIMILE_FILTER_FACET_H_

#include "filter/facet_tally.h"

#include <algorithm>
#include <set>

#include "filter/document_matcher.h"
#include "filter/field_paths.h"

namespace simile {

FacetTally::FacetTally(const Facet& facet, size_t values_max)
    : facet_(facet), values_max_(values_max), range_counts_(facet.ranges.size()) {}

void FacetTally::Add(const Metadata& metadata) {
  std::set<Scalar, ScalarBefore> values;  // A document counts once for each.
  ForEachValueAt(metadata, facet_.field, [&](const Value& value) {
    ForEachScalar(value, [&](const Scalar& scalar) { values.insert(scalar); });
  });
  for (const Scalar& value : values) {
    if (!has_too_many_values()) ++counts_[value];
  }
  for (size_t at = 0; at < facet_.ranges.size(); ++at) {
    const bool is_in = std::ranges::any_of(
        values, [&](const Scalar& value) { return IsInRange(facet_.ranges[at], value); });
    if (is_in) ++range_counts_[at];
  }
}

FacetCounts FacetTally::Take() const {
  TopValues top(facet_.limit);
  for (const auto& [value, count] : counts_) top.Offer(value, count);
  FacetCounts counts{.value_count = top.value_count(), .range_counts = range_counts_};
  counts.values = top.Take();
  return counts;
}

}  // namespace simile

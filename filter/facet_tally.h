#ifndef SIMILE_FILTER_FACET_TALLY_H_
#define SIMILE_FILTER_FACET_TALLY_H_

#include <cstddef>
#include <map>

#include "base/value.h"
#include "filter/facet.h"

namespace simile {

// Counts a facet without an index: the metadata of each document that counts goes in.
//
// Thread safety: none.
class FacetTally {
 public:
  // `facet` must outlive it. Of more than `values_max` different values it knows only that.
  FacetTally(const Facet& facet, size_t values_max);

  void Add(const Metadata& metadata);

  bool has_too_many_values() const { return counts_.size() > values_max_; }

  FacetCounts Take() const;

 private:
  const Facet& facet_;
  const size_t values_max_;
  std::map<Scalar, size_t, ScalarBefore> counts_;
  std::vector<size_t> range_counts_;
};

}  // namespace simile

#endif  // SIMILE_FILTER_FACET_TALLY_H_

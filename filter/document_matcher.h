#ifndef SIMILE_FILTER_DOCUMENT_MATCHER_H_
#define SIMILE_FILTER_DOCUMENT_MATCHER_H_

#include <string_view>

#include "base/value.h"
#include "filter/filter.h"
#include "filter/scalar.h"

namespace simile {

// Of a document, what filters look at.
struct FilterSubject {
  std::string_view id;
  std::string_view text;
  const Metadata& metadata;
};

// Whether the value lies between the bounds; the range's field is not looked at.
bool IsInRange(const InRange& range, const Scalar& scalar);

// Whether the filter matches: what filters mean, without an index.
// Cost: each condition looks at each value of its field.
bool Matches(const Filter& filter, const FilterSubject& subject);

}  // namespace simile

#endif  // SIMILE_FILTER_DOCUMENT_MATCHER_H_

#ifndef SIMILE_SERVER_ENGINE_FILTER_VALIDATION_H_
#define SIMILE_SERVER_ENGINE_FILTER_VALIDATION_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "filter/facet.h"
#include "filter/filter.h"

namespace simile {

// InvalidArgument with the path of the condition: too deep, too many conditions or values; a field
// without name; no values, or such that nothing can be equal to (NaN, lists); a range without
// bounds, with bounds of different types, of a type without order, with NaN, or with its low above
// its high; a word that is none; an id that cannot be one.
absl::Status CheckFilter(const Filter& filter);

// InvalidArgument with the path of the facet: too many of them, of its values or ranges; a field
// without name; a range as above.
absl::Status CheckFacets(const std::vector<Facet>& facets);

// InvalidArgument with the place of the field: too many, without name, too long, or there twice.
absl::Status CheckFilterFields(const std::vector<std::string>& fields);

}  // namespace simile

#endif  // SIMILE_SERVER_ENGINE_FILTER_VALIDATION_H_

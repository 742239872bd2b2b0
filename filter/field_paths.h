#ifndef SIMILE_FILTER_FIELD_PATHS_H_
#define SIMILE_FILTER_FIELD_PATHS_H_

#include <functional>
#include <string>
#include <string_view>

#include "base/value.h"

namespace simile {

// How a filter names values inside of maps: the names on the way, with dots between them. Lists on
// the way have no name, so that `authors.name` is that of each of several authors. A name that has
// dots itself means the same as maps inside each other would.

// Calls `visit` for each name of the document and each inside of its maps. A path comes as often as
// there are values at it.
// Cost: O(values), and the length of the paths.
void ForEachField(const Metadata& metadata,
                  const std::function<void(const std::string& path, const Value& value)>& visit);

// Calls `visit` for each value at the path: those for which ForEachField says the same path.
void ForEachValueAt(const Metadata& metadata, std::string_view path,
                    const std::function<void(const Value&)>& visit);

}  // namespace simile

#endif  // SIMILE_FILTER_FIELD_PATHS_H_

#ifndef SIMILE_SERVER_ENGINE_SIMILAR_NAME_H_
#define SIMILE_SERVER_ENGINE_SIMILAR_NAME_H_

#include <span>
#include <string>
#include <string_view>

namespace simile {

// The name in `known` that `name` was probably meant to be: the one with the fewest edits
// (Levenshtein), if they are at most a third of its length. Empty when there is none.
std::string SimilarName(std::string_view name, std::span<const std::string> known);

}  // namespace simile

#endif  // SIMILE_SERVER_ENGINE_SIMILAR_NAME_H_

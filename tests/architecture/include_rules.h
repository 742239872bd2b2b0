#ifndef SIMILE_TESTS_ARCHITECTURE_INCLUDE_RULES_H_
#define SIMILE_TESTS_ARCHITECTURE_INCLUDE_RULES_H_

#include <string>
#include <vector>

#include "tests/architecture/source_tree.h"

namespace simile {

// Includes that ARCHITECTURE.md forbids, each as a sentence: of another folder's headers against
// the direction of data, and of a library where it must not be seen.
std::vector<std::string> ForbiddenIncludes(const SourceFile& file);

}  // namespace simile

#endif  // SIMILE_TESTS_ARCHITECTURE_INCLUDE_RULES_H_

#ifndef SIMILE_TESTS_ARCHITECTURE_STYLE_RULES_H_
#define SIMILE_TESTS_ARCHITECTURE_STYLE_RULES_H_

#include <cstddef>
#include <string>
#include <vector>

#include "tests/architecture/source_tree.h"

namespace simile {

inline constexpr size_t kFileLinesMax = 500;
inline constexpr size_t kFunctionLinesMax = 70;
inline constexpr size_t kColumnsMax = 100;
inline constexpr size_t kMedianFileLinesMax = 150;

// What CONTRIBUTING.md asks for and a machine can see; each violation is a sentence that begins
// with the file and, where there is one, the line.
std::vector<std::string> StyleViolations(const SourceFile& file);

}  // namespace simile

#endif  // SIMILE_TESTS_ARCHITECTURE_STYLE_RULES_H_

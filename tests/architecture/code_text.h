#ifndef SIMILE_TESTS_ARCHITECTURE_CODE_TEXT_H_
#define SIMILE_TESTS_ARCHITECTURE_CODE_TEXT_H_

#include <cstddef>
#include <string>
#include <vector>

namespace simile {

// The code with comments and the insides of strings turned to blanks, so that rules see neither.
// Lines keep their numbers.
std::string WithoutCommentsAndStrings(const std::string& code);

struct FunctionExtent {
  size_t first_line = 0;  // Where the body opens, from 1.
  size_t line_count = 0;  // To the brace that closes it.
};

// The bodies of all functions of a file in this project's format. `code` is what
// WithoutCommentsAndStrings returned.
std::vector<FunctionExtent> FunctionsOf(const std::string& code);

}  // namespace simile

#endif  // SIMILE_TESTS_ARCHITECTURE_CODE_TEXT_H_

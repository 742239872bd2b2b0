#ifndef SIMILE_BASE_PLAIN_PATH_H_
#define SIMILE_BASE_PLAIN_PATH_H_

#include <string_view>

namespace simile {

// Whether a path that somebody else has written may be used below a directory of ours: plain names
// of ASCII letters, digits, '_', '-' and '.', with '/' between; none is empty or begins with a dot.
bool IsPlainPath(std::string_view path);

}  // namespace simile

#endif  // SIMILE_BASE_PLAIN_PATH_H_

#ifndef SIMILE_BASE_FILE_RANGE_H_
#define SIMILE_BASE_FILE_RANGE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace simile {

// At most `bytes_max` bytes of a file from `offset` on; fewer where it ends. Links are not
// followed. Errors as of FileSystemError (base/durable_file.h).
absl::StatusOr<std::string> ReadFileRange(const std::string& path, uint64_t offset,
                                          size_t bytes_max);

// Puts `bytes` into a file at `offset`; makes the file when there is none. Links are not followed.
// After an error some of the bytes may be there. Not synced.
absl::Status WriteFileRange(const std::string& path, uint64_t offset, std::string_view bytes);

}  // namespace simile

#endif  // SIMILE_BASE_FILE_RANGE_H_

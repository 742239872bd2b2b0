#ifndef SIMILE_BASE_DURABLE_FILE_H_
#define SIMILE_BASE_DURABLE_FILE_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace simile {

// What a call of the system that set `reason` (errno) means: PermissionDenied, ResourceExhausted
// (no space), NotFound, else FailedPrecondition. The message is `doing` and the reason in words.
absl::Status FileSystemError(const std::string& doing, int reason);

// Makes `content` the file at `path`, in place of one that is there: after a crash or a power cut
// the file has the old bytes or the new ones. Writes to `path`.new, syncs, renames, and syncs the
// directory. Errors as of FileSystemError; then the old file is untouched.
absl::Status WriteDurably(const std::string& path, std::string_view content);

// What was written to a file, or which names a directory has, survives a power cut when this
// returns. Errors as of FileSystemError.
absl::Status SyncFile(const std::string& path);
absl::Status SyncDirectory(const std::string& path);

// All bytes of a file. ResourceExhausted when it has more than `bytes_max`.
absl::StatusOr<std::string> ReadWholeFile(const std::string& path, size_t bytes_max);

}  // namespace simile

#endif  // SIMILE_BASE_DURABLE_FILE_H_

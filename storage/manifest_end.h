#ifndef SIMILE_STORAGE_MANIFEST_END_H_
#define SIMILE_STORAGE_MANIFEST_END_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

namespace simile {

// How many operations are in no log any more and in no table that the MANIFEST can name: between
// the last sequence that it knows and the first one of the logs in `database_path`. 0 when it is
// whole: a log is removed only after the MANIFEST was told of the tables that hold its operations.
// So one that was cut at the end of a record is found, unless nothing was written after it. Errors
// as of FileSystemError. Cost: the MANIFEST, and the first record of a log, are read.
absl::StatusOr<uint64_t> OperationsMissing(const std::string& manifest_path,
                                           const std::string& database_path);

}  // namespace simile

#endif  // SIMILE_STORAGE_MANIFEST_END_H_

#include "storage/rocksdb_status.h"

#include "fmt/format.h"

namespace simile {

absl::Status FromRocksDb(const rocksdb::Status& status, const std::string& doing) {
  if (status.ok()) return absl::OkStatus();
  const std::string message = fmt::format("{}: {}", doing, status.ToString());
  if (status.IsNoSpace()) return absl::ResourceExhaustedError(message);
  // A table that the database names and that is not there is as lost as a damaged one.
  if (status.IsCorruption() || status.IsPathNotFound()) return absl::DataLossError(message);
  if (status.IsNotFound()) return absl::NotFoundError(message);
  if (status.IsMemoryLimit()) return absl::ResourceExhaustedError(message);
  if (status.IsShutdownInProgress() || status.IsBusy() || status.IsTryAgain()) {
    return absl::UnavailableError(message);
  }
  if (status.IsInvalidArgument() || status.IsNotSupported()) {
    return absl::FailedPreconditionError(message);
  }
  return absl::InternalError(message);
}

}  // namespace simile

#ifndef SIMILE_STORAGE_CHANGE_LOG_H_
#define SIMILE_STORAGE_CHANGE_LOG_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/database_files.h"

namespace simile {

// Where among the changes of a collection it is kept up to which sequence they are forgotten; no
// request has this sequence.
inline constexpr uint64_t kChangesForgottenAt = 0;

// Which vectors each request changed, for whoever keeps something that is derived from them: with
// what was true up to a sequence, and the changes after it, all of it can be made true again.
// Written by CommitBatch in the batch of the request, forgotten when nobody needs them any more.
//
// Thread safety: all methods may be called together.
class ChangeLog {
 public:
  explicit ChangeLog(const DatabaseFiles& files) : files_(files) {}

  // As Store's methods ChangedSince and ForgetChanges.
  absl::StatusOr<std::vector<uint64_t>> LabelsAfter(uint32_t collection_id,
                                                    uint64_t sequence) const;
  absl::Status Forget(uint32_t collection_id, uint64_t through_sequence) const;

 private:
  absl::StatusOr<uint64_t> ForgottenThrough(uint32_t collection_id) const;

  const DatabaseFiles& files_;
};

}  // namespace simile

#endif  // SIMILE_STORAGE_CHANGE_LOG_H_

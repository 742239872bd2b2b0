#ifndef SIMILE_STORAGE_RECOVERED_COPY_H_
#define SIMILE_STORAGE_RECOVERED_COPY_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "storage/database_files.h"
#include "storage/database_recovery.h"

namespace simile {

// A good database, made beside a damaged one (PlanRecovery), which is only read.
//
// Thread safety: none.
class RecoveredCopy {
 public:
  enum class Purpose {
    kTrial,  // To be looked at: tables are symbolic links, and stay as they are.
    kUse,    // To be opened by a server: tables are hard links.
  };

  // `target` must not exist.
  RecoveredCopy(std::string source, std::string target, Purpose purpose);

  // Makes it and says what was done and what is left: all but `kept_path`. Errors as of
  // PlanRecovery; then what is at the target is worth nothing.
  absl::Status Make(RecoveryReport& report);

 private:
  absl::Status MakeOfLogs(RecoveryReport& report);
  absl::Status MakeOfWhatCanBeRead(RecoveryReport& report) const;
  absl::Status Replace(std::unique_ptr<DatabaseFiles> copy, const std::string& path) const;
  absl::Status ForgetSessions(const DatabaseFiles& files) const;
  DatabaseCheck Check() const;
  absl::Status CheckSpace(uint64_t bytes) const;
  absl::Status CopyFiles() const;
  absl::Status CopyLogs() const;
  absl::StatusOr<bool> FindManifest(RecoveryReport& report) const;
  bool NamesAllTables() const;
  absl::Status Rebuild(RecoveryReport& report) const;
  bool MayBeAhead() const;
  absl::Status Settle(const DatabaseFiles& files, const std::map<uint32_t, std::string>& families,
                      bool is_table_left_out, RecoveryReport& report) const;

  const std::string source_;
  const std::string target_;
  const Purpose purpose_;
  std::vector<LogRecovery> logs_;
};

}  // namespace simile

#endif  // SIMILE_STORAGE_RECOVERED_COPY_H_

#ifndef SIMILE_STORAGE_DATABASE_RECOVERY_H_
#define SIMILE_STORAGE_DATABASE_RECOVERY_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "storage/database_check.h"
#include "storage/log_recovery.h"
#include "storage/logged_writes.h"

namespace simile {

// What a recovery of a data directory drops, and what it leaves.
struct RecoveryReport {
  bool is_needed = false;          // False: nothing is damaged (CheckDatabase), or told here.
  std::vector<std::string> steps;  // What is done beside cutting logs, a sentence each.
  std::vector<LogRecovery> logs;   // Those of which something is dropped, oldest first.
  std::map<uint32_t, CollectionWrites> dropped;  // What could be read of that, by collection id.
  std::map<uint32_t, std::string> names;         // Of collections, as far as they are known.
  // Requests are counted by the store: those between these two are dropped. None: nothing that was
  // dropped and could be read tells of a request.
  uint64_t last_sequence_left = 0;
  std::optional<uint64_t> last_sequence_dropped;
  DatabaseCheck left;     // Of what is there after the recovery.
  std::string kept_path;  // Where the damaged database lies now; empty when nothing was changed.
};

// Finds out what a recovery would do, on a copy in the system's directory for temporary files:
// tables are linked to, only what the logs hold is written there. Nothing in the data directory
// changes but its lock.
//
// A recovery makes a good database of a damaged one: the log ends before its first damage (a state
// the store once had, but for families that were written to tables since: what is not of one state
// then is removed, SettleCollection); a CURRENT that is lost is made for the newest MANIFEST that
// is whole and names all tables; a MANIFEST is made of the tables when none is. When a table is
// damaged or a document is not whole, what can be read is copied (Salvage).
//
// FailedPrecondition when a server uses it; NotFound when it is no data directory; DataLoss when it
// cannot be recovered, because FORMAT or the catalog's tables are damaged; ResourceExhausted
// without space for it: where tables are damaged, to apply it takes that of all tables once more.
// Cost: every byte is read, several times.
absl::StatusOr<RecoveryReport> PlanRecovery(const std::string& data_directory);

// Does it. The recovered database takes the place of the damaged one in one step, which the file
// system must be able to do (FailedPrecondition); the damaged one, and the files derived from it,
// which may know more than is left, go to `recovered-NOW_UNIX_MS/` in the data directory. Until
// then, and after an error, nothing is changed but that this directory may be there, and FORMAT may
// say the newest version.
absl::StatusOr<RecoveryReport> ApplyRecovery(const std::string& data_directory,
                                             int64_t now_unix_ms);

}  // namespace simile

#endif  // SIMILE_STORAGE_DATABASE_RECOVERY_H_

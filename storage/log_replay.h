#ifndef SIMILE_STORAGE_LOG_REPLAY_H_
#define SIMILE_STORAGE_LOG_REPLAY_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "storage/database_files.h"
#include "storage/log_recovery.h"

namespace simile {

// Writes again what is kept of `logs`, the oldest first, and leaves it in memory: flush after it.
// `family_names` by number, as the logs number them. Logs are the newest part of all that was
// written, and a batch says what is and not what changes; so it does no harm that tables may hold
// some of it already. DataLoss for a batch that does not parse or names an unknown family.
absl::Status ReplayLogs(const std::vector<LogRecovery>& logs,
                        const std::map<uint32_t, std::string>& family_names,
                        const DatabaseFiles& files);

}  // namespace simile

#endif  // SIMILE_STORAGE_LOG_REPLAY_H_

#ifndef SIMILE_SERVER_OFFLINE_REPORTS_H_
#define SIMILE_SERVER_OFFLINE_REPORTS_H_

#include <string>

#include "storage/database_check.h"
#include "storage/database_recovery.h"

namespace simile {

// What `check` has found, to standard output: a line for each damaged file and each finding, and
// one that ends in "N of M documents affected" for each collection.
void PrintDamage(const DatabaseCheck& check);

// What a recovery drops and leaves. Without `kept_path` it is told as what would be.
void PrintRecovery(const RecoveryReport& report, const std::string& data_directory);

}  // namespace simile

#endif  // SIMILE_SERVER_OFFLINE_REPORTS_H_

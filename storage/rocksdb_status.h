#ifndef SIMILE_STORAGE_ROCKSDB_STATUS_H_
#define SIMILE_STORAGE_ROCKSDB_STATUS_H_

#include <rocksdb/status.h>

#include <string>

#include "absl/status/status.h"

namespace simile {

// The one place where an error of RocksDB becomes one of ours. `doing` begins the message, e.g.
// "opening /srv/simile/rocksdb".
absl::Status FromRocksDb(const rocksdb::Status& status, const std::string& doing);

}  // namespace simile

#endif  // SIMILE_STORAGE_ROCKSDB_STATUS_H_

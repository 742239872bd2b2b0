#ifndef SIMILE_STORAGE_COLLECTION_COPY_H_
#define SIMILE_STORAGE_COLLECTION_COPY_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "storage/database_files.h"

namespace simile {

// Makes the database of a snapshot that holds one collection and nothing of any other: its keys are
// copied in their order, as they are at one moment, into a database that is new. Reads and writes
// of `from` go on. `directory` is a directory for what is needed on the way; the result is
// `directory`/rocksdb, not yet synced, and nothing else is left there.
//
// `check` is asked every few megabytes; its first error ends the copy and is returned. NotFound
// when there is no such collection, or it is dropped meanwhile (ask the catalog of that: the
// copy may then be of half of it); DataLoss when a block of it is damaged. Cost: reads and writes
// every byte of the collection.
absl::Status CopyCollection(const DatabaseFiles& from, uint32_t collection_id,
                            const std::string& directory,
                            const std::function<absl::Status()>& check);

}  // namespace simile

#endif  // SIMILE_STORAGE_COLLECTION_COPY_H_

#ifndef SIMILE_STORAGE_COLLECTION_TABLES_H_
#define SIMILE_STORAGE_COLLECTION_TABLES_H_

#include <cstddef>
#include <functional>

#include "absl/status/statusor.h"
#include "storage/database_files.h"

namespace simile {

// Tables of level 1 and below hold one collection each, so that damage of one concerns no other and
// they go with their collection. Those of level 0 are what was in memory together.
//
// Reads and writes go on beside both.

// Deletes the tables that hold nothing of a collection in the catalog, without reading them: whole,
// damaged or missing, they leave MANIFEST, and their space comes back. Those of level 0 stay, as
// RocksDB needs their order. Returns how many stay because a compaction reads them now: try again
// for these. A snapshot has links to the files and keeps them; an iterator that is open does too, a
// later read at an older moment does not find what was in them. DataLoss when the catalog cannot be
// read. Cost: one write to MANIFEST for each family that has such tables.
absl::StatusOr<size_t> DeleteDroppedTables(const DatabaseFiles& files);

// Rewrites those that hold more than one collection, one after the other, until `go_on` is false.
// Compactions leave none, but for what RocksDB 7.8 moves to the last level as it is, and older
// programs did. One that cannot be read stays. Nothing is done where compactions are off. Cost: the
// reading and writing of these tables.
void SplitMixedTables(const DatabaseFiles& files, const std::function<bool()>& go_on);

}  // namespace simile

#endif  // SIMILE_STORAGE_COLLECTION_TABLES_H_

#ifndef SIMILE_STORAGE_COLLECTION_CHECK_H_
#define SIMILE_STORAGE_COLLECTION_CHECK_H_

#include "storage/catalog.h"
#include "storage/collection_record.h"
#include "storage/database_check.h"
#include "storage/database_files.h"

namespace simile {

// Reads every id, document and vector of a collection, label by label where blocks cannot be read,
// and compares them with each other and with the counters (database_check.h), of which all must be
// of the same moment: that of `snapshot`, or nobody writes.
CollectionCheck CheckCollection(const DatabaseFiles& files, const CollectionRecord& record,
                                const CollectionCountersRecord& counters,
                                const rocksdb::Snapshot* snapshot = nullptr);

}  // namespace simile

#endif  // SIMILE_STORAGE_COLLECTION_CHECK_H_

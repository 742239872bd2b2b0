#ifndef SIMILE_STORAGE_SETTLE_COLLECTION_H_
#define SIMILE_STORAGE_SETTLE_COLLECTION_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "storage/catalog.h"
#include "storage/database_files.h"
#include "storage/logged_writes.h"

namespace simile {

struct SettledDocuments {
  uint64_t removed = 0;     // That had an id or a record.
  uint64_t newer_kept = 0;  // Of dropped requests, and whole.
};

// Makes a collection agree with itself after requests were dropped from the end of the log, of
// which some column families may have been written to tables before: documents of which a part is
// missing, or only a part comes from a dropped request, are removed, and the counters say what is
// left.
//
// A document of which a part cannot be read stays as it is and counts, and one without its id too
// when `may_lack_ids`: a table is not there any more (Salvage decides). Removed too is a document
// whose dropped request changed the rest and put the same vector again. What cannot be told: a
// vector put by a request of which nothing can be read, under a document that was there before.
// Cost: the collection is read, ids twice, label by label behind damage; 24 bytes of memory per
// label.
absl::StatusOr<SettledDocuments> SettleCollection(const DatabaseFiles& files,
                                                  const Catalog& catalog, uint32_t collection_id,
                                                  const LoggedWrites& dropped, bool may_lack_ids);

}  // namespace simile

#endif  // SIMILE_STORAGE_SETTLE_COLLECTION_H_

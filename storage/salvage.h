#ifndef SIMILE_STORAGE_SALVAGE_H_
#define SIMILE_STORAGE_SALVAGE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "storage/database_files.h"

namespace simile {

// What a salvage leaves of a collection.
struct SalvagedCollection {
  static constexpr size_t kIdsTold = 10;

  std::string name;
  uint64_t documents_kept = 0;
  uint64_t documents_lost = 0;
  std::vector<std::string> lost_ids;  // Of some of these, in order: at most kIdsTold.
};

// Copies a database of which tables are damaged or missing, without what cannot be read: the
// catalog, and of each of its collections the documents whose record and vector can be read and
// belong together. Every label is asked for by its key: only so is it sure that what is found is
// not older than what stood in a damaged block. So what lies between the keys of a missing table is
// lost where older tables have it too, and with a damaged block the few documents whose keys its
// table's filter takes for those of the block. An id that cannot be read, or is missing, is made
// anew of its document. Nothing of dropped collections is copied. Where a document is lost,
// progress of ingest sessions is not copied either, so that clients begin again. The log of changes
// is not copied: what is derived from it (an index) is to be made anew.
//
// `to` is new and empty; what is written there is not yet flushed. With null nothing is written,
// and only told. Errors: DataLoss when the catalog cannot be read; of writing. Cost: three reads by
// key for each document; a bit of memory for each label of the largest collection.
absl::StatusOr<std::vector<SalvagedCollection>> Salvage(const DatabaseFiles& from,
                                                        const DatabaseFiles* to);

}  // namespace simile

#endif  // SIMILE_STORAGE_SALVAGE_H_

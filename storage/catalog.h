#ifndef SIMILE_STORAGE_CATALOG_H_
#define SIMILE_STORAGE_CATALOG_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "storage/catalog_codec.h"
#include "storage/collection_record.h"
#include "storage/database_files.h"
#include "storage/mutex.h"

namespace simile {

// Which collections exist, with their counters, in memory as on disk. It follows what the committer
// and the store have written; it writes nothing itself.
//
// Thread safety: all methods may be called together.
class Catalog {
 public:
  // Reads everything. DataLoss names the collection whose record is damaged.
  static absl::StatusOr<std::unique_ptr<Catalog>> Load(const DatabaseFiles& files);

  // By name: all, and those that are seen from outside.
  std::vector<CollectionRecord> Collections() const;
  std::vector<CollectionRecord> Published() const;
  std::optional<CollectionRecord> Find(uint32_t collection_id) const;
  bool Has(uint32_t collection_id) const;
  bool HasName(const std::string& name) const;

  // Zero counters for an unknown collection.
  CollectionCountersRecord Counters(uint32_t collection_id) const;
  // Its last sequence is the newest that the record of the state or any counters told of.
  StoreStateRecord State() const;

  // To be called once the change is on disk.
  void Put(const CollectionRecord& record);
  void Remove(uint32_t collection_id);
  void SetCounters(uint32_t collection_id, const CollectionCountersRecord& counters);
  void SetState(const StoreStateRecord& state);

 private:
  struct Entry {
    CollectionRecord record;
    CollectionCountersRecord counters;
  };

  absl::Status LoadCollections(const DatabaseFiles& files);

  mutable storage_internal::Mutex mutex_;
  std::map<uint32_t, Entry> entries_ ABSL_GUARDED_BY(mutex_);
  StoreStateRecord state_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace simile

#endif  // SIMILE_STORAGE_CATALOG_H_

#ifndef SIMILE_STORAGE_COMMIT_BATCH_H_
#define SIMILE_STORAGE_COMMIT_BATCH_H_

#include <rocksdb/utilities/write_batch_with_index.h>

#include <cstdint>
#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "storage/catalog.h"
#include "storage/catalog_codec.h"
#include "storage/database_files.h"
#include "storage/write.h"

namespace simile {

// Several write requests on their way into one RocksDB batch. What a request writes is seen by the
// ones after it; one that fails leaves nothing behind.
//
// Thread safety: none; the committer owns it.
class CommitBatch {
 public:
  CommitBatch(const DatabaseFiles& files, const Catalog& catalog);

  // Adds a request. NotFound when there is no such collection; DataLoss when a record it builds on
  // is damaged.
  absl::StatusOr<CommitResult> Add(const WriteRequest& request);

  // Writes everything atomically; with `sync` it survives a power cut when this returns.
  rocksdb::Status Write(bool sync);

  // After a successful Write: tells the catalog.
  void Publish(Catalog& catalog) const;

 private:
  absl::StatusOr<OperationResult> Apply(uint32_t collection_id, const PutOperation& put);
  absl::StatusOr<OperationResult> Apply(uint32_t collection_id, const RemoveOperation& remove);

  // Notes whose vectors `request` changed.
  void PutChanges(const WriteRequest& request, const CommitResult& result);

  // The label of an id as this batch leaves it; 0 when there is none.
  absl::StatusOr<uint64_t> FindLabel(uint32_t collection_id, const std::string& id);
  absl::StatusOr<std::string> GetAsWritten(rocksdb::ColumnFamilyHandle* family,
                                           const std::string& key);
  CollectionCountersRecord& CountersOf(uint32_t collection_id);

  const DatabaseFiles& files_;
  const Catalog& catalog_;
  rocksdb::WriteBatchWithIndex batch_;
  std::map<uint32_t, CollectionCountersRecord> counters_;  // Of the collections touched.
  StoreStateRecord state_;
};

}  // namespace simile

#endif  // SIMILE_STORAGE_COMMIT_BATCH_H_

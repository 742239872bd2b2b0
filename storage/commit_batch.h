#ifndef SIMILE_STORAGE_COMMIT_BATCH_H_
#define SIMILE_STORAGE_COMMIT_BATCH_H_

#include <rocksdb/write_batch.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

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
  // What is written is put into `buffer`, which is emptied here and must outlive this: one that was
  // used before has its memory already.
  CommitBatch(const DatabaseFiles& files, const Catalog& catalog, rocksdb::WriteBatch& buffer);

  // Adds a request. NotFound when there is no such collection; DataLoss when a record it builds on
  // is damaged.
  absl::StatusOr<CommitResult> Add(const WriteRequest& request);

  // Writes everything atomically; with `sync` it survives a power cut when this returns.
  rocksdb::Status Write(bool sync);

  // After a successful Write: tells the catalog.
  void Publish(Catalog& catalog) const;

 private:
  // A document as this batch leaves it: what an operation after it must know.
  struct Pending {
    uint64_t label = 0;  // 0: removed.
    VectorSource vector_source = VectorSource::kClient;
    uint32_t token_count = 0;
    bool truncated = false;
  };

  using PendingById = std::unordered_map<std::string, Pending>;  // By the key of the id.

  absl::StatusOr<OperationResult> Apply(uint32_t collection_id, const PutOperation& put);
  absl::StatusOr<OperationResult> Apply(uint32_t collection_id, const RemoveOperation& remove);

  // Notes whose vectors `request` changed.
  void PutChanges(const WriteRequest& request, const CommitResult& result);

  // Takes back what a request that failed has changed.
  void Undo();
  void SetPending(std::string id_key, const Pending& pending);

  // The label of a document as this batch leaves it; 0 when there is none.
  absl::StatusOr<uint64_t> FindLabel(const std::string& id_key, const std::string& id) const;

  // Of a document that is there: what belongs to the vector that it keeps.
  absl::StatusOr<Pending> FindVectorFacts(const std::string& id_key, const std::string& id,
                                          const std::string& label_key, uint64_t label) const;
  CollectionCountersRecord& CountersOf(uint32_t collection_id);

  const DatabaseFiles& files_;
  const Catalog& catalog_;
  rocksdb::WriteBatch& batch_;
  PendingById pending_;
  std::map<uint32_t, CollectionCountersRecord> counters_;  // Of the collections touched.
  uint64_t last_sequence_;

  // Of the request that is being added: what its entries of pending_ held before, oldest first.
  std::vector<std::pair<const PendingById::value_type*, std::optional<Pending>>> replaced_;
};

}  // namespace simile

#endif  // SIMILE_STORAGE_COMMIT_BATCH_H_

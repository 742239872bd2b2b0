#ifndef SIMILE_SERVER_ENGINE_UPSERT_BATCH_H_
#define SIMILE_SERVER_ENGINE_UPSERT_BATCH_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "filter/metadata_index.h"
#include "index/vector_index.h"
#include "server/engine/call_context.h"
#include "server/engine/requests.h"
#include "server/engine/text_embedder.h"
#include "server/engine/validation.h"
#include "storage/store.h"

namespace simile {

// The documents of one upsert on their way from the client to store and index. Made, then stepped
// through in the order of its methods; each step leaves out what has failed before.
//
// Thread safety: none; one call owns it.
class UpsertBatch {
 public:
  // Validates every document and mints the ids that are missing.
  UpsertBatch(std::vector<absl::StatusOr<DocumentInput>> documents, const CollectionShape& shape);

  // The ids that will be written, for the write gate.
  std::vector<std::string> Ids() const;

  // Finds the documents whose stored text is the same and was embedded: their vector is kept.
  absl::Status KeepUnchangedVectors(const Store& store, uint32_t collection_id);

  // Embeds the texts that still need a vector. An error fails the whole batch.
  absl::Status Embed(const TextEmbedder& embedder, const CallContext& context);

  // What to commit, one operation per document that is good, in order.
  std::vector<WriteOperation> Operations() const;

  // Brings the committed vectors into the index; `results` are the store's, one per operation.
  absl::Status ApplyToIndex(const std::vector<OperationResult>& results, VectorIndex& index);

  // Likewise the metadata.
  void ApplyToMetadata(const std::vector<OperationResult>& results, MetadataIndex& metadata) const;

  // One per document, in the order they came.
  std::vector<UpsertOutcome> TakeOutcomes() { return std::move(outcomes_); }

  size_t good_count() const;
  size_t reused_count() const;

 private:
  struct Item {
    DocumentInput input;
    VectorSource vector_source = VectorSource::kClient;
    bool keep_vector = false;
  };

  bool NeedsEmbedding(size_t position) const;

  std::vector<Item> items_;  // Parallel to outcomes_; empty where the outcome is an error.
  std::vector<UpsertOutcome> outcomes_;
};

}  // namespace simile

#endif  // SIMILE_SERVER_ENGINE_UPSERT_BATCH_H_

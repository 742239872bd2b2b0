#ifndef SIMILE_STORAGE_WRITE_H_
#define SIMILE_STORAGE_WRITE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "storage/document.h"

namespace simile {

// What an acknowledged write has survived.
enum class Durability : uint8_t {
  kFsync,     // A power cut: the write-ahead log was synced before the answer.
  kOsBuffer,  // The end of the process, not of the machine.
};

// Stores a document, replacing the one that has the id. Without a vector, text, metadata and
// everything else is replaced and the stored vector, its source, token_count and truncated are
// kept; when the id is not stored, nothing is written and the result says kNotFound.
struct PutOperation {
  std::string id;  // Not empty.
  std::string text;
  Metadata metadata;
  std::optional<std::vector<float>> vector;
  VectorSource vector_source = VectorSource::kClient;  // Of `vector`.
  uint32_t token_count = 0;                            // Of the text, when vector is given.
  bool truncated = false;                              // Of the text, when vector is given.
};

struct RemoveOperation {
  std::string id;
};

using WriteOperation = std::variant<PutOperation, RemoveOperation>;

// How far an ingest stream has come; kept with the documents it counts, in the same batch, so that
// a client that lost its connection learns exactly what was stored.
struct IngestProgress {
  std::string session_id;      // 1 to 64 bytes, chosen by the client.
  uint64_t items_handled = 0;  // Items of the session done so far, failed ones included.
};

struct WriteRequest {
  uint32_t collection_id = 0;
  std::vector<WriteOperation> operations;  // Applied in order; a later one wins.
  std::optional<IngestProgress> progress;
  Durability durability = Durability::kFsync;
};

struct OperationResult {
  enum class Effect : uint8_t { kCreated, kReplaced, kRemoved, kNotFound };
  Effect effect = Effect::kNotFound;
  uint64_t label = 0;  // Of the document; 0 for kNotFound.
};

struct CommitResult {
  uint64_t sequence = 0;  // Grows by one with each request, over all collections.
  Durability durability = Durability::kFsync;  // At least what was asked for.
  std::vector<OperationResult> operations;
};

}  // namespace simile

#endif  // SIMILE_STORAGE_WRITE_H_

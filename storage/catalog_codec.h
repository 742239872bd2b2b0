#ifndef SIMILE_STORAGE_CATALOG_CODEC_H_
#define SIMILE_STORAGE_CATALOG_CODEC_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "storage/collection_record.h"

namespace simile {

// What the store knows of a collection beside its settings; in the batch of every write.
struct CollectionCountersRecord {
  uint64_t next_label = 1;
  uint64_t document_count = 0;
  uint64_t last_sequence = 0;  // Of the newest request to it; 0 in records of version 1.
};

// What the store knows of itself; written with changes of the catalog only.
struct StoreStateRecord {
  uint64_t last_sequence = 0;  // Counters may know of newer ones.
  uint32_t next_collection_id = 1;
};

struct IngestProgressRecord {
  uint64_t items_handled = 0;
  int64_t updated_unix_s = 0;
};

// Sealed records of small things; storage/README.md has the bytes. Each Decode answers DataLoss
// when the record is damaged.
std::string EncodeCollection(const CollectionRecord& record);
absl::StatusOr<CollectionRecord> DecodeCollection(std::string_view record);

std::string EncodeCounters(const CollectionCountersRecord& counters);
absl::StatusOr<CollectionCountersRecord> DecodeCounters(std::string_view record);

std::string EncodeStoreState(const StoreStateRecord& state);
absl::StatusOr<StoreStateRecord> DecodeStoreState(std::string_view record);

std::string EncodeIngestProgress(const IngestProgressRecord& progress);
absl::StatusOr<IngestProgressRecord> DecodeIngestProgress(std::string_view record);

// The labels whose vectors a request changed or removed.
std::string EncodeChanges(std::span<const uint64_t> labels);
absl::StatusOr<std::vector<uint64_t>> DecodeChanges(std::string_view record);

// Up to which sequence changes are no longer kept.
std::string EncodeChangesForgotten(uint64_t sequence);
absl::StatusOr<uint64_t> DecodeChangesForgotten(std::string_view record);

std::string EncodeLabel(uint64_t label);
absl::StatusOr<uint64_t> DecodeLabel(std::string_view record);

}  // namespace simile

#endif  // SIMILE_STORAGE_CATALOG_CODEC_H_

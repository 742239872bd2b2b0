#ifndef SIMILE_STORAGE_RECORD_ENVELOPE_H_
#define SIMILE_STORAGE_RECORD_ENVELOPE_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace simile {

// The kinds of records. The values are on disk: never change them.
enum class RecordKind : uint8_t {
  kCollection = 1,
  kCounters = 2,
  kDocument = 3,
  kVector = 4,
  kIngestProgress = 5,
  kStoreState = 6,
  kLabel = 7,
};

// Puts a record's body behind its kind, version and CRC-32C (storage/README.md, "Envelope").
std::string SealRecord(RecordKind kind, std::string_view body);

// The body of a sealed record. DataLoss when it is too short, of another kind, of a version this
// program does not know, or when the checksum does not fit.
absl::StatusOr<std::string_view> OpenRecord(RecordKind kind, std::string_view record);

}  // namespace simile

#endif  // SIMILE_STORAGE_RECORD_ENVELOPE_H_

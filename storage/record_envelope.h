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
  kChanges = 8,
  kChangesForgotten = 9,
};

// The version in which records of a kind are written. Those from 1 on are read.
uint8_t RecordVersion(RecordKind kind);

// Puts a record's body behind its kind, version and CRC-32C (storage/README.md, "Envelope").
std::string SealRecord(RecordKind kind, std::string_view body);

struct OpenedRecord {
  uint8_t version = 0;
  std::string_view body;
};

// DataLoss when the record is too short, of another kind, of a version this program does not know,
// or when the checksum does not fit.
absl::StatusOr<OpenedRecord> OpenRecord(RecordKind kind, std::string_view record);

}  // namespace simile

#endif  // SIMILE_STORAGE_RECORD_ENVELOPE_H_

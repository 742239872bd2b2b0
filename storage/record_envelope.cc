#include "storage/record_envelope.h"

#include "base/byte_reader.h"
#include "base/byte_writer.h"
#include "base/crc32c.h"
#include "fmt/format.h"

namespace simile {
namespace {

constexpr size_t kChecksumBytes = sizeof(uint32_t);

}  // namespace

uint8_t RecordVersion(RecordKind kind) {
  switch (kind) {
    case RecordKind::kCollection:
      return 3;
    case RecordKind::kCounters:
    case RecordKind::kDocument:
      return 2;
    default:
      return 1;
  }
}

std::string SealRecord(RecordKind kind, std::string_view body) {
  ByteWriter sealed;
  sealed.Put(static_cast<uint8_t>(kind));
  sealed.Put(RecordVersion(kind));
  sealed.PutRaw(body);
  sealed.Put(Crc32c(sealed.bytes()));
  return sealed.Take();
}

absl::StatusOr<OpenedRecord> OpenRecord(RecordKind kind, std::string_view record) {
  constexpr size_t kHeaderBytes = 2;
  if (record.size() < kHeaderBytes + kChecksumBytes) {
    return absl::DataLossError(fmt::format("the record has only {} bytes", record.size()));
  }
  const std::string_view checked = record.substr(0, record.size() - kChecksumBytes);
  const auto stored = ByteReader(record.substr(checked.size())).Get<uint32_t>();
  if (const uint32_t computed = Crc32c(checked); computed != stored) {
    return absl::DataLossError(
        fmt::format("the checksum is {:08x}, stored is {:08x}", computed, stored));
  }
  const auto found_kind = static_cast<uint8_t>(checked[0]);
  if (found_kind != static_cast<uint8_t>(kind)) {
    return absl::DataLossError(fmt::format("the record is of kind {}, expected {}", found_kind,
                                           static_cast<uint8_t>(kind)));
  }
  const auto version = static_cast<uint8_t>(checked[1]);
  if (version == 0 || version > RecordVersion(kind)) {
    return absl::DataLossError(fmt::format("the record has version {}; this program knows 1 to {}",
                                           version, RecordVersion(kind)));
  }
  return OpenedRecord{.version = version, .body = checked.substr(kHeaderBytes)};
}

}  // namespace simile

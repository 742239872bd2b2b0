#include "storage/bulk_writer.h"

#include "storage/rocksdb_status.h"

namespace simile {
namespace {

constexpr size_t kBatchBytes = size_t{4} << 20;

}  // namespace

BulkWriter::BulkWriter(const DatabaseFiles& to) : to_(to) {}

void BulkWriter::Put(rocksdb::ColumnFamilyHandle* family, std::string_view key,
                     std::string_view value) {
  batch_.Put(family, key, value);
}

bool BulkWriter::is_full() const { return batch_.GetDataSize() >= kBatchBytes; }

absl::Status BulkWriter::Write() {
  rocksdb::WriteOptions options;
  options.disableWAL = true;
  const rocksdb::Status written = to_.db().Write(options, &batch_);
  batch_.Clear();
  return FromRocksDb(written, "writing a copy");
}

}  // namespace simile

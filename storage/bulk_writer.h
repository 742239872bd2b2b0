#ifndef SIMILE_STORAGE_BULK_WRITER_H_
#define SIMILE_STORAGE_BULK_WRITER_H_

#include <rocksdb/write_batch.h>

#include <cstddef>
#include <string_view>

#include "absl/status/status.h"
#include "storage/database_files.h"

namespace simile {

// Writes many records into a database that nobody uses yet: a batch of some megabytes at a time,
// and without its log, which would be written for nothing. So nothing is safe before its flush.
//
// Thread safety: none.
class BulkWriter {
 public:
  // `to` must outlive it.
  explicit BulkWriter(const DatabaseFiles& to);

  void Put(rocksdb::ColumnFamilyHandle* family, std::string_view key, std::string_view value);

  // Whether what was put is enough for a batch.
  bool is_full() const;

  // Writes what was put since the last call.
  absl::Status Write();

 private:
  const DatabaseFiles& to_;
  rocksdb::WriteBatch batch_;
};

}  // namespace simile

#endif  // SIMILE_STORAGE_BULK_WRITER_H_

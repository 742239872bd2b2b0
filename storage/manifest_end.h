#ifndef SIMILE_STORAGE_MANIFEST_END_H_
#define SIMILE_STORAGE_MANIFEST_END_H_

#include <rocksdb/listener.h>

#include <string>
#include <utility>

#include "storage/mutex.h"

namespace simile {

// Notes how long a database's MANIFEST is, in a file beside it (README.md, "MANIFEST_END"),
// whenever it was told of new tables. RocksDB sees no cut at the end of one of its records: it
// would start without the tables that the missing ones told of, and delete them, when the logs they
// were made of are gone already.
//
// Thread safety: all methods may be called together.
class ManifestEnd final : public rocksdb::EventListener {
 public:
  explicit ManifestEnd(std::string database_path) : database_path_(std::move(database_path)) {}

  // Nothing is noted when that fails, on a full disk for one: what was noted before is still true.
  // Cost: the MANIFEST and a small file are synced.
  void Note();

  void OnFlushCompleted(rocksdb::DB*, const rocksdb::FlushJobInfo&) override { Note(); }
  void OnCompactionCompleted(rocksdb::DB*, const rocksdb::CompactionJobInfo&) override { Note(); }

 private:
  const std::string database_path_;
  storage_internal::Mutex mutex_;  // So that no older length comes after a newer one.
};

// What is wrong with the end of MANIFEST `name`, which CURRENT names; empty when nothing is known
// to be. A note that is damaged, of a newer version, or of an older MANIFEST says nothing.
std::string CheckManifestEnd(const std::string& database_path, const std::string& name);

}  // namespace simile

#endif  // SIMILE_STORAGE_MANIFEST_END_H_

#ifndef SIMILE_STORAGE_COLLECTION_REAPER_H_
#define SIMILE_STORAGE_COLLECTION_REAPER_H_

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <string>
#include <thread>

#include "storage/database_files.h"
#include "storage/mutex.h"

namespace simile {

// Reclaims the space of dropped collections in the background, keeps collections apart in tables,
// and forgets ingest sessions that nobody has used for a week. What it did not finish goes on after
// the next start.
//
// Thread safety: all methods may be called together.
class CollectionReaper {
 public:
  // Takes up the collections that were dropped before and still have data. Below `derived_path`
  // others keep what they derive from collections.
  CollectionReaper(const DatabaseFiles& files, std::string derived_path);
  ~CollectionReaper();
  CollectionReaper(const CollectionReaper&) = delete;
  CollectionReaper& operator=(const CollectionReaper&) = delete;

  static std::string DerivedDirectory(const std::string& derived_path, uint32_t collection_id);

  // The collection must be gone from the catalog, and its `dropped/` key written.
  void Reap(uint32_t collection_id);

 private:
  void Run();
  bool DeleteTables();
  void SplitTables();
  void FindDropped();
  void ForgetOldSessions();
  bool HasKeys(rocksdb::ColumnFamilyHandle* family, uint32_t collection_id) const;
  void RemoveData(uint32_t collection_id);

  const DatabaseFiles& files_;
  const std::string derived_path_;

  storage_internal::Mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<uint32_t> dropped_ ABSL_GUARDED_BY(mutex_);
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;

  std::thread thread_;
};

}  // namespace simile

#endif  // SIMILE_STORAGE_COLLECTION_REAPER_H_

#ifndef SIMILE_STORAGE_COMMITTER_H_
#define SIMILE_STORAGE_COMMITTER_H_

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <thread>

#include "absl/status/statusor.h"
#include "storage/catalog.h"
#include "storage/collection_record.h"
#include "storage/commit_batch.h"
#include "storage/database_files.h"
#include "storage/free_space_guard.h"
#include "storage/mutex.h"
#include "storage/write.h"

namespace simile {

// The one writer. Its thread takes all requests that wait, over all collections, into one batch and
// syncs once for them (group commit): the more writers, the more a sync carries.
//
// Thread safety: all methods may be called together.
class Committer {
 public:
  Committer(const DatabaseFiles& files, Catalog& catalog, FreeSpaceGuard guard);

  // Commits what waits, then ends.
  ~Committer();
  Committer(const Committer&) = delete;
  Committer& operator=(const Committer&) = delete;

  // Errors as Store::Write says.
  absl::StatusOr<CommitResult> Write(const WriteRequest& request);

  // Changes of the catalog, synced when they return; errors as Store's methods of these names say.
  absl::StatusOr<CollectionRecord> CreateCollection(CollectionRecord record);
  absl::Status UpdateCollection(const CollectionRecord& record);
  absl::Status PublishCollections(std::span<const Publication> publications);
  absl::Status DropCollection(uint32_t collection_id);

  uint64_t commits() const { return commits_; }
  uint64_t requests_committed() const { return requests_committed_; }

 private:
  // A request that waits, on the stack of its writer.
  struct Waiting {
    const WriteRequest& request;
    absl::StatusOr<CommitResult> result = absl::UnknownError("");
    bool done = false;
  };

  void Run();
  std::deque<Waiting*> TakeGroup() ABSL_EXCLUSIVE_LOCKS_REQUIRED(queue_mutex_);
  void Commit(const std::deque<Waiting*>& group);
  absl::Status CheckSpace(const WriteRequest& request) ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  void PutDropped(uint32_t collection_id, rocksdb::WriteBatch& batch);
  absl::Status WriteMeta(rocksdb::WriteBatch& batch) ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  absl::Status CheckNotFailed() ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);

  const DatabaseFiles& files_;
  Catalog& catalog_;

  // Whoever writes to RocksDB holds it: the committing thread, or a change of the catalog.
  storage_internal::Mutex write_mutex_;
  FreeSpaceGuard guard_ ABSL_GUARDED_BY(write_mutex_);
  std::string failure_ ABSL_GUARDED_BY(write_mutex_);  // Why nothing is written any more.

  storage_internal::Mutex queue_mutex_;
  std::condition_variable_any waiting_changed_;
  std::condition_variable_any group_done_;
  std::deque<Waiting*> waiting_ ABSL_GUARDED_BY(queue_mutex_);
  bool closing_ ABSL_GUARDED_BY(queue_mutex_) = false;

  std::atomic<uint64_t> commits_{0};
  std::atomic<uint64_t> requests_committed_{0};
  std::thread thread_;
};

}  // namespace simile

#endif  // SIMILE_STORAGE_COMMITTER_H_

#ifndef SIMILE_STORAGE_COMMITTER_H_
#define SIMILE_STORAGE_COMMITTER_H_

#include <atomic>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "storage/catalog.h"
#include "storage/collection_record.h"
#include "storage/commit_batch.h"
#include "storage/database_files.h"
#include "storage/free_space_guard.h"
#include "storage/mutex.h"
#include "storage/write.h"
#include "storage/writer_turn.h"

namespace simile {

// The one way to write. Of the writers that wait one leads: it takes all requests that wait, over
// all collections, into one batch and syncs once for them (group commit, as LevelDB's writers do):
// the more writers, the more a sync carries, and one alone waits for no other thread.
//
// Thread safety: all methods may be called together.
class Committer {
 public:
  Committer(const DatabaseFiles& files, Catalog& catalog, FreeSpaceGuard guard);
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
    WriterTurn turn;
  };
  using Group = std::vector<Waiting*>;

  Group NextGroup() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(queue_mutex_);
  void EndGroup(const Group& group, const Waiting& own);
  void Commit(const Group& group);
  absl::Status CheckSpace(const WriteRequest& request) ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  void PutDropped(uint32_t collection_id, rocksdb::WriteBatch& batch);
  absl::Status WriteMeta(rocksdb::WriteBatch& batch) ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  // What the log holds after a failed write is unknown until it is read again, so nothing more is
  // acknowledged.
  absl::Status CheckNotFailed() ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);
  void NoteFailure(const absl::Status& failure) ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_);

  const DatabaseFiles& files_;
  Catalog& catalog_;

  // Whoever writes to RocksDB holds it: the leading writer, or a change of the catalog.
  storage_internal::Mutex write_mutex_;
  FreeSpaceGuard guard_ ABSL_GUARDED_BY(write_mutex_);
  rocksdb::WriteBatch buffer_ ABSL_GUARDED_BY(write_mutex_);  // Of commits, one after the other.
  std::string failure_ ABSL_GUARDED_BY(write_mutex_);         // Why, when it was here.

  storage_internal::Mutex queue_mutex_;
  std::deque<Waiting*> waiting_ ABSL_GUARDED_BY(queue_mutex_);  // The first one leads.

  std::atomic<uint64_t> commits_{0};
  std::atomic<uint64_t> requests_committed_{0};
};

}  // namespace simile

#endif  // SIMILE_STORAGE_COMMITTER_H_

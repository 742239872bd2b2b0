#ifndef SIMILE_SERVER_ENGINE_COLLECTION_INDEX_H_
#define SIMILE_SERVER_ENGINE_COLLECTION_INDEX_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "index/vector_index.h"
#include "server/engine/applied_sequence.h"
#include "server/engine/mutex.h"
#include "storage/store.h"

namespace simile {

// The index of a collection: made true from the store when the server starts, by its own files and
// the changes that came later or, where those do not serve, by every vector; and written to its
// files again and again.
//
// Thread safety: all methods may be called together; Load once, before changes.
class CollectionIndex {
 public:
  // Errors as of NewVectorIndex. `name` is for messages.
  static absl::StatusOr<std::unique_ptr<CollectionIndex>> Create(std::string name,
                                                                 uint32_t collection_id,
                                                                 const IndexSettings& settings,
                                                                 Store& store);

  std::shared_ptr<VectorIndex> Get() const;

  // To be held by whoever changes vectors in the store, from before that until Get() has them.
  AppliedSequence::Change BeginChange() { return AppliedSequence::Change(applied_); }

  // Fills the index with `threads` threads. `stop` is polled; true ends early, which is no error.
  absl::Status Load(size_t threads, const std::atomic<bool>& stop);

  // Vectors that Load has put into the index.
  uint64_t loaded_count() const { return loaded_count_.load(); }

  // Writes what changed since the last checkpoint. Nothing when nothing did, or after Retire.
  absl::StatusOr<CheckpointReport> WriteCheckpoint();
  bool HasChanges() const;

  // Waits for a checkpoint that is being written; there will be no more.
  void Retire();

 private:
  CollectionIndex(std::string name, uint32_t collection_id, const IndexSettings& settings,
                  Store& store, std::unique_ptr<VectorIndex> index);

  absl::Status Restore(VectorIndex& index, size_t threads, const std::atomic<bool>& stop);
  absl::Status Replay(VectorIndex& index, std::span<const uint64_t> labels, size_t threads,
                      const std::atomic<bool>& stop);
  absl::Status Fill(VectorIndex& index, size_t threads, const std::atomic<bool>& stop);

  const std::string name_;
  const uint32_t collection_id_;
  const IndexSettings settings_;
  Store& store_;
  AppliedSequence applied_;
  std::atomic<uint64_t> loaded_count_{0};

  mutable Mutex mutex_;
  std::shared_ptr<VectorIndex> index_ ABSL_GUARDED_BY(mutex_);

  mutable Mutex checkpoint_mutex_;
  bool is_retired_ ABSL_GUARDED_BY(checkpoint_mutex_) = false;
  // How many changes had begun before the last checkpoint; none: there has been none.
  std::optional<uint64_t> checkpointed_changes_ ABSL_GUARDED_BY(checkpoint_mutex_);
};

}  // namespace simile

#endif  // SIMILE_SERVER_ENGINE_COLLECTION_INDEX_H_

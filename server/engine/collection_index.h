#ifndef SIMILE_SERVER_ENGINE_COLLECTION_INDEX_H_
#define SIMILE_SERVER_ENGINE_COLLECTION_INDEX_H_

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "index/settling_index.h"
#include "index/vector_index.h"
#include "server/engine/applied_sequence.h"
#include "server/engine/mutex.h"
#include "storage/store.h"

namespace simile {

// What of an index can be changed while documents stay.
struct IndexKind {
  IndexEngine engine = IndexEngine::kAuto;
  CodeFormat codes = CodeFormat::kSq8;

  bool operator==(const IndexKind&) const = default;
};

// An index that is being built to take the place of another.
struct RebuildProgress {
  IndexKind kind;
  double done = 0;  // 0 to 1.
};

// The index of a collection: made true from the store when the server starts, by its own files and
// the changes that came later or, where those do not serve, by every vector; and written to its
// files again and again. Another index can take its place while searches and changes go on: of
// another kind when somebody wants it, of the same when vectors have drifted away from what the
// scale of its codes was learnt from, and in the place of a scan, which serves while many vectors
// are being built into a graph anew. Where only the changes after a checkpoint are many, they are
// scanned beside the index until they are in it.
//
// Thread safety: all methods may be called together; Load once, before changes.
class CollectionIndex {
 public:
  struct Options {
    // What takes longer to build than one likes to wait is built while a scan serves.
    uint64_t built_before_serving_max = 10'000;
    // More changes than these, which came after the last checkpoint, are made again while a scan of
    // them serves beside the index.
    uint64_t replayed_before_serving_max = 2'000;
    // Asked again and again while an index is being built beside another; an error ends that.
    std::function<absl::Status()> check_memory;
  };

  // Errors as of NewVectorIndex. `name` is for messages. The directory of `settings` is the
  // collection's; each index has one in it.
  static absl::StatusOr<std::unique_ptr<CollectionIndex>> Create(std::string name,
                                                                 uint32_t collection_id,
                                                                 const IndexSettings& settings,
                                                                 Store& store, Options options);

  ~CollectionIndex();
  CollectionIndex(const CollectionIndex&) = delete;
  CollectionIndex& operator=(const CollectionIndex&) = delete;

  std::shared_ptr<VectorIndex> Get() const;

  // To be held by whoever changes vectors in the store, from before that until Get() has them.
  AppliedSequence::Change BeginChange() { return AppliedSequence::Change(applied_); }

  // Fills the index with `threads` threads, or a scan in its place, until it is built. `stop` is
  // polled; true ends early, which is no error.
  absl::Status Load(size_t threads, const std::atomic<bool>& stop);

  // Vectors that Load has put into the index.
  uint64_t loaded_count() const { return loaded_count_.load(); }

  // Writes what changed since the last checkpoint. Nothing when nothing did, while changes lie
  // beside the index, or after Retire.
  absl::StatusOr<CheckpointReport> WriteCheckpoint();
  bool HasChanges() const;

  // Waits for a checkpoint that is being written, and cancels a rebuild; there will be no more.
  // What lies beside the index stays there.
  void Retire();

  IndexKind kind() const;

  // Builds an index of that kind from the stored vectors in the background. When it has them all,
  // `commit` makes the change durable while no change is under way, and searches use the new one
  // from then on; if anything fails they keep the old one. Writers that are faster than the build
  // are slowed until it has caught up. Cancels one that is being built. Nothing else when the index
  // is of the kind already.
  void Rebuild(const IndexKind& kind, std::function<absl::Status()> commit);

  // Builds the index anew, as Rebuild does, when its scale has become stale.
  void RebuildIfStale();

  // Returns when nothing is being built any more.
  void CancelRebuild();

  // None: nothing is being built.
  std::optional<RebuildProgress> rebuild_progress() const;

  // Why the last rebuild failed; empty when it did not.
  std::string rebuild_failure() const;

 private:
  // One index of a kind after another, each with a directory of its own.
  struct Build {
    IndexKind kind;
    uint64_t number = 0;

    bool operator==(const Build&) const = default;
  };

  CollectionIndex(std::string name, uint32_t collection_id, const IndexSettings& settings,
                  Store& store, Options options);

  // Makes a change of a label; an empty vector means that it was removed.
  using Change = std::function<absl::Status(uint64_t label, std::span<const float> vector)>;

  static Change ChangeOf(VectorIndex& index);
  static size_t BackgroundThreads();
  absl::Status Restore(size_t threads, const std::atomic<bool>& stop);
  absl::Status Replay(const Change& change, std::span<const uint64_t> labels, size_t threads,
                      const std::atomic<bool>& stop);
  void BeginSettling(std::shared_ptr<SettlingIndex> settling, uint64_t sequence);
  void Settle(SettlingIndex& settling);
  void EndSettling();
  absl::Status Fill(VectorIndex& index, size_t threads, const std::atomic<bool>& stop,
                    std::atomic<uint64_t>& count);
  absl::Status BuildAnew(size_t threads, const std::atomic<bool>& stop);
  absl::Status LearnScale(VectorIndex& index) const;
  IndexSettings SettingsOf(const Build& build) const;
  Build LastBuildOf(const IndexKind& kind) const;
  Build build() const;
  void RemoveOtherDirectories(const Build& kept) const;
  void BeginRebuild(const IndexKind& kind, std::function<absl::Status()> commit)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(rebuilder_mutex_);
  void RunRebuild(const Build& build, const std::function<absl::Status()>& commit);
  absl::Status BuildAndExchange(const Build& build, const std::function<absl::Status()>& commit);
  absl::Status CatchUp(VectorIndex& index, uint64_t& sequence);
  absl::Status ReplayInSlices(VectorIndex& index, std::span<const uint64_t> labels,
                              size_t open_every);
  absl::Status Exchange(const Build& build, std::shared_ptr<VectorIndex> index, uint64_t sequence,
                        const std::function<absl::Status()>& commit);

  const std::string name_;
  const uint32_t collection_id_;
  const IndexSettings settings_;  // Apart from the kind, which may change.
  Store& store_;
  const Options options_;
  AppliedSequence applied_;
  std::atomic<uint64_t> loaded_count_{0};

  mutable Mutex mutex_;
  std::shared_ptr<VectorIndex> index_ ABSL_GUARDED_BY(mutex_);
  Build build_ ABSL_GUARDED_BY(mutex_);
  bool is_stand_in_ ABSL_GUARDED_BY(mutex_) = false;  // A scan, until the build is there.
  std::optional<IndexKind> rebuild_kind_ ABSL_GUARDED_BY(mutex_);
  std::string rebuild_failure_ ABSL_GUARDED_BY(mutex_);

  Mutex rebuilder_mutex_;  // Who has it may begin or cancel.
  std::thread rebuilder_ ABSL_GUARDED_BY(rebuilder_mutex_);
  std::atomic<bool> cancel_rebuild_{false};
  std::atomic<uint64_t> rebuilt_count_{0};

  Mutex settler_mutex_;
  std::thread settler_ ABSL_GUARDED_BY(settler_mutex_);
  Mutex settling_pause_mutex_;
  std::condition_variable_any settling_stopped_;
  std::atomic<bool> stop_settling_{false};  // Set under that mutex.

  mutable Mutex checkpoint_mutex_;
  bool is_retired_ ABSL_GUARDED_BY(checkpoint_mutex_) = false;
  // What a rebuild still has to make again is not forgotten.
  std::optional<uint64_t> changes_needed_after_ ABSL_GUARDED_BY(checkpoint_mutex_);
  // Nor what lies beside the index.
  std::optional<uint64_t> unsettled_after_ ABSL_GUARDED_BY(checkpoint_mutex_);
  // How many changes had begun before the last checkpoint; none: there has been none.
  std::optional<uint64_t> checkpointed_changes_ ABSL_GUARDED_BY(checkpoint_mutex_);
};

}  // namespace simile

#endif  // SIMILE_SERVER_ENGINE_COLLECTION_INDEX_H_

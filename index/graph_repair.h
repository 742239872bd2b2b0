#ifndef SIMILE_INDEX_GRAPH_REPAIR_H_
#define SIMILE_INDEX_GRAPH_REPAIR_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "index/hnsw_graph.h"
#include "index/mutex.h"
#include "index/reader_epochs.h"

namespace simile::index_internal {

// Takes dead slots out of a graph, so that their places can be used again, in small steps that
// writers do on their way:
// 1. Dead slots that have gathered are condemned: nothing new links to them.
// 2. Once all who may not have seen that are gone (a grace period), each slot of the graph is gone
//    over: what pointed to condemned slots is linked past them. Links are counted on the way, and a
//    slot that none leads to is linked back to.
// 3. After one more grace period nobody can be at a condemned slot: it is free.
// A pass begins when one slot in sixteen is dead and takes thirty slots for each write, so about
// half of the writes of a collection whose documents are only replaced have a part in it; an update
// then costs about 1.5 inserts (bench/index_figures.md).
//
// Thread safety: all methods may be called together; of Step, one thread works and others go on.
class GraphRepair {
 public:
  GraphRepair(HnswGraph& graph, ReaderEpochs& epochs) : graph_(graph), epochs_(epochs) {}

  void NoteDead(uint32_t slot);

  // Works through at most `slots_max` slots. Returns those that became free. The caller must not be
  // in a visit of the epochs.
  std::vector<uint32_t> Step(size_t slots_max, size_t live_count);

  // For as long as it lives, no slot is freed; it waits for a step that runs.
  class ABSL_SCOPED_LOCKABLE Pause {
   public:
    explicit Pause(GraphRepair& repair) ABSL_EXCLUSIVE_LOCK_FUNCTION(repair.work_mutex_)
        : lock_(repair.work_mutex_) {}
    ~Pause() ABSL_UNLOCK_FUNCTION() {}

   private:
    const MutexLock lock_;
  };

  // Dead slots whose places are not yet free.
  size_t dead_count() const { return dead_count_.load(std::memory_order_relaxed); }

 private:
  enum class Phase { kGathering, kSettling, kRelinking, kDraining };

  std::vector<uint32_t> Work(size_t slots_max, size_t live_count)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(work_mutex_);
  bool Condemn(size_t live_count) ABSL_EXCLUSIVE_LOCKS_REQUIRED(work_mutex_);
  void BeginRelinking() ABSL_EXCLUSIVE_LOCKS_REQUIRED(work_mutex_);
  void Relink(size_t slots_max) ABSL_EXCLUSIVE_LOCKS_REQUIRED(work_mutex_);
  void EndRelinking() ABSL_EXCLUSIVE_LOCKS_REQUIRED(work_mutex_);
  std::vector<uint32_t> Release() ABSL_EXCLUSIVE_LOCKS_REQUIRED(work_mutex_);

  HnswGraph& graph_;
  ReaderEpochs& epochs_;

  std::atomic<size_t> dead_count_{0};
  Mutex dead_mutex_;
  std::vector<uint32_t> dead_ ABSL_GUARDED_BY(dead_mutex_);

  Mutex work_mutex_;  // Whoever has it works.
  Phase phase_ ABSL_GUARDED_BY(work_mutex_) = Phase::kGathering;
  std::vector<uint32_t> condemned_ ABSL_GUARDED_BY(work_mutex_);
  size_t next_slot_ ABSL_GUARDED_BY(work_mutex_) = 0;
  size_t end_slot_ ABSL_GUARDED_BY(work_mutex_) = 0;
  std::vector<uint8_t> inbound_links_ ABSL_GUARDED_BY(work_mutex_);
  std::optional<uint32_t> highest_slot_ ABSL_GUARDED_BY(work_mutex_);
};

}  // namespace simile::index_internal

#endif  // SIMILE_INDEX_GRAPH_REPAIR_H_

#ifndef SIMILE_STORAGE_COMPACTION_DAMAGE_H_
#define SIMILE_STORAGE_COMPACTION_DAMAGE_H_

#include <rocksdb/listener.h>

#include <atomic>

namespace simile {

// Keeps a damaged table that a compaction meets from ending all writes, as RocksDB would: the
// tables stay as they were, nothing is lost by that, and the collections whose records are in it
// learn of the damage when they read them. Nobody should compact any more then: see TakeMet.
//
// Thread safety: all methods may be called together.
class CompactionDamage final : public rocksdb::EventListener {
 public:
  void OnBackgroundError(rocksdb::BackgroundErrorReason reason, rocksdb::Status* status) override {
    if (reason != rocksdb::BackgroundErrorReason::kCompaction) return;
    if (!status->IsCorruption() && !status->IsPathNotFound()) return;
    *status = rocksdb::Status::OK();
    is_met_ = true;
  }

  // True once after it was met: the same compaction would be tried, and fail, forever, and writes
  // would be stopped when too many tables wait for it.
  bool TakeMet() { return is_met_.exchange(false); }

 private:
  std::atomic<bool> is_met_{false};
};

}  // namespace simile

#endif  // SIMILE_STORAGE_COMPACTION_DAMAGE_H_

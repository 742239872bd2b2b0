// Another kind of index in the place of the one that serves; see collection_index.h.
#include <algorithm>
#include <utility>

#include "fmt/format.h"
#include "server/engine/collection_index.h"
#include "server/engine/errors.h"
#include "server/engine/stopwatch.h"
#include "spdlog/spdlog.h"

namespace simile {
namespace {

// So few changes are made again while writers wait for the exchange.
constexpr size_t kFewChanges = 128;

// Half of the cores: searches and writes go on meanwhile.
size_t RebuildThreads() { return std::max<size_t>(1, std::thread::hardware_concurrency() / 2); }

}  // namespace

IndexKind CollectionIndex::kind() const {
  ReadLock lock(mutex_);
  return kind_;
}

void CollectionIndex::Rebuild(const IndexKind& kind, std::function<absl::Status()> commit) {
  CancelRebuild();
  WriteLock begin(rebuilder_mutex_);
  {
    WriteLock lock(mutex_);
    if (kind == kind_ || rebuild_kind_.has_value()) return;
    rebuild_kind_ = kind;
    rebuild_failure_.clear();
  }
  cancel_rebuild_ = false;
  rebuilt_count_ = 0;
  if (rebuilder_.joinable()) rebuilder_.join();
  rebuilder_ = std::thread([this, kind, commit = std::move(commit)] {
    const Stopwatch watch;
    const absl::Status exchanged = BuildAndExchange(kind, commit);
    const double seconds = std::chrono::duration<double>(watch.Elapsed()).count();
    {
      WriteLock lock(checkpoint_mutex_);
      changes_needed_after_.reset();
    }
    RemoveOtherDirectories(this->kind());
    if (exchanged.ok()) {
      spdlog::info("collection '{}': the index was exchanged for another kind in {:.2f} s", name_,
                   seconds);
    } else if (cancel_rebuild_) {
      spdlog::info("collection '{}': building another kind of index was cancelled", name_);
    } else {
      spdlog::warn("collection '{}': the index could not be exchanged: {}", name_,
                   MessageOf(exchanged));
    }
    WriteLock lock(mutex_);
    rebuild_kind_.reset();
    if (!exchanged.ok() && !cancel_rebuild_) rebuild_failure_ = MessageOf(exchanged);
  });
}

void CollectionIndex::CancelRebuild() {
  WriteLock begin(rebuilder_mutex_);
  cancel_rebuild_ = true;
  if (rebuilder_.joinable()) rebuilder_.join();
}

std::optional<RebuildProgress> CollectionIndex::rebuild_progress() const {
  ReadLock lock(mutex_);
  if (!rebuild_kind_.has_value()) return std::nullopt;
  const auto count = static_cast<double>(store_.DocumentCount(collection_id_));
  const auto rebuilt = static_cast<double>(rebuilt_count_.load());
  return RebuildProgress{.kind = *rebuild_kind_,
                         .done = count > 0 ? std::min(1.0, rebuilt / count) : 0};
}

std::string CollectionIndex::rebuild_failure() const {
  ReadLock lock(mutex_);
  return rebuild_failure_;
}

absl::Status CollectionIndex::BuildAndExchange(const IndexKind& kind,
                                               const std::function<absl::Status()>& commit) {
  uint64_t sequence = 0;
  {
    WriteLock lock(checkpoint_mutex_);
    sequence = applied_.Covered();
    changes_needed_after_ = sequence;
  }
  auto made = NewVectorIndex(SettingsOf(kind));
  if (!made.ok()) return made.status();
  std::shared_ptr<VectorIndex> index = *std::move(made);
  const absl::Status filled = Fill(*index, RebuildThreads(), cancel_rebuild_, rebuilt_count_);
  if (!filled.ok()) return filled;
  if (absl::Status s = CatchUp(*index, sequence); !s.ok()) return s;
  return Exchange(kind, std::move(index), sequence, commit);
}

// Makes the changes after `sequence` again, until hardly any are left.
absl::Status CollectionIndex::CatchUp(VectorIndex& index, uint64_t& sequence) {
  for (size_t changes = kFewChanges + 1; changes > kFewChanges;) {
    const uint64_t covered = applied_.Covered();
    const auto labels = store_.ChangedSince(collection_id_, sequence);
    if (!labels.ok()) return labels.status();
    changes = labels->size();
    const absl::Status made = Replay(index, *labels, RebuildThreads(), cancel_rebuild_);
    if (!made.ok()) return made;
    if (cancel_rebuild_) return absl::CancelledError("cancelled");
    sequence = std::max(sequence, covered);
  }
  return absl::OkStatus();
}

absl::Status CollectionIndex::Exchange(const IndexKind& kind, std::shared_ptr<VectorIndex> index,
                                       uint64_t sequence,
                                       const std::function<absl::Status()>& commit) {
  // No checkpoint of the old index while its place is taken.
  WriteLock checkpoint_lock(checkpoint_mutex_);
  const AppliedSequence::Pause pause(applied_);
  const auto labels = store_.ChangedSince(collection_id_, sequence);
  if (!labels.ok()) return labels.status();
  if (absl::Status s = Replay(*index, *labels, RebuildThreads(), cancel_rebuild_); !s.ok()) {
    return s;
  }
  if (cancel_rebuild_) return absl::CancelledError("cancelled");
  const size_t vectors = index->Statistics().vector_count;
  if (const uint64_t documents = store_.DocumentCount(collection_id_); vectors != documents) {
    return absl::InternalError(
        fmt::format("the new index has {} vectors of {} documents", vectors, documents));
  }
  if (absl::Status s = commit(); !s.ok()) return s;
  checkpointed_changes_.reset();
  WriteLock lock(mutex_);
  index_ = std::move(index);
  kind_ = kind;
  return absl::OkStatus();
}

}  // namespace simile

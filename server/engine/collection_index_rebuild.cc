// Another kind of index in the place of the one that serves; see collection_index.h.
#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include "base/kill_point.h"
#include "fmt/format.h"
#include "server/engine/collection_index.h"
#include "server/engine/errors.h"
#include "server/engine/stopwatch.h"
#include "spdlog/spdlog.h"

namespace simile {
namespace {

// So few changes are made again while writers wait for the exchange.
constexpr size_t kFewChanges = 128;

// Changes that are made again at once while writers wait, and how rarely they have their turn.
constexpr size_t kSliceChanges = 128;
constexpr size_t kOpenSliceEveryMax = 64;

// Vectors that a scale is learnt from: some that follow each other, from many places.
constexpr uint64_t kSampleBlocks = 256;
constexpr uint64_t kSampleBlockLabels = 32;

}  // namespace

// Half of the cores: searches and writes go on meanwhile.
size_t CollectionIndex::BackgroundThreads() {
  return std::max<size_t>(1, std::thread::hardware_concurrency() / 2);
}

IndexKind CollectionIndex::kind() const { return build().kind; }

CollectionIndex::Build CollectionIndex::build() const {
  ReadLock lock(mutex_);
  return build_;
}

void CollectionIndex::Rebuild(const IndexKind& kind, std::function<absl::Status()> commit) {
  {
    ReadLock lock(mutex_);
    // It is what is being built.
    if (kind == build_.kind && rebuild_kind_ == kind) return;
  }
  CancelRebuild();
  WriteLock begin(rebuilder_mutex_);
  {
    ReadLock lock(mutex_);
    if ((kind == build_.kind && !is_stand_in_) || rebuild_kind_.has_value()) return;
  }
  BeginRebuild(kind, std::move(commit));
}

void CollectionIndex::RebuildIfStale() {
  if (!Get()->Statistics().is_scale_stale) return;
  WriteLock begin(rebuilder_mutex_);
  {
    ReadLock checkpoint_lock(checkpoint_mutex_);
    ReadLock lock(mutex_);
    if (is_retired_ || rebuild_kind_.has_value()) return;
  }
  spdlog::info(
      "collection '{}': its vectors no longer fit the scale of its codes; the index is built anew",
      name_);
  BeginRebuild(kind(), [] { return absl::OkStatus(); });
}

void CollectionIndex::BeginRebuild(const IndexKind& kind, std::function<absl::Status()> commit) {
  Build next;
  {
    WriteLock lock(mutex_);
    rebuild_kind_ = kind;
    rebuild_failure_.clear();
    next = {.kind = kind, .number = build_.number + 1};
  }
  cancel_rebuild_ = false;
  rebuilt_count_ = 0;
  if (rebuilder_.joinable()) rebuilder_.join();
  rebuilder_ = std::thread([this, next, commit = std::move(commit)] { RunRebuild(next, commit); });
}

void CollectionIndex::RunRebuild(const Build& build, const std::function<absl::Status()>& commit) {
  const Stopwatch watch;
  const absl::Status exchanged = BuildAndExchange(build, commit);
  // What the old index has beside it, the new one has.
  if (exchanged.ok()) EndSettling();
  const double seconds = std::chrono::duration<double>(watch.Elapsed()).count();
  {
    WriteLock lock(checkpoint_mutex_);
    changes_needed_after_.reset();
  }
  KillPoint("rebuild.before-removal");
  RemoveOtherDirectories(this->build());
  if (exchanged.ok()) {
    spdlog::info("collection '{}': a new index was built in {:.2f} s and took the old one's place",
                 name_, seconds);
  } else if (cancel_rebuild_) {
    spdlog::info("collection '{}': building a new index was cancelled", name_);
  } else {
    spdlog::warn("collection '{}': no new index could be built, the old one stays: {}", name_,
                 MessageOf(exchanged));
  }
  WriteLock lock(mutex_);
  rebuild_kind_.reset();
  if (!exchanged.ok() && !cancel_rebuild_) rebuild_failure_ = MessageOf(exchanged);
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

// Vectors from all over the store, old ones and new ones.
absl::Status CollectionIndex::LearnScale(VectorIndex& index) const {
  const uint64_t end_label = store_.EndLabel(collection_id_);
  const uint64_t step = std::max<uint64_t>(kSampleBlockLabels, end_label / kSampleBlocks);
  std::vector<float> sample;
  const auto take = [&sample](uint64_t, std::span<const float> vector) {
    sample.insert(sample.end(), vector.begin(), vector.end());
    return absl::OkStatus();
  };
  for (uint64_t first = 0; first < end_label; first += step) {
    const uint64_t end = std::min(first + kSampleBlockLabels, end_label);
    if (absl::Status s = store_.ScanVectors(collection_id_, first, end, take); !s.ok()) return s;
  }
  index.LearnFrom(sample);
  return absl::OkStatus();
}

absl::Status CollectionIndex::BuildAndExchange(const Build& build,
                                               const std::function<absl::Status()>& commit) {
  uint64_t sequence = 0;
  {
    WriteLock lock(checkpoint_mutex_);
    sequence = applied_.Covered();
    changes_needed_after_ = sequence;
  }
  auto made = NewVectorIndex(SettingsOf(build));
  if (!made.ok()) return made.status();
  std::shared_ptr<VectorIndex> index = *std::move(made);
  if (absl::Status s = LearnScale(*index); !s.ok()) return s;
  const absl::Status filled = Fill(*index, BackgroundThreads(), cancel_rebuild_, rebuilt_count_);
  if (!filled.ok()) return filled;
  if (absl::Status s = CatchUp(*index, sequence); !s.ok()) return s;
  return Exchange(build, std::move(index), sequence, commit);
}

// Makes the changes after `sequence` again, until hardly any are left. Writers that are faster than
// this would keep it going for ever: their share of the time is halved as long as a round does not
// halve what is left, and those who change many documents at once wait for the last of it.
absl::Status CollectionIndex::CatchUp(VectorIndex& index, uint64_t& sequence) {
  size_t left = std::numeric_limits<size_t>::max();
  for (size_t open_every = 1; left > kFewChanges && open_every <= kOpenSliceEveryMax;) {
    const uint64_t covered = applied_.Covered();
    const auto labels = store_.ChangedSince(collection_id_, sequence);
    if (!labels.ok()) return labels.status();
    if (labels->size() > left / 2) open_every *= 2;
    left = labels->size();
    if (absl::Status s = ReplayInSlices(index, *labels, open_every); !s.ok()) return s;
    sequence = std::max(sequence, covered);
  }
  return absl::OkStatus();
}

// Writers wait during all slices of labels but every `open_every`-th.
absl::Status CollectionIndex::ReplayInSlices(VectorIndex& index, std::span<const uint64_t> labels,
                                             size_t open_every) {
  const size_t slice = open_every == 1 ? labels.size() : kSliceChanges;
  for (size_t first = 0; first < labels.size(); first += slice) {
    std::optional<AppliedSequence::Pause> pause;
    if ((first / slice + 1) % open_every != 0) pause.emplace(applied_);
    const auto next = labels.subspan(first, std::min(slice, labels.size() - first));
    if (absl::Status s = Replay(ChangeOf(index), next, BackgroundThreads(), cancel_rebuild_);
        !s.ok()) {
      return s;
    }
    if (cancel_rebuild_) return absl::CancelledError("cancelled");
  }
  return absl::OkStatus();
}

absl::Status CollectionIndex::Exchange(const Build& build, std::shared_ptr<VectorIndex> index,
                                       uint64_t sequence,
                                       const std::function<absl::Status()>& commit) {
  // No checkpoint of the old index while its place is taken.
  WriteLock checkpoint_lock(checkpoint_mutex_);
  const AppliedSequence::Pause pause(applied_);
  const auto labels = store_.ChangedSince(collection_id_, sequence);
  if (!labels.ok()) return labels.status();
  if (absl::Status s = Replay(ChangeOf(*index), *labels, BackgroundThreads(), cancel_rebuild_);
      !s.ok()) {
    return s;
  }
  if (cancel_rebuild_) return absl::CancelledError("cancelled");
  const size_t vectors = index->Statistics().vector_count;
  if (const uint64_t documents = store_.DocumentCount(collection_id_); vectors != documents) {
    return absl::InternalError(
        fmt::format("the new index has {} vectors of {} documents", vectors, documents));
  }
  KillPoint("rebuild.before-commit");
  if (absl::Status s = commit(); !s.ok()) return s;
  KillPoint("rebuild.after-commit");
  checkpointed_changes_.reset();
  unsettled_after_.reset();
  WriteLock lock(mutex_);
  index_ = std::move(index);
  build_ = build;
  is_stand_in_ = false;
  return absl::OkStatus();
}

}  // namespace simile

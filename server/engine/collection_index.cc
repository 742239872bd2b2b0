#include "server/engine/collection_index.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <filesystem>
#include <functional>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "base/in_parallel.h"
#include "base/kill_point.h"
#include "fmt/format.h"
#include "server/engine/catalog_numbers.h"
#include "server/engine/errors.h"
#include "server/engine/stopwatch.h"
#include "spdlog/spdlog.h"

namespace simile {
namespace {

// Labels a loading thread takes at a time: enough to amortise a seek, few enough to share evenly.
constexpr uint64_t kLoadBlockLabels = 1'024;
constexpr size_t kReplayBlockLabels = 64;

// For so long an index is left alone that had no memory for what lies beside it.
constexpr std::chrono::seconds kSettlingPause{10};

std::string DirectoryPrefix(const IndexKind& kind) {
  return fmt::format("engine-{}-codes-{}-build-", CatalogNumber(kind.engine),
                     CatalogNumber(kind.codes));
}

double Seconds(const Stopwatch& watch) {
  return std::chrono::duration<double>(watch.Elapsed()).count();
}

}  // namespace

absl::StatusOr<std::unique_ptr<CollectionIndex>> CollectionIndex::Create(
    std::string name, uint32_t collection_id, const IndexSettings& settings, Store& store,
    Options options) {
  std::unique_ptr<CollectionIndex> created(
      new CollectionIndex(std::move(name), collection_id, settings, store, std::move(options)));
  const Build build = created->LastBuildOf({.engine = settings.engine, .codes = settings.codes});
  auto index = NewVectorIndex(created->SettingsOf(build));
  if (!index.ok()) return index.status();
  WriteLock lock(created->mutex_);
  created->index_ = *std::move(index);
  created->build_ = build;
  return created;
}

CollectionIndex::CollectionIndex(std::string name, uint32_t collection_id,
                                 const IndexSettings& settings, Store& store, Options options)
    : name_(std::move(name)),
      collection_id_(collection_id),
      settings_(settings),
      store_(store),
      options_(std::move(options)),
      applied_(store) {}

CollectionIndex::~CollectionIndex() {
  EndSettling();
  CancelRebuild();
}

IndexSettings CollectionIndex::SettingsOf(const Build& build) const {
  IndexSettings settings = settings_;
  settings.engine = build.kind.engine;
  settings.codes = build.kind.codes;
  settings.directory =
      fmt::format("{}/{}{}", settings_.directory, DirectoryPrefix(build.kind), build.number);
  return settings;
}

// The one whose files are to be read: of those that were ever finished the newest, since it took
// the place of the others.
CollectionIndex::Build CollectionIndex::LastBuildOf(const IndexKind& kind) const {
  Build last{.kind = kind};
  const std::string prefix = DirectoryPrefix(kind);
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(settings_.directory, error)) {
    const std::string name = entry.path().filename();
    if (!name.starts_with(prefix)) continue;
    uint64_t number = 0;
    std::from_chars(name.data() + prefix.size(), name.data() + name.size(), number);
    if (HasCheckpoint(entry.path())) last.number = std::max(last.number, number);
  }
  return last;
}

// Those that another has taken the place of, or that were not finished.
void CollectionIndex::RemoveOtherDirectories(const Build& kept) const {
  const std::filesystem::path kept_path = SettingsOf(kept).directory;
  std::error_code error;
  std::vector<std::filesystem::path> others;
  for (const auto& entry : std::filesystem::directory_iterator(settings_.directory, error)) {
    if (entry.path().filename() != kept_path.filename()) others.push_back(entry.path());
  }
  for (const std::filesystem::path& other : others) std::filesystem::remove_all(other, error);
}

std::shared_ptr<VectorIndex> CollectionIndex::Get() const {
  ReadLock lock(mutex_);
  return index_;
}

absl::Status CollectionIndex::Load(size_t threads, const std::atomic<bool>& stop) {
  RemoveOtherDirectories(build());
  const absl::Status restored = Restore(threads, stop);
  if (restored.ok() || stop) return absl::OkStatus();
  if (restored.code() != absl::StatusCode::kNotFound) {
    spdlog::warn("collection '{}': its index is built anew from the stored vectors, because {}",
                 name_, MessageOf(restored));
  }
  loaded_count_ = 0;
  return BuildAnew(threads, stop);
}

absl::Status CollectionIndex::BuildAnew(size_t threads, const std::atomic<bool>& stop) {
  const Build build = this->build();
  const bool scan_first = build.kind.engine != IndexEngine::kFlat &&
                          store_.DocumentCount(collection_id_) > options_.built_before_serving_max;
  IndexSettings settings = SettingsOf({.kind = build.kind, .number = build.number + 1});
  if (scan_first) settings.engine = IndexEngine::kFlat;
  auto fresh = NewVectorIndex(settings);
  if (!fresh.ok()) return fresh.status();
  {
    WriteLock lock(mutex_);
    index_ = *std::move(fresh);
    ++build_.number;
    is_stand_in_ = scan_first;
  }
  RemoveOtherDirectories(this->build());
  if (absl::Status s = Fill(*Get(), threads, stop, loaded_count_); !s.ok() || stop) return s;
  if (!scan_first) return absl::OkStatus();
  spdlog::info("collection '{}': a scan answers searches until the graph of {} vectors is built",
               name_, loaded_count_.load());
  WriteLock begin(rebuilder_mutex_);
  BeginRebuild(build.kind, [] { return absl::OkStatus(); });
  return absl::OkStatus();
}

absl::Status CollectionIndex::Restore(size_t threads, const std::atomic<bool>& stop) {
  const Stopwatch watch;
  std::shared_ptr<VectorIndex> index = Get();
  const auto sequence = index->Restore(threads);
  if (!sequence.ok()) return sequence.status();
  if (*sequence > store_.LastSequence()) {
    return absl::FailedPreconditionError(
        fmt::format("its files have changes up to {}, and the store only up to {}", *sequence,
                    store_.LastSequence()));
  }
  loaded_count_ = index->Statistics().vector_count;
  const double read_seconds = Seconds(watch);
  const auto labels = store_.ChangedSince(collection_id_, *sequence);
  if (!labels.ok()) return labels.status();
  std::shared_ptr<SettlingIndex> settling;
  Change change = ChangeOf(*index);
  if (labels->size() > options_.replayed_before_serving_max) {
    settling = std::make_shared<SettlingIndex>(std::move(index));
    change = [&settling](uint64_t label, std::span<const float> vector) {
      return settling->Defer(label, vector);
    };
    index = settling;
  }
  if (absl::Status s = Replay(change, *labels, threads, stop); !s.ok() || stop) return s;
  const size_t vectors = index->Statistics().vector_count;
  if (const uint64_t documents = store_.DocumentCount(collection_id_); vectors != documents) {
    return absl::DataLossError(
        fmt::format("its files and {} later changes make {} vectors of {} documents",
                    labels->size(), vectors, documents));
  }
  spdlog::info(
      "collection '{}': index of {} vectors read from its files in {:.3f} s, {} later changes {} "
      "in {:.3f} s",
      name_, vectors, read_seconds, labels->size(),
      settling == nullptr ? "made again" : "laid beside it", Seconds(watch) - read_seconds);
  if (settling != nullptr) BeginSettling(std::move(settling), *sequence);
  WriteLock lock(checkpoint_mutex_);
  if (labels->empty()) checkpointed_changes_ = applied_.begun();
  return absl::OkStatus();
}

CollectionIndex::Change CollectionIndex::ChangeOf(VectorIndex& index) {
  return [&index](uint64_t label, std::span<const float> vector) {
    if (!vector.empty()) return index.Upsert(label, vector);
    index.Remove(label);
    return absl::OkStatus();
  };
}

absl::Status CollectionIndex::Replay(const Change& change, std::span<const uint64_t> labels,
                                     size_t threads, const std::atomic<bool>& stop) {
  const uint64_t blocks = (labels.size() + kReplayBlockLabels - 1) / kReplayBlockLabels;
  return InParallel(blocks, threads, &stop, [&](uint64_t block) {
    const size_t first = block * kReplayBlockLabels;
    const size_t count = std::min(kReplayBlockLabels, labels.size() - first);
    return store_.ReadVectors(collection_id_, labels.subspan(first, count), change);
  });
}

absl::Status CollectionIndex::Fill(VectorIndex& index, size_t threads,
                                   const std::atomic<bool>& stop, std::atomic<uint64_t>& count) {
  const bool is_beside_another = &stop == &cancel_rebuild_;
  const uint64_t end_label = store_.EndLabel(collection_id_);
  const auto put = [&](uint64_t label, std::span<const float> vector) {
    // Half a range is no error: the caller sees the flag itself.
    if (stop) return absl::OkStatus();
    ++count;
    return index.Upsert(label, vector);
  };
  const uint64_t blocks = (end_label + kLoadBlockLabels - 1) / kLoadBlockLabels;
  return InParallel(blocks, threads, &stop, [&](uint64_t block) {
    if (is_beside_another && options_.check_memory) {
      if (absl::Status s = options_.check_memory(); !s.ok()) return s;
    }
    const uint64_t first = block * kLoadBlockLabels;
    return store_.ScanVectors(collection_id_, first, std::min(first + kLoadBlockLabels, end_label),
                              put);
  });
}

bool CollectionIndex::HasChanges() const {
  ReadLock lock(checkpoint_mutex_);
  return !is_retired_ && checkpointed_changes_ != applied_.begun();
}

absl::StatusOr<CheckpointReport> CollectionIndex::WriteCheckpoint() {
  WriteLock lock(checkpoint_mutex_);
  const uint64_t begun = applied_.begun();
  if (is_retired_ || checkpointed_changes_ == begun) return CheckpointReport{};
  const uint64_t sequence = applied_.Covered();
  KillPoint("checkpoint.before-log-sync");
  // The files must not know more than the store does after a power cut.
  if (absl::Status s = store_.SyncLog(); !s.ok()) return s;
  auto report = Get()->Checkpoint(sequence);
  if (!report.ok()) return report;
  // An index without files is filled from all vectors, so it needs no changes either.
  const uint64_t forgotten = std::min(
      {sequence, changes_needed_after_.value_or(sequence), unsettled_after_.value_or(sequence)});
  KillPoint("checkpoint.before-forgetting");
  if (absl::Status s = store_.ForgetChanges(collection_id_, forgotten); !s.ok()) return s;
  KillPoint("checkpoint.after-forgetting");
  checkpointed_changes_ = begun;
  return report;
}

void CollectionIndex::BeginSettling(std::shared_ptr<SettlingIndex> settling, uint64_t sequence) {
  {
    WriteLock lock(checkpoint_mutex_);
    unsettled_after_ = sequence;
  }
  {
    WriteLock lock(mutex_);
    index_ = settling;
  }
  WriteLock lock(settler_mutex_);
  settler_ = std::thread([this, settling = std::move(settling)] { Settle(*settling); });
}

void CollectionIndex::Settle(SettlingIndex& settling) {
  const Stopwatch watch;
  const size_t count = settling.Statistics().waiting_count;
  for (;;) {
    const absl::Status settled = settling.Settle(BackgroundThreads(), stop_settling_);
    if (stop_settling_) return;
    if (settled.ok()) break;
    spdlog::warn("collection '{}': {} vectors lie beside its index, and go into it later: {}",
                 name_, settling.Statistics().waiting_count, MessageOf(settled));
    WriteLock lock(settling_pause_mutex_);
    if (!stop_settling_) settling_stopped_.wait_for(settling_pause_mutex_, kSettlingPause);
  }
  WriteLock checkpoint_lock(checkpoint_mutex_);
  unsettled_after_.reset();
  checkpointed_changes_.reset();
  WriteLock lock(mutex_);
  // Unless another has taken its place.
  if (index_.get() == &settling) index_ = settling.index();
  spdlog::info("collection '{}': {} vectors that lay beside its index are in it after {:.2f} s",
               name_, count, Seconds(watch));
}

void CollectionIndex::EndSettling() {
  WriteLock lock(settler_mutex_);
  {
    WriteLock pause_lock(settling_pause_mutex_);
    stop_settling_ = true;
  }
  settling_stopped_.notify_all();
  if (settler_.joinable()) settler_.join();
}

void CollectionIndex::Retire() {
  {
    WriteLock lock(checkpoint_mutex_);
    is_retired_ = true;
  }
  EndSettling();
  CancelRebuild();
}

}  // namespace simile

#include "index/hnsw_index.h"

#include <algorithm>
#include <new>
#include <optional>
#include <utility>
#include <vector>

#include "index/batch_search.h"
#include "index/distance.h"
#include "index/distance_growth.h"
#include "index/graph_files.h"
#include "index/graph_repair.h"
#include "index/hnsw_graph.h"
#include "index/hnsw_search.h"
#include "index/label_slots.h"
#include "index/mutex.h"
#include "index/reader_epochs.h"
#include "index/search_costs.h"

namespace simile {

using index_internal::BatchSearch;
using index_internal::CodeScale;
using index_internal::DistanceGrowth;
using index_internal::GraphFiles;
using index_internal::GraphRepair;
using index_internal::HnswGraph;
using index_internal::HnswSearch;
using index_internal::LabelSlots;
using index_internal::Manifest;
using index_internal::Mutex;
using index_internal::MutexLock;
using index_internal::Quantizer;
using index_internal::ReaderEpochs;
using index_internal::SearchCosts;
using index_internal::WalkScratch;

namespace {

// Slots of the graph that a write goes over when the graph is being repaired.
constexpr size_t kRepairedPerWrite = 32;

absl::Status NoNeighborsWanted() {
  return absl::InvalidArgumentError("k is 0; it must be at least 1");
}

}  // namespace

class HnswIndex::State {
 public:
  State(const IndexSettings& settings, const Quantizer& quantizer)
      : settings_(settings),
        kernel_(settings.metric, settings.dimension),
        files_(settings),
        graph_({.dimension = settings.dimension,
                .euclidean = is_euclidean(),
                .m = settings.m,
                .ef_construction = settings.ef_construction},
               quantizer, files_.Vectors()),
        repair_(graph_, epochs_),
        costs_(SearchCosts::Of(quantizer, is_euclidean())) {}

  // Removes what is in the directory; before anything else.
  void Clear() {
    if (!settings_.directory.empty()) files_status_ = files_.Clear();
  }
  absl::Status Load(const Manifest& manifest, size_t threads);

  absl::Status Upsert(uint64_t label, std::span<const float> vector);
  bool Remove(uint64_t label);
  absl::StatusOr<SearchAnswer> Search(std::span<const float> query, const SearchOptions& options);
  std::vector<absl::StatusOr<SearchAnswer>> SearchBatch(std::span<const BatchQuery> queries);
  absl::StatusOr<CheckpointReport> Checkpoint(uint64_t sequence);
  IndexStatistics Statistics() const;

  const DistanceKernel& kernel() const { return kernel_; }

 private:
  bool is_euclidean() const { return settings_.metric == Metric::kEuclidean; }
  HnswSearch::Place SearchPlace() const {
    return {.graph = graph_,
            .label_slots = label_slots_,
            .kernel = kernel_,
            .costs = costs_,
            .growth = growth_,
            .ef_search = settings_.ef_search,
            .dead_count = repair_.dead_count(),
            .upserting = upserting_};
  }
  uint32_t TakeSlot();
  void GiveBack(std::span<const uint32_t> slots);
  void Bury(uint32_t slot);
  void RepairSome();
  void LinkLonely();
  const IndexSettings settings_;
  const DistanceKernel kernel_;
  GraphFiles files_;
  absl::Status files_status_;  // Why there can be no files.
  ReaderEpochs epochs_;
  HnswGraph graph_;
  GraphRepair repair_;
  const SearchCosts costs_;
  DistanceGrowth growth_;
  LabelSlots label_slots_;

  // Upserts that run now: each may have its vector at two places for a moment.
  std::atomic<size_t> upserting_{0};

  mutable Mutex slots_mutex_;
  std::vector<uint32_t> free_slots_ ABSL_GUARDED_BY(slots_mutex_);
  uint32_t next_slot_ ABSL_GUARDED_BY(slots_mutex_) = 0;
};

uint32_t HnswIndex::State::TakeSlot() {
  const MutexLock lock(slots_mutex_);
  if (free_slots_.empty()) return next_slot_++;
  const uint32_t slot = free_slots_.back();
  free_slots_.pop_back();
  return slot;
}

void HnswIndex::State::GiveBack(std::span<const uint32_t> slots) {
  if (slots.empty()) return;
  const MutexLock lock(slots_mutex_);
  free_slots_.insert(free_slots_.end(), slots.begin(), slots.end());
}

void HnswIndex::State::Bury(uint32_t slot) {
  graph_.SetState(slot, HnswGraph::State::kDead);
  repair_.NoteDead(slot);
}

void HnswIndex::State::RepairSome() {
  GiveBack(repair_.Step(kRepairedPerWrite, label_slots_.size()));
}

absl::Status HnswIndex::State::Upsert(uint64_t label, std::span<const float> vector) {
  const absl::StatusOr<std::vector<float>> prepared = kernel_.Prepare(vector);
  if (!prepared.ok()) return prepared.status();
  {
    const ReaderEpochs::Visit visit(epochs_);
    const uint32_t slot = TakeSlot();
    if (absl::Status s = graph_.Place(slot, label, *prepared); !s.ok()) {
      GiveBack({&slot, 1});
      return s;
    }
    graph_.Insert(slot, WalkScratch::OfThisThread());
    ++upserting_;
    graph_.SetState(slot, HnswGraph::State::kLive);
    if (const auto before = label_slots_.Put(label, slot); before.has_value()) Bury(*before);
    --upserting_;
    growth_.Note(1, label_slots_.size(), graph_, WalkScratch::OfThisThread());
  }
  RepairSome();
  return absl::OkStatus();
}

bool HnswIndex::State::Remove(uint64_t label) {
  const std::optional<uint32_t> slot = label_slots_.Take(label);
  if (!slot.has_value()) return false;
  Bury(*slot);
  RepairSome();
  return true;
}

absl::StatusOr<SearchAnswer> HnswIndex::State::Search(std::span<const float> query,
                                                      const SearchOptions& options) {
  if (options.k == 0) return NoNeighborsWanted();
  const absl::StatusOr<std::vector<float>> prepared = kernel_.Prepare(query);
  if (!prepared.ok()) return prepared.status();
  const ReaderEpochs::Visit visit(epochs_);
  return HnswSearch(SearchPlace(), *prepared, options, WalkScratch::OfThisThread()).Run();
}

std::vector<absl::StatusOr<SearchAnswer>> HnswIndex::State::SearchBatch(
    std::span<const BatchQuery> queries) {
  std::vector<absl::StatusOr<std::vector<float>>> prepared;
  std::vector<BatchSearch::Query> searched;
  for (const BatchQuery& query : queries) {
    prepared.push_back(query.options.k == 0 ? NoNeighborsWanted() : kernel_.Prepare(query.vector));
    if (!prepared.back().ok()) continue;
    searched.push_back({.vector = *prepared.back(), .options = query.options});
  }
  const ReaderEpochs::Visit visit(epochs_);
  std::vector<SearchAnswer> found =
      BatchSearch(SearchPlace(), WalkScratch::OfThisThread()).Run(searched);
  std::vector<absl::StatusOr<SearchAnswer>> answers;
  for (size_t at = 0, next = 0; at < queries.size(); ++at) {
    if (prepared[at].ok()) {
      answers.emplace_back(std::move(found[next++]));
    } else {
      answers.emplace_back(prepared[at].status());
    }
  }
  return answers;
}

absl::StatusOr<CheckpointReport> HnswIndex::State::Checkpoint(uint64_t sequence) {
  if (settings_.directory.empty()) return CheckpointReport{};
  if (!files_status_.ok()) return files_status_;
  const GraphRepair::Pause pause(repair_);
  return files_.Write(graph_, sequence);
}

absl::Status HnswIndex::State::Load(const Manifest& manifest, size_t threads) {
  const auto adopted = [this](uint32_t slot) {
    if (graph_.IsLive(slot)) {
      const uint64_t label = graph_.LabelOf(slot);
      // Of a vector that was being replaced both places may be live; its change is made again.
      if (const auto other = label_slots_.Put(label, slot); other.has_value()) Bury(*other);
    } else if (graph_.StateOf(slot) == HnswGraph::State::kNew) {
      GiveBack({&slot, 1});
    } else {
      repair_.NoteDead(slot);
    }
  };
  if (absl::Status s = files_.Load(manifest, threads, graph_, adopted); !s.ok()) return s;
  LinkLonely();
  growth_.Note(label_slots_.size(), label_slots_.size(), graph_, WalkScratch::OfThisThread());
  const MutexLock lock(slots_mutex_);
  next_slot_ = static_cast<uint32_t>(graph_.slot_end());
  return absl::OkStatus();
}

// Links that were left out may have been the only ones to a slot.
void HnswIndex::State::LinkLonely() {
  const size_t end = graph_.slot_end();
  std::vector<bool> is_reached(end);
  std::vector<uint32_t> links(graph_.links_max());
  for (size_t slot = 0; slot < end; ++slot) {
    if (graph_.StateOf(static_cast<uint32_t>(slot)) == HnswGraph::State::kNew) continue;
    const size_t count = graph_.LinksOf(static_cast<uint32_t>(slot), 0, links.data());
    for (size_t at = 0; at < count; ++at) is_reached[links[at]] = true;
  }
  for (size_t slot = 0; slot < end; ++slot) {
    const auto at = static_cast<uint32_t>(slot);
    if (!is_reached[slot] && graph_.IsLive(at)) {
      graph_.LinkBack(at, WalkScratch::OfThisThread());
    }
  }
}

IndexStatistics HnswIndex::State::Statistics() const {
  size_t slots = 0;
  {
    const MutexLock lock(slots_mutex_);
    slots = next_slot_;
  }
  const size_t vector_bytes = slots * settings_.dimension * sizeof(float);
  const size_t code_bytes = slots * graph_.quantizer().row_bytes();
  const bool is_mapped = graph_.memory().files() != nullptr && graph_.memory().FilesStatus().ok();
  return {.vector_count = label_slots_.size(),
          .removed_count = repair_.dead_count(),
          .is_scale_stale = graph_.scale_watch().is_stale(),
          .memory = {.links = slots * graph_.bytes_per_slot() - code_bytes + graph_.upper_bytes(),
                     .codes = code_bytes,
                     .vectors = is_mapped ? 0 : vector_bytes,
                     .labels = label_slots_.memory_bytes(),
                     .mapped = is_mapped ? vector_bytes : 0},
          .costs = {.scanned_row_ns = costs_.scanned_row_ns,
                    .walked_row_ns = costs_.walked_row_ns,
                    .filtered_row_ns = SearchCosts::kFilteredSlotNanoseconds}};
}

HnswIndex::HnswIndex(const IndexSettings& settings, std::span<const float> sample)
    : HnswIndex(std::make_unique<State>(settings,
                                        Quantizer(settings.codes, settings.dimension, sample))) {
  state_->Clear();
}

HnswIndex::HnswIndex(std::unique_ptr<State> state) : state_(std::move(state)) {}

absl::StatusOr<HnswIndex::Restored> HnswIndex::Open(const IndexSettings& settings, size_t threads) {
  try {
    const auto manifest = GraphFiles(settings).ReadManifest();
    if (!manifest.ok()) return manifest.status();
    auto state = std::make_unique<State>(
        settings,
        Quantizer(settings.codes, settings.dimension,
                  CodeScale{.scale = manifest->scale, .clipped_share = manifest->clipped_share}));
    if (absl::Status s = state->Load(*manifest, threads); !s.ok()) return s;
    return Restored{.index = std::unique_ptr<HnswIndex>(new HnswIndex(std::move(state))),
                    .sequence = manifest->sequence};
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError("no memory is left for the index");
  }
}

HnswIndex::~HnswIndex() = default;

absl::Status HnswIndex::Upsert(uint64_t label, std::span<const float> vector) {
  try {
    return state_->Upsert(label, vector);
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError("no memory is left for another vector");
  }
}

bool HnswIndex::Remove(uint64_t label) { return state_->Remove(label); }

absl::StatusOr<SearchAnswer> HnswIndex::Search(std::span<const float> query,
                                               const SearchOptions& options) const {
  return state_->Search(query, options);
}

std::vector<absl::StatusOr<SearchAnswer>> HnswIndex::SearchBatch(
    std::span<const BatchQuery> queries) const {
  return state_->SearchBatch(queries);
}

absl::StatusOr<CheckpointReport> HnswIndex::Checkpoint(uint64_t sequence) {
  try {
    return state_->Checkpoint(sequence);
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError("no memory is left for a checkpoint");
  }
}

size_t HnswIndex::dimension() const { return state_->kernel().dimension(); }

Metric HnswIndex::metric() const { return state_->kernel().metric(); }

IndexStatistics HnswIndex::Statistics() const { return state_->Statistics(); }

}  // namespace simile

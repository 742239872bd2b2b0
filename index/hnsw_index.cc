#include "index/hnsw_index.h"

#include <algorithm>
#include <new>
#include <optional>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "index/code_scan.h"
#include "index/distance.h"
#include "index/graph_files.h"
#include "index/graph_repair.h"
#include "index/hnsw_graph.h"
#include "index/label_slots.h"
#include "index/mutex.h"
#include "index/reader_epochs.h"
#include "index/search_costs.h"
#include "index/top_k.h"

namespace simile {

using index_internal::CodeScan;
using index_internal::GraphFiles;
using index_internal::GraphRepair;
using index_internal::HnswGraph;
using index_internal::kFarthestKey;
using index_internal::kRowsMax;
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

// To ask a filter about a vector, when the next one is known (bench/filter_bench).
constexpr double kFilterNanoseconds = 3;

// Rows that pass a filter lie farther apart than those by which costs are measured.
constexpr double kFilteredRow = 1.5;

// How much further a search looks that met too many dead vectors.
constexpr size_t kWider = 4;

// From here on codes hide more neighbours, since more vectors lie between two of their levels.
constexpr size_t kManyVectors = 500'000;

// Candidates that are compared by their float32 components at least, for each neighbour that is
// wanted: with fewer, what codes put in a wrong order stays there (bench/index_figures.md).
size_t RerankedPerNeighbor(CodeFormat codes) {
  switch (codes) {
    case CodeFormat::kSq8:
      return 2;
    case CodeFormat::kSq4:
      return 4;
    case CodeFormat::kFloat32:
      return 1;
  }
  return 1;
}

// While a vector is being replaced, both of its places are live for a moment; the nearer one
// counts. Keeps at most k.
void KeepFirstOfEach(std::vector<Neighbor>& found, size_t k) {
  absl::flat_hash_set<uint64_t> seen;
  seen.reserve(found.size());
  std::erase_if(found, [&](const Neighbor& one) { return !seen.insert(one.label).second; });
  if (found.size() > k) found.resize(k);
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
  absl::StatusOr<CheckpointReport> Checkpoint(uint64_t sequence);
  IndexStatistics Statistics() const;

  const DistanceKernel& kernel() const { return kernel_; }

 private:
  bool is_euclidean() const { return settings_.metric == Metric::kEuclidean; }
  uint32_t TakeSlot();
  void GiveBack(std::span<const uint32_t> slots);
  void Bury(uint32_t slot);
  void RepairSome();
  void LinkLonely();
  size_t RerankedCount(size_t k) const;
  bool ShouldScan(const SearchOptions& options, size_t ef) const;
  std::vector<Neighbor> SearchGraph(const float* query, size_t k, size_t ef,
                                    const LabelFilter* filter, WalkScratch& scratch);
  std::vector<Neighbor> Reranked(const float* query, size_t k, const LabelFilter* filter,
                                 WalkScratch& scratch) const;
  std::vector<Neighbor> NearestOf(const float* query, size_t count, std::span<const uint32_t> slots,
                                  WalkScratch& scratch) const;
  template <typename Take>
  void ForLiveSlots(const LabelFilter* filter, Take take) const;
  std::vector<Neighbor> ScanAll(const float* query, const SearchOptions& options,
                                WalkScratch& scratch) const;

  const IndexSettings settings_;
  const DistanceKernel kernel_;
  GraphFiles files_;
  absl::Status files_status_;  // Why there can be no files.
  ReaderEpochs epochs_;
  HnswGraph graph_;
  GraphRepair repair_;
  const SearchCosts costs_;
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

size_t HnswIndex::State::RerankedCount(size_t k) const {
  const size_t count = RerankedPerNeighbor(settings_.codes) * k;
  return label_slots_.size() < kManyVectors ? count : count + count / 2;
}

absl::StatusOr<SearchAnswer> HnswIndex::State::Search(std::span<const float> query,
                                                      const SearchOptions& options) {
  if (options.k == 0) return absl::InvalidArgumentError("k is 0; it must be at least 1");
  const absl::StatusOr<std::vector<float>> prepared = kernel_.Prepare(query);
  if (!prepared.ok()) return prepared.status();
  const size_t live = label_slots_.size();
  const LabelFilter* const filter = options.filter;
  const size_t wanted = std::min(options.k, filter == nullptr ? live : filter->count());
  SearchAnswer answer;
  WalkScratch& scratch = WalkScratch::OfThisThread();
  scratch.work = {};
  graph_.quantizer().EncodeQuery(prepared->data(), scratch.query);
  const ReaderEpochs::Visit visit(epochs_);
  size_t ef = options.ef_search != 0 ? options.ef_search : settings_.ef_search;
  ef = std::max(ef, options.k);
  // So that about as many candidates pass the filter as there would be without one.
  if (filter != nullptr) ef = ef * live / std::max<size_t>(1, std::min(filter->count(), live));
  bool scan = ShouldScan(options, ef);
  for (; !scan; ef *= kWider) {
    // A walk to everything there is costs more than looking at everything. So does a walk to where
    // documents that match are far from the query.
    scan = ef >= live;
    if (scan) break;
    answer.neighbors = SearchGraph(prepared->data(), options.k, ef, filter, scratch);
    if (answer.neighbors.size() >= wanted) break;
    scan = filter != nullptr;
  }
  if (scan) answer.neighbors = ScanAll(prepared->data(), options, scratch);
  answer.exact = scan;
  answer.strategy = scan ? SearchStrategy::kExactScan : SearchStrategy::kGraph;
  answer.work = scratch.work;
  for (Neighbor& neighbor : answer.neighbors) {
    neighbor.distance = kernel_.ToDistance(neighbor.distance);
  }
  return answer;
}

bool HnswIndex::State::ShouldScan(const SearchOptions& options, size_t ef) const {
  if (options.exact) return true;
  if (options.strategy.has_value()) return *options.strategy == SearchStrategy::kExactScan;
  const size_t live = label_slots_.size();
  const double walk_ns = costs_.WalkNanoseconds(live, ef, graph_.links_max());
  if (options.filter == nullptr) return costs_.ScanNanoseconds(live) <= walk_ns;
  // A scan asks the filter about every vector and compares those that pass, which lie here and
  // there; a walk asks about its candidates.
  const double scan_ns =
      kFilterNanoseconds * static_cast<double>(live) +
      kFilteredRow * costs_.walked_row_ns * static_cast<double>(options.filter->count());
  return scan_ns <= walk_ns + kFilterNanoseconds * static_cast<double>(ef);
}

std::vector<Neighbor> HnswIndex::State::SearchGraph(const float* query, size_t k, size_t ef,
                                                    const LabelFilter* filter,
                                                    WalkScratch& scratch) {
  // Dead vectors take up places among the candidates.
  const size_t live = std::max<size_t>(1, label_slots_.size());
  const size_t places = ef + std::min(ef, ef * repair_.dead_count() / live);
  graph_.Walk(scratch.query, places, scratch);
  return Reranked(query, k, filter, scratch);
}

// The k nearest of the walk's first candidates, by float32.
std::vector<Neighbor> HnswIndex::State::Reranked(const float* query, size_t k,
                                                 const LabelFilter* filter,
                                                 WalkScratch& scratch) const {
  const size_t reranked = RerankedCount(k);
  const uint32_t slack = graph_.quantizer().KeySlack(scratch.query, is_euclidean());
  scratch.slots.clear();
  uint32_t last_key = kFarthestKey;
  for (size_t place = 0; place < scratch.pool.size(); ++place) {
    // Behind the k-th by less than rounding, as in a crowd of texts that hardly differ, everything
    // may be nearer.
    if (scratch.slots.size() >= reranked && scratch.pool.key(place) > last_key) break;
    const uint32_t slot = scratch.pool.slot(place);
    if (!graph_.IsLive(slot)) continue;
    if (filter != nullptr && !filter->Contains(graph_.LabelOf(slot))) continue;
    scratch.slots.push_back(slot);
    if (scratch.slots.size() == k) {
      last_key = scratch.pool.key(place) + std::min(slack, kFarthestKey - scratch.pool.key(place));
    }
  }
  std::vector<Neighbor> found = NearestOf(query, scratch.slots.size(), scratch.slots, scratch);
  KeepFirstOfEach(found, k);
  return found;
}

// The `count` nearest of some slots, by float32.
std::vector<Neighbor> HnswIndex::State::NearestOf(const float* query, size_t count,
                                                  std::span<const uint32_t> slots,
                                                  WalkScratch& scratch) const {
  constexpr size_t kFetchedAhead = 3;
  scratch.work.vectors_compared += slots.size();
  for (const uint32_t slot : slots.first(std::min(slots.size(), kFetchedAhead))) {
    graph_.FetchVector(slot);
  }
  TopK top(count);
  for (size_t at = 0; at < slots.size(); ++at) {
    if (at + kFetchedAhead < slots.size()) graph_.FetchVector(slots[at + kFetchedAhead]);
    top.Offer(graph_.LabelOf(slots[at]), kernel_.Key(query, graph_.VectorOf(slots[at])));
  }
  return top.Take();
}

// Calls `take` with blocks of the slots that a scan has to look at.
template <typename Take>
void HnswIndex::State::ForLiveSlots(const LabelFilter* filter, Take take) const {
  uint32_t block[kRowsMax];
  size_t count = 0;
  const size_t end = graph_.slot_end();
  for (size_t at = 0; at < end; ++at) {
    const auto slot = static_cast<uint32_t>(at);
    if (!graph_.IsLive(slot)) continue;
    if (filter != nullptr && !filter->Contains(graph_.LabelOf(slot))) continue;
    block[count++] = slot;
    if (count < kRowsMax) continue;
    take(std::span<const uint32_t>(block, count));
    count = 0;
  }
  if (count > 0) take(std::span<const uint32_t>(block, count));
}

std::vector<Neighbor> HnswIndex::State::ScanAll(const float* query, const SearchOptions& options,
                                                WalkScratch& scratch) const {
  // Vectors that are being replaced may be met twice; then there must be room for both.
  for (size_t room = options.k + upserting_;; room *= 2) {
    std::vector<uint32_t> slots;
    if (settings_.codes == CodeFormat::kFloat32) {
      ForLiveSlots(options.filter, [&](std::span<const uint32_t> block) {
        slots.insert(slots.end(), block.begin(), block.end());
      });
    } else {
      CodeScan scan(graph_, scratch.query, room, scratch);
      ForLiveSlots(options.filter, [&](std::span<const uint32_t> block) { scan.Offer(block); });
      slots = scan.Take();
    }
    std::vector<Neighbor> found = NearestOf(query, room, slots, scratch);
    const bool are_all = found.size() < room;
    KeepFirstOfEach(found, options.k);
    if (are_all || found.size() == options.k) return found;
  }
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
                     .mapped = is_mapped ? vector_bytes : 0}};
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
        settings, Quantizer(settings.codes, settings.dimension, manifest->scale));
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

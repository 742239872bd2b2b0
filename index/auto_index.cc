#include "index/auto_index.h"

namespace simile {

namespace {

// Older vectors moved with each new one: a few milliseconds of work.
constexpr size_t kMovesPerUpsert = 8;

}  // namespace

AutoIndex::AutoIndex(const IndexSettings& settings, size_t scan_vectors_max)
    : settings_(settings),
      scan_vectors_max_(scan_vectors_max),
      scan_(std::make_unique<FlatIndex>(settings.metric, settings.dimension)) {}

absl::Status AutoIndex::Upsert(uint64_t label, std::span<const float> vector) {
  if (HnswIndex* graph = settled_.load(std::memory_order_acquire)) {
    return graph->Upsert(label, vector);
  }
  {
    ReaderLock lock(mutex_);
    if (phase_ == Phase::kScan && scan_->size() < scan_vectors_max_) {
      return scan_->Upsert(label, vector);
    }
  }
  return UpsertWhileMoving(label, vector);
}

absl::Status AutoIndex::UpsertWhileMoving(uint64_t label, std::span<const float> vector) {
  WriterLock lock(mutex_);
  if (phase_ == Phase::kGraph) return graph_->Upsert(label, vector);
  if (phase_ == Phase::kScan) {
    graph_ = std::make_unique<HnswIndex>(settings_, scan_->Components());
    to_move_ = scan_->Labels();
    phase_ = Phase::kMoving;
  }
  if (absl::Status s = scan_->Upsert(label, vector); !s.ok()) return s;
  if (absl::Status s = graph_->Upsert(label, vector); !s.ok()) return s;
  return MoveSome();
}

absl::Status AutoIndex::MoveSome() {
  for (size_t moved = 0; moved < kMovesPerUpsert && !to_move_.empty(); ++moved) {
    const uint64_t label = to_move_.back();
    // A label that was removed meanwhile has no vector; one that was replaced is moved again, which
    // does no harm.
    const std::vector<float> vector = scan_->Vector(label);
    if (!vector.empty()) {
      if (absl::Status s = graph_->Upsert(label, vector); !s.ok()) return s;
    }
    to_move_.pop_back();
  }
  if (to_move_.empty()) {
    phase_ = Phase::kGraph;
    settled_.store(graph_.get(), std::memory_order_release);
    scan_.reset();
  }
  return absl::OkStatus();
}

bool AutoIndex::RemoveFrom(uint64_t label) {
  bool was_there = false;
  if (scan_ != nullptr) was_there = scan_->Remove(label);
  if (graph_ != nullptr) was_there = graph_->Remove(label) || was_there;
  return was_there;
}

bool AutoIndex::Remove(uint64_t label) {
  if (HnswIndex* graph = settled_.load(std::memory_order_acquire)) return graph->Remove(label);
  {
    ReaderLock lock(mutex_);
    if (phase_ != Phase::kMoving) return RemoveFrom(label);
  }
  WriterLock lock(mutex_);
  return RemoveFrom(label);
}

absl::StatusOr<SearchAnswer> AutoIndex::Search(std::span<const float> query,
                                               const SearchOptions& options) const {
  if (const HnswIndex* graph = settled_.load(std::memory_order_acquire)) {
    return graph->Search(query, options);
  }
  ReaderLock lock(mutex_);
  if (phase_ == Phase::kGraph) return graph_->Search(query, options);
  return scan_->Search(query, options);
}

std::vector<absl::StatusOr<SearchAnswer>> AutoIndex::SearchBatch(
    std::span<const BatchQuery> queries) const {
  if (const HnswIndex* graph = settled_.load(std::memory_order_acquire)) {
    return graph->SearchBatch(queries);
  }
  ReaderLock lock(mutex_);
  if (phase_ == Phase::kGraph) return graph_->SearchBatch(queries);
  return scan_->SearchBatch(queries);
}

void AutoIndex::LearnFrom(std::span<const float> vectors) {
  if (vectors.size() / settings_.dimension < scan_vectors_max_) return;
  FlatIndex prepared(settings_.metric, settings_.dimension);
  for (size_t first = 0; first < vectors.size(); first += settings_.dimension) {
    // What is no vector tells nothing about others.
    prepared.Upsert(first, vectors.subspan(first, settings_.dimension)).IgnoreError();
  }
  if (prepared.size() < scan_vectors_max_) return;
  WriterLock lock(mutex_);
  graph_ = std::make_unique<HnswIndex>(settings_, prepared.Components());
  phase_ = Phase::kGraph;
  settled_.store(graph_.get(), std::memory_order_release);
  scan_.reset();
}

absl::StatusOr<uint64_t> AutoIndex::Restore(size_t threads) {
  if (settings_.directory.empty()) return absl::NotFoundError("there is no directory");
  auto restored = HnswIndex::Open(settings_, threads);
  if (!restored.ok()) return restored.status();
  WriterLock lock(mutex_);
  graph_ = std::move(restored->index);
  phase_ = Phase::kGraph;
  settled_.store(graph_.get(), std::memory_order_release);
  scan_.reset();
  return restored->sequence;
}

absl::StatusOr<CheckpointReport> AutoIndex::Checkpoint(uint64_t sequence) {
  // While the scan is in charge, or vectors are on their way, everything is loaded at the start.
  HnswIndex* const graph = settled_.load(std::memory_order_acquire);
  return graph == nullptr ? CheckpointReport{} : graph->Checkpoint(sequence);
}

IndexStatistics AutoIndex::Statistics() const {
  ReaderLock lock(mutex_);
  if (phase_ == Phase::kGraph) return graph_->Statistics();
  IndexStatistics statistics = scan_->Statistics();
  if (graph_ != nullptr) {
    const IndexMemory more = graph_->Statistics().memory;
    statistics.memory.links += more.links;
    statistics.memory.codes += more.codes;
    statistics.memory.vectors += more.vectors;
    statistics.memory.labels += more.labels;
    statistics.memory.mapped += more.mapped;
  }
  return statistics;
}

}  // namespace simile

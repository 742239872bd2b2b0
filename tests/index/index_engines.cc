#include "tests/index/index_engines.h"

#include <atomic>
#include <mutex>
#include <shared_mutex>
#include <utility>

#include "index/auto_index.h"
#include "index/distance.h"
#include "index/flat_index.h"
#include "index/hnsw_index.h"
#include "index/hnswlib_index.h"
#include "index/settling_index.h"
#include "tests/index/seeded_vectors.h"

namespace simile {

namespace {

// Every other vector waits, and what waits is settled again and again. To wait is for the
// beginning, so it is done alone.
class HalfSettledIndex final : public VectorIndex {
 public:
  explicit HalfSettledIndex(std::shared_ptr<VectorIndex> index) : settling_(std::move(index)) {}

  absl::Status Upsert(uint64_t label, std::span<const float> vector) override {
    constexpr uint64_t kSettledEvery = 64;
    const uint64_t change = changes_.fetch_add(1);
    if (change % kSettledEvery == kSettledEvery - 1) {
      const std::atomic<bool> stop{false};
      const std::shared_lock together(mutex_);
      if (absl::Status s = settling_.Settle(1, stop); !s.ok()) return s;
    }
    if (change % 2 == 0 && !vector.empty()) {
      const std::unique_lock alone(mutex_);
      return settling_.Defer(label, vector);
    }
    const std::shared_lock together(mutex_);
    return settling_.Upsert(label, vector);
  }
  bool Remove(uint64_t label) override {
    const std::shared_lock together(mutex_);
    return settling_.Remove(label);
  }
  absl::StatusOr<SearchAnswer> Search(std::span<const float> query,
                                      const SearchOptions& options) const override {
    const std::shared_lock together(mutex_);
    return settling_.Search(query, options);
  }
  std::vector<absl::StatusOr<SearchAnswer>> SearchBatch(
      std::span<const BatchQuery> queries) const override {
    const std::shared_lock together(mutex_);
    return settling_.SearchBatch(queries);
  }
  size_t dimension() const override { return settling_.dimension(); }
  Metric metric() const override { return settling_.metric(); }
  IndexStatistics Statistics() const override { return settling_.Statistics(); }

 private:
  SettlingIndex settling_;
  std::atomic<uint64_t> changes_{0};
  mutable std::shared_mutex mutex_;
};

}  // namespace

std::unique_ptr<VectorIndex> NewHnswIndex(IndexSettings settings, CodeFormat codes) {
  settings.codes = codes;
  const SeededVectors typical(500, settings.dimension, 12'345);
  const DistanceKernel kernel(settings.metric, settings.dimension);
  std::vector<float> sample;
  for (size_t at = 0; at < typical.size(); ++at) {
    const auto prepared = kernel.Prepare(typical[at]);
    sample.insert(sample.end(), prepared->begin(), prepared->end());
  }
  return std::make_unique<HnswIndex>(settings, sample);
}

const std::vector<IndexMaker>& AllIndexMakers() {
  using Made = std::unique_ptr<VectorIndex>;
  static const std::vector<IndexMaker> makers = {
      {"Flat",
       [](const IndexSettings& settings) -> Made {
         return std::make_unique<FlatIndex>(settings.metric, settings.dimension);
       }},
      {"Hnswlib",
       [](const IndexSettings& settings) -> Made {
         return std::make_unique<HnswlibIndex>(settings);
       }},
      {"HnswSq8",
       [](const IndexSettings& settings) { return NewHnswIndex(settings, CodeFormat::kSq8); }},
      {"HnswSq4",
       [](const IndexSettings& settings) { return NewHnswIndex(settings, CodeFormat::kSq4); }},
      {"HnswFloat32",
       [](const IndexSettings& settings) { return NewHnswIndex(settings, CodeFormat::kFloat32); }},
      {"Changing",
       [](const IndexSettings& settings) -> Made {
         return std::make_unique<AutoIndex>(settings, 40);
       }},
      {"Settling", [](const IndexSettings& settings) -> Made {
         return std::make_unique<HalfSettledIndex>(NewHnswIndex(settings, CodeFormat::kSq8));
       }}};
  return makers;
}

}  // namespace simile

#include "index/distance_growth.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace simile::index_internal {
namespace {

constexpr size_t kSampled = 256, kSampledMin = 16;
constexpr size_t kNearRank = 10, kFarRank = 100;

// With the usual growth, hard queries take more beyond ef than easy ones save. With so much of it a
// search takes about what ef candidates take (bench/index_figures.md).
constexpr float kOfUsual = 0.9f;

constexpr float kTimesAsFarMin = 1.0001f;

// For a hard query a walk keeps so many times as many candidates; more find hardly more
// (bench/index_figures.md).
constexpr size_t kPlacesOfEf = 2;

}  // namespace

void DistanceGrowth::Note(size_t added, size_t vectors, const HnswGraph& graph,
                          WalkScratch& scratch) {
  const size_t all = added_.fetch_add(added, std::memory_order_relaxed) + added;
  size_t learns_at = learns_at_.load(std::memory_order_relaxed);
  if (all < learns_at && 2 * vectors >= learnt_from_.load(std::memory_order_relaxed)) return;
  const size_t next = all + std::max(kVectorsMin, vectors);
  if (!learns_at_.compare_exchange_strong(learns_at, next)) return;
  learnt_from_ = vectors;
  Learn(vectors, graph, scratch);
}

void DistanceGrowth::Learn(size_t vectors, const HnswGraph& graph, WalkScratch& scratch) {
  const size_t step = std::max<size_t>(1, vectors / kSampled);
  std::vector<float> growths;
  size_t live = 0;
  for (uint32_t slot = 0; slot < graph.slot_end() && growths.size() < kSampled; ++slot) {
    if (!graph.IsLive(slot) || live++ % step != 0) continue;
    graph.quantizer().EncodeQuery(graph.VectorOf(slot), scratch.query);
    graph.Walk(scratch.query, {.places = kFarRank + 1}, scratch);
    if (scratch.pool.size() <= kFarRank) continue;
    // The first is the vector itself.
    const float near = graph.DistanceAt(scratch.pool.key(kNearRank), scratch.query);
    const float far = graph.DistanceAt(scratch.pool.key(kFarRank), scratch.query);
    const float growth = std::log(far / near);
    if (std::isfinite(growth)) growths.push_back(growth);
  }
  if (growths.size() < kSampledMin) {
    exponent_ = 0;
    return;
  }
  // Of groups of copies some grow without measure; they must not speak for all.
  const auto middle = growths.begin() + static_cast<ptrdiff_t>(growths.size() / 2);
  std::ranges::nth_element(growths, middle);
  exponent_ = kOfUsual * *middle / std::log(static_cast<float>(kFarRank) / kNearRank);
}

WalkEnd DistanceGrowth::EndOf(size_t ef, size_t k) const {
  const float exponent = exponent_.load(std::memory_order_relaxed);
  if (ef <= k) return {.places = ef};
  const float ranks = static_cast<float>(ef) / static_cast<float>(k);
  const float times_as_far = std::pow(ranks, exponent);
  // Where hardly anything lies nearer than all else, rounding would decide.
  if (!(times_as_far > kTimesAsFarMin)) return {.places = ef};
  return {.places = kPlacesOfEf * ef, .rank = k, .times_as_far = times_as_far};
}

}  // namespace simile::index_internal

#include "index/distance_growth.h"

#include <algorithm>
#include <cmath>

namespace simile::index_internal {
namespace {

constexpr size_t kVectorsMin = 512;
constexpr size_t kSampled = 64;
constexpr size_t kNearRank = 10, kFarRank = 100;

// The distance of the very nearest says little about those behind it.
constexpr size_t kRankMin = 10;

// For a hard query a walk keeps so many times as many candidates; more find hardly more
// (bench/index_figures.md).
constexpr size_t kPlacesOfEf = 2;

}  // namespace

void DistanceGrowth::LearnWhenDoubled(const HnswGraph& graph, size_t vectors,
                                      WalkScratch& scratch) {
  size_t known = vectors_.load(std::memory_order_relaxed);
  if (vectors < std::max(kVectorsMin, 2 * known)) return;
  if (vectors_.compare_exchange_strong(known, vectors)) Learn(graph, scratch);
}

void DistanceGrowth::Learn(const HnswGraph& graph, WalkScratch& scratch) {
  const size_t end = graph.slot_end();
  double sum = 0;
  size_t count = 0;
  for (size_t at = 0; at < kSampled; ++at) {
    const auto slot = static_cast<uint32_t>(end * at / kSampled);
    if (!graph.IsLive(slot)) continue;
    graph.quantizer().EncodeQuery(graph.VectorOf(slot), scratch.query);
    graph.Walk(scratch.query, {.places = kFarRank + 1}, scratch);
    if (scratch.pool.size() <= kFarRank) continue;
    // The first is the vector itself.
    const float near = graph.DistanceAt(scratch.pool.key(kNearRank), scratch.query);
    const float far = graph.DistanceAt(scratch.pool.key(kFarRank), scratch.query);
    if (!(near > 0)) continue;  // As many copies of it.
    sum += std::log(far / near);
    ++count;
  }
  const double ranks = std::log(static_cast<double>(kFarRank) / kNearRank);
  if (count > 0) exponent_ = static_cast<float>(sum / (static_cast<double>(count) * ranks));
}

WalkEnd DistanceGrowth::EndOf(size_t ef, size_t k) const {
  const float exponent = exponent_.load(std::memory_order_relaxed);
  const size_t rank = std::max(k, kRankMin);
  if (exponent == 0 || ef <= rank) return {.places = ef};
  const float ranks = static_cast<float>(ef) / static_cast<float>(rank);
  return {.places = kPlacesOfEf * ef, .rank = rank, .times_as_far = std::pow(ranks, exponent)};
}

}  // namespace simile::index_internal

#include "index/distance_growth.h"

#include <algorithm>
#include <cmath>

namespace simile::index_internal {
namespace {

constexpr size_t kVectorsMin = 512;
constexpr size_t kSampled = 64;
constexpr size_t kNearRank = 10, kFarRank = 100;

// With the average growth, hard queries take more beyond ef than easy ones save. With so much of it
// a search takes what ef candidates take, within a tenth (bench/index_figures.md).
constexpr double kOfAverage = 0.9;

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
  if (count == 0) return;
  exponent_ = static_cast<float>(kOfAverage * sum / (static_cast<double>(count) * ranks));
}

WalkEnd DistanceGrowth::EndOf(size_t ef, size_t k) const {
  const float exponent = exponent_.load(std::memory_order_relaxed);
  if (exponent == 0 || ef <= k) return {.places = ef};
  const float ranks = static_cast<float>(ef) / static_cast<float>(k);
  return {.places = kPlacesOfEf * ef, .rank = k, .times_as_far = std::pow(ranks, exponent)};
}

}  // namespace simile::index_internal

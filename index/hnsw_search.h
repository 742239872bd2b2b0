#ifndef SIMILE_INDEX_HNSW_SEARCH_H_
#define SIMILE_INDEX_HNSW_SEARCH_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "index/distance.h"
#include "index/distance_growth.h"
#include "index/hnsw_graph.h"
#include "index/label_slots.h"
#include "index/search_costs.h"
#include "index/search_planner.h"
#include "index/vector_index.h"
#include "index/walk_scratch.h"

namespace simile::index_internal {

// One search of an HnswIndex: plans, walks or scans by codes, compares the nearest by their float32
// components, and looks further when it has found too few.
//
// Thread safety: none; one thread, under a ReaderEpochs::Visit.
class HnswSearch {
 public:
  struct Place {
    const HnswGraph& graph;
    const LabelSlots& label_slots;
    const DistanceKernel& kernel;
    const SearchCosts& costs;
    const DistanceGrowth& growth;
    size_t ef_search;                      // When the options name none.
    size_t dead_count;                     // Slots that walks meet in vain.
    const std::atomic<size_t>& upserting;  // Labels that may have two slots now.
  };

  // `query` is prepared (DistanceKernel::Prepare). All must outlive it.
  HnswSearch(const Place& place, std::span<const float> query, const SearchOptions& options,
             WalkScratch& scratch);

  SearchAnswer Run();

  // How it would be done if `sharing` searches, this one among them, shared a scan.
  SearchPlan Plan(size_t sharing = 1) const;

  // The answer by a scan that was done: `slots` are those of `rows` that may be among the `room`
  // nearest.
  SearchAnswer AnswerOfScan(const SearchPlan& plan, size_t rows, size_t room,
                            std::span<const uint32_t> slots);

  // Calls `take` with blocks of at most kRowsMax of the slots that a scan has to look at.
  void ForEachCandidateBlock(const std::function<void(std::span<const uint32_t>)>& take) const;

 private:
  bool Walk(const SearchPlan& plan, std::vector<Neighbor>& found);
  // How many places hold the k nearest: those of one label may both be among the first. A vector
  // whose replacing begins meanwhile may make it one too few; then a wider walk follows.
  size_t FirstCount() const {
    return options_.k + place_.upserting.load(std::memory_order_relaxed);
  }
  WalkEnd EndOf(size_t ef) const;
  std::vector<Neighbor> Sweep(size_t ef);
  std::vector<Neighbor> TwoHop(const SearchPlan& plan);
  std::vector<Neighbor> Scan();
  std::vector<Neighbor> Reranked();
  std::vector<Neighbor> NearestOf(size_t count, std::span<const uint32_t> slots);
  std::optional<std::vector<Neighbor>> Settled(size_t room, std::span<const uint32_t> slots);
  SearchAnswer Finished(const SearchPlan& plan, SearchStrategy strategy,
                        std::vector<Neighbor> neighbors) const;

  const Place place_;
  const float* const query_;
  const SearchOptions& options_;
  WalkScratch& scratch_;
  const bool is_euclidean_;
  const size_t live_;
  const size_t candidates_;  // Vectors that may be returned.
};

}  // namespace simile::index_internal

#endif  // SIMILE_INDEX_HNSW_SEARCH_H_

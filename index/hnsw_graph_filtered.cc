// Walks for filtered searches; see hnsw_graph.h.
#include <algorithm>

#include "index/hnsw_graph.h"
#include "index/passing_slots.h"

namespace simile::index_internal {

// One walk that compares only slots that pass. A neighbour that does not is stepped over: its own
// neighbours are looked at in its place, once in a walk.
class HnswGraph::PassingWalk {
 public:
  PassingWalk(const HnswGraph& graph, const QueryCode& query, const PassingSlots& passing,
              WalkScratch& scratch)
      : graph_(graph), query_(query), passing_(passing), scratch_(scratch) {
    scratch_.visited.Reset(graph.slot_end());
    scratch_.crossed.Reset(graph.slot_end());
  }

  void Begin(uint32_t entry, std::span<const uint32_t> seeds) {
    TakePassing(seeds);
    Expand(entry);
  }

  // Compares what lies around the slot.
  void Expand(uint32_t slot) {
    const size_t count = graph_.LinksOf(slot, 0, scratch_.links);
    ++scratch_.work.nodes_visited;
    uint32_t blocked[kRowsMax + 16];
    size_t blocked_count = 0;
    for (size_t at = 0; at < count; ++at) {
      blocked[blocked_count] = scratch_.links[at];
      blocked_count += passing_.Contains(scratch_.links[at]) ? 0 : 1;
    }
    size_t taken = TakePassing({scratch_.links, count});
    uint32_t crossed[kRowsMax + 16];
    const size_t crossed_count = scratch_.crossed.KeepFresh(
        blocked_count, [&blocked](size_t at) { return blocked[at]; }, crossed);
    for (size_t at = 0; at < crossed_count; ++at) graph_.FetchLinks(crossed[at]);
    // As many new ones as a node has links are enough.
    for (size_t at = 0; at < crossed_count && taken < graph_.links_max(); ++at) {
      taken += TakePassing({scratch_.links, graph_.LinksOf(crossed[at], 0, scratch_.links)});
      ++scratch_.work.nodes_visited;
    }
    Compare();
  }

 private:
  // Keeps those of `slots` that pass and were not met, to be compared; returns how many.
  size_t TakePassing(std::span<const uint32_t> slots) {
    if (waiting_count_ + slots.size() > kRowsMax) Compare();
    const size_t fresh = scratch_.visited.KeepFresh(
        slots.size(), [&slots](size_t at) { return slots[at]; }, scratch_.fresh);
    const size_t before = waiting_count_;
    for (size_t at = 0; at < fresh; ++at) {
      waiting_[waiting_count_] = scratch_.fresh[at];
      waiting_count_ += passing_.Contains(scratch_.fresh[at]) ? 1 : 0;
    }
    return waiting_count_ - before;
  }

  void Compare() {
    if (waiting_count_ == 0) return;
    scratch_.work.codes_compared += waiting_count_;
    const size_t near =
        graph_.nearer_(graph_.rows_, query_, waiting_, waiting_count_, scratch_.pool.bound(),
                       scratch_.near_slots, scratch_.near_keys);
    for (size_t at = 0; at < near; ++at) {
      scratch_.pool.Insert(scratch_.near_keys[at], scratch_.near_slots[at]);
    }
    waiting_count_ = 0;
  }

  const HnswGraph& graph_;
  const QueryCode& query_;
  const PassingSlots& passing_;
  WalkScratch& scratch_;
  uint32_t waiting_[kRowsMax + 16];
  size_t waiting_count_ = 0;
};

bool HnswGraph::WalkPassing(const QueryCode& query, size_t ef, const PassingSlots& passing,
                            size_t nodes_max, WalkScratch& scratch) const {
  scratch.pool.Reset(ef);
  const uint64_t packed = entry_.load(std::memory_order_acquire);
  if (packed == kNoEntry) return true;
  const Entry entry = Unpacked(packed);
  uint32_t slot = entry.slot;
  uint32_t key = KeyOf(query, slot);
  Descend(query, entry.level, 0, slot, key, scratch);
  PassingWalk walk(*this, query, passing, scratch);
  walk.Begin(slot, passing.Spread(kSeeds));
  while (scratch.pool.Expand(slot)) {
    if (scratch.work.nodes_visited > nodes_max) return false;
    walk.Expand(slot);
  }
  return true;
}

}  // namespace simile::index_internal

// Taking slots out of the graph; see graph_repair.h for the order of things.
#include <algorithm>

#include "index/hnsw_graph.h"
#include "index/slot_lock.h"

namespace simile::index_internal {
namespace {

constexpr size_t kLinkedBackFrom = 3;
constexpr size_t kTriedPerLostLink = 8;

}  // namespace

void HnswGraph::RelinkAround(uint32_t slot, WalkScratch& scratch) {
  bool is_linked = true;
  for (size_t level = 0; level <= LevelOf(slot); ++level) {
    is_linked = RelinkLevel(slot, level, scratch) && is_linked;
  }
  if (!is_linked) Insert(slot, scratch);
}

// What a condemned neighbour pointed to takes its place, as far as it leads into a direction of its
// own; the links that are good stay (FreshDiskANN, arXiv 2105.09613, without pruning those again).
// False when too few are left of what there was: then a whole neighbourhood is condemned.
bool HnswGraph::RelinkLevel(uint32_t slot, size_t level, WalkScratch& scratch) {
  const LinkList list = ListOf(slot, level);
  uint32_t links[kRowsMax + 16], beyond[kRowsMax + 16];
  const SlotLock lock(memory_.Lock(slot));
  const size_t count = list.Read(links);
  const auto good_end = std::stable_partition(links, links + count,
                                              [this](uint32_t link) { return !IsCondemned(link); });
  if (good_end == links + count) return true;

  scratch.slots.clear();
  for (const uint32_t* condemned = good_end; condemned != links + count; ++condemned) {
    const size_t beyond_count = LinksOf(*condemned, level, beyond);
    for (size_t at = 0; at < beyond_count; ++at) {
      const uint32_t candidate = beyond[at];
      if (candidate == slot || IsCondemned(candidate)) continue;
      if (std::find(links, good_end, candidate) == good_end) scratch.slots.push_back(candidate);
    }
  }
  std::ranges::sort(scratch.slots);
  scratch.slots.erase(std::unique(scratch.slots.begin(), scratch.slots.end()), scratch.slots.end());

  QueryOf(slot, scratch.owner_query);
  ScoreSlots(scratch.owner_query, scratch.slots, scratch.candidates, scratch);
  std::ranges::sort(scratch.candidates);
  MixEquallyNear(slot, scratch.candidates);
  ScoreSlots(scratch.owner_query, {links, static_cast<size_t>(good_end - links)}, scratch.kept,
             scratch);
  // The nearest for each lost link: those further off are hardly ever kept.
  const auto lost = static_cast<size_t>(links + count - good_end);
  const size_t tried = std::min(scratch.candidates.size(), kTriedPerLostLink * lost);
  for (size_t at = 0; at < tried && scratch.kept.size() < count; ++at) {
    const ScoredSlot& candidate = scratch.candidates[at];
    if (IsDiverse(candidate, scratch.kept, scratch)) scratch.kept.push_back(candidate);
  }
  size_t kept = 0;
  for (const ScoredSlot& link : scratch.kept) links[kept++] = link.slot;
  list.Write({links, kept});
  memory_.MarkChanged(slot);
  return kept >= std::min(count - count / 4, settings_.m);
}

void HnswGraph::ScoreSlots(const QueryCode& query, std::span<const uint32_t> slots,
                           std::vector<ScoredSlot>& scored, WalkScratch& scratch) const {
  scored.clear();
  for (size_t first = 0; first < slots.size(); first += kRowsMax) {
    const auto some = slots.subspan(first, std::min(kRowsMax, slots.size() - first));
    const size_t near = nearer_(rows_, query, some.data(), some.size(), kFarthestKey,
                                scratch.near_slots, scratch.near_keys);
    for (size_t at = 0; at < near; ++at) {
      scored.push_back({.key = scratch.near_keys[at], .slot = scratch.near_slots[at]});
    }
  }
}

void HnswGraph::LinkBack(uint32_t slot, WalkScratch& scratch) {
  uint32_t neighbors[kRowsMax];
  const size_t count = LinksOf(slot, 0, neighbors);
  QueryOf(slot, scratch.owner_query);
  ScoreSlots(scratch.owner_query, {neighbors, count}, scratch.candidates, scratch);
  std::ranges::sort(scratch.candidates);
  MixEquallyNear(slot, scratch.candidates);
  for (size_t at = 0; at < std::min(scratch.candidates.size(), kLinkedBackFrom); ++at) {
    const uint32_t neighbor = scratch.candidates[at].slot;
    if (IsCondemned(neighbor)) continue;
    const LinkList list = ListOf(neighbor, 0);
    uint32_t links[kRowsMax];
    const SlotLock lock(memory_.Lock(neighbor));
    size_t link_count = list.Read(links);
    if (std::find(links, links + link_count, slot) != links + link_count) continue;
    // A full list loses its last link, which is its farthest or its newest.
    if (link_count == list.links_max) --link_count;
    links[link_count] = slot;
    list.Write({links, link_count + 1});
    memory_.MarkChanged(neighbor);
  }
}

bool HnswGraph::ReplaceDeadEntry(std::optional<uint32_t> slot) {
  const uint64_t replacement =
      slot.has_value() ? Packed({.slot = *slot, .level = LevelOf(*slot)}) : kNoEntry;
  uint64_t packed = entry_.load(std::memory_order_acquire);
  while (packed != kNoEntry && IsDeadOrCondemned(Unpacked(packed).slot)) {
    if (entry_.compare_exchange_weak(packed, replacement, std::memory_order_acq_rel)) return true;
  }
  return false;
}

}  // namespace simile::index_internal

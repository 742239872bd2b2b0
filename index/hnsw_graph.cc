#include "index/hnsw_graph.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "index/slot_lock.h"
#include "index/vector_checksum.h"

namespace simile::index_internal {
namespace {

constexpr size_t kLineBytes = 64;

// SplitMix64 (Steele et al. 2014): levels by slot, and orders of slots, need no state that threads
// would share.
uint64_t Mixed(uint64_t value) {
  value += 0x9E3779B97F4A7C15u;
  value = (value ^ value >> 30) * 0xBF58476D1CE4E5B9u;
  value = (value ^ value >> 27) * 0x94D049BB133111EBu;
  return value ^ value >> 31;
}

// One slot in m is on the next level, as in the paper.
size_t LevelOfSlot(uint32_t slot, size_t m) {
  const double uniform = (static_cast<double>(Mixed(slot) >> 11) + 1) * 0x1p-53;
  const double level = -std::log(uniform) / std::log(static_cast<double>(m));
  return std::min(static_cast<size_t>(level), HnswGraph::kLevelMax);
}

// How many of the nearest a walk expands at once. One would need fewest comparisons; but then each
// step waits for its links, and for its rows, with little else on the way. Several of short rows
// take no longer than one; how many bytes is measured in bench/index_figures.md.
size_t ExpandedTogether(size_t row_bytes, size_t links_max) {
  constexpr size_t kMax = 4, kRowBytesTogether = 1'024;
  const size_t wanted = (kRowBytesTogether + row_bytes - 1) / row_bytes;
  return std::max<size_t>(std::min({wanted, kMax, kRowsMax / links_max}), 1);
}

void Fetch(const void* memory, size_t bytes) {
  for (size_t byte = 0; byte < bytes; byte += kLineBytes) {
    __builtin_prefetch(static_cast<const std::byte*>(memory) + byte, 0, 3);
    // GCC 12 keeps only the first of a loop of prefetches without it.
    std::atomic_signal_fence(std::memory_order_seq_cst);
  }
}

}  // namespace

HnswGraph::HnswGraph(const GraphSettings& settings, const Quantizer& quantizer,
                     std::unique_ptr<const VectorFiles> files, const CodeKernels& kernels)
    : settings_(settings),
      quantizer_(quantizer),
      scale_watch_(quantizer),
      memory_({.code_bytes = quantizer.row_bytes(),
               .vector_bytes = settings.dimension * sizeof(float),
               .links_max = 2 * settings.m},
              std::move(files)),
      upper_(settings.m),
      rows_{.chunks = memory_.chunks(),
            .codes_offset = memory_.codes_offset(),
            .squares_offset = memory_.squares_offset(),
            .row_bytes = quantizer.row_bytes()},
      nearer_(kernels.nearer(quantizer.format(), settings.euclidean)),
      batches_(kernels, quantizer.format(), settings.euclidean),
      expanded_together_(ExpandedTogether(rows_.row_bytes, links_max())) {}

void HnswGraph::LinkList::SetCount(size_t count) const {
  if (byte_count != nullptr) {
    std::atomic_ref(*byte_count).store(static_cast<uint8_t>(count), std::memory_order_release);
  } else {
    std::atomic_ref(*word_count).store(static_cast<uint32_t>(count), std::memory_order_release);
  }
}

size_t HnswGraph::LinkList::Read(uint32_t* out) const {
  const size_t count = Count();
  for (size_t at = 0; at < count; ++at) out[at] = At(at);
  return count;
}

void HnswGraph::LinkList::Write(std::span<const uint32_t> slots) const {
  for (size_t at = 0; at < slots.size(); ++at) {
    std::atomic_ref(links[at]).store(slots[at], std::memory_order_release);
  }
  SetCount(slots.size());
}

size_t HnswGraph::LinksOf(uint32_t slot, size_t level, uint32_t* links) const {
  return ListOf(slot, level).Read(links);
}

void HnswGraph::ClearLinks(uint32_t slot) {
  for (size_t level = 0; level <= LevelOf(slot); ++level) ListOf(slot, level).SetCount(0);
}

absl::Status HnswGraph::Place(uint32_t slot, uint64_t label, std::span<const float> vector) {
  if (absl::Status s = memory_.Reserve(slot); !s.ok()) return s;
  if (absl::Status s = TakeUpperRows(slot, LevelOfSlot(slot, settings_.m)); !s.ok()) return s;
  memory_.Label(slot) = label;
  std::memcpy(memory_.Vector(slot), vector.data(), vector.size_bytes());
  if (memory_.files() != nullptr) {
    memory_.Checksum(slot) = ChecksumOf(vector);
    memory_.MarkVectorChanged(slot);
  }
  scale_watch_.Note(Encode(slot, vector));
  size_t end = slot_end();
  while (end <= slot && !slot_end_.compare_exchange_weak(end, size_t{slot} + 1)) {
  }
  return absl::OkStatus();
}

EncodedRow HnswGraph::Encode(uint32_t slot, std::span<const float> vector) {
  const EncodedRow row = quantizer_.EncodeRow(vector.data(), memory_.Code(slot));
  memory_.Squares(slot) = row.squares;
  memory_.Coarse(slot) = row.is_coarse ? 1 : 0;
  float largest = largest_squares_.load(std::memory_order_relaxed);
  while (largest < row.squares && !largest_squares_.compare_exchange_weak(largest, row.squares)) {
  }
  return row;
}

absl::Status HnswGraph::TakeUpperRows(uint32_t slot, size_t level) {
  // A slot that is used again has its rows already.
  if (level > memory_.Level(slot)) {
    const auto row = upper_.Take(level);
    if (!row.ok()) return row.status();
    memory_.UpperRow(slot) = *row;
  }
  memory_.Level(slot) = static_cast<uint8_t>(level);
  return absl::OkStatus();
}

size_t HnswGraph::NearerThan(const QueryCode& query, std::span<const uint32_t> slots,
                             uint32_t bound, uint32_t* near_slots, uint32_t* near_keys) const {
  return nearer_(rows_, query, slots.data(), slots.size(), bound, near_slots, near_keys);
}

uint32_t HnswGraph::CertainSlack(const QueryCode& query) const {
  return quantizer_.CertainSlack(query, largest_squares_.load(std::memory_order_relaxed),
                                 settings_.euclidean);
}

uint32_t HnswGraph::KeyOf(const QueryCode& query, uint32_t slot) const {
  uint32_t near_slots[17], near_keys[17] = {kFarthestKey};
  nearer_(rows_, query, &slot, 1, kFarthestKey, near_slots, near_keys);
  return near_keys[0];
}

void HnswGraph::FetchLinks(uint32_t slot) const {
  Fetch(memory_.Links(slot), links_max() * sizeof(uint32_t));
  Fetch(&memory_.LinkCount(slot), 1);
}

void HnswGraph::FetchVector(uint32_t slot) const {
  Fetch(memory_.Vector(slot), settings_.dimension * sizeof(float));
}

// Goes to the nearest neighbour for as long as there is a nearer one, level by level, until the
// level above `to_level` is done.
void HnswGraph::Descend(const QueryCode& query, size_t from_level, size_t to_level, uint32_t& slot,
                        uint32_t& key, WalkScratch& scratch) const {
  for (size_t level = from_level; level > to_level; --level) {
    for (bool moved = true; moved;) {
      moved = false;
      const size_t count = LinksOf(slot, level, scratch.links);
      ++scratch.work.nodes_visited;
      scratch.work.codes_compared += count;
      const size_t near =
          nearer_(rows_, query, scratch.links, count, key, scratch.near_slots, scratch.near_keys);
      for (size_t at = 0; at < near; ++at) {
        if (scratch.near_keys[at] >= key) continue;
        key = scratch.near_keys[at];
        slot = scratch.near_slots[at];
        moved = true;
      }
    }
  }
}

size_t HnswGraph::PlaceOfLive(const CandidatePool& pool, size_t rank) const {
  size_t place = 0;
  for (size_t live = 0; place < pool.size(); ++place) {
    if (IsLive(pool.slot(place)) && ++live == rank) break;
  }
  return place;
}

uint32_t HnswGraph::WalkLevel(const QueryCode& query, const WalkEnd& end, size_t level,
                              uint32_t entry, uint32_t entry_key, WalkScratch& scratch) const {
  CandidatePool& pool = scratch.pool;
  pool.Reset(end.places);
  scratch.visited.Reset(slot_end());
  pool.Insert(entry_key, entry);
  scratch.visited.KeepFresh(
      1, [entry](size_t) { return entry; }, scratch.fresh);
  WalkLimit limit(end, quantizer_, query, largest_squares_.load(std::memory_order_relaxed),
                  settings_.euclidean);
  size_t ranked_place = end.places;  // Of the candidate that sets the limit.
  for (uint32_t slot = 0; pool.Expand(slot, limit.expanded());) {
    size_t expanded = 0, fresh = 0;
    do {
      const LinkList list = ListOf(slot, level);
      fresh += scratch.visited.KeepFresh(
          list.Count(), [&list](size_t at) { return list.At(at); }, scratch.fresh + fresh);
    } while (++expanded < expanded_together_ && pool.Expand(slot, limit.expanded()));
    scratch.work.nodes_visited += expanded;
    scratch.work.codes_compared += fresh;
    if (fresh == 0) continue;
    // While the distances are computed, what will most likely be expanded next is fetched.
    const size_t fetched = level == 0 ? expanded_together_ : 0;
    const size_t fetch_end = std::min(pool.next() + fetched, pool.size());
    for (size_t place = pool.next(); place < fetch_end; ++place) FetchLinks(pool.slot(place));
    const size_t near =
        nearer_(rows_, query, scratch.fresh, fresh, std::min(pool.bound(), limit.kept()),
                scratch.near_slots, scratch.near_keys);
    size_t nearest_place = end.places;
    for (size_t at = 0; at < near; ++at) {
      const size_t next = pool.next();
      const size_t place = pool.Insert(scratch.near_keys[at], scratch.near_slots[at]);
      if (place < next + fetched) FetchLinks(scratch.near_slots[at]);
      nearest_place = std::min(nearest_place, place);
    }
    if (end.rank == 0 || nearest_place > ranked_place) continue;
    const size_t place = end.some_are_dead ? PlaceOfLive(pool, end.rank) : end.rank - 1;
    if (place >= pool.size()) continue;
    ranked_place = place;
    limit.SetBehind(pool.key(place));
  }
  return limit.ranked();
}

uint32_t HnswGraph::Walk(const QueryCode& query, const WalkEnd& end, WalkScratch& scratch) const {
  scratch.pool.Reset(end.places);
  const uint64_t packed = entry_.load(std::memory_order_acquire);
  if (packed == kNoEntry) return kFarthestKey;
  const Entry entry = Unpacked(packed);
  uint32_t slot = entry.slot;
  uint32_t key = KeyOf(query, slot);
  Descend(query, entry.level, 0, slot, key, scratch);
  return WalkLevel(query, end, 0, slot, key, scratch);
}

// Whether the candidate is nearer to its owner than to each of the selected: links then lead into
// different directions (the paper's heuristic, algorithm 4).
bool HnswGraph::IsDiverse(const ScoredSlot& candidate, std::span<const ScoredSlot> selected,
                          WalkScratch& scratch) const {
  constexpr size_t kCompared = 8;
  QueryOf(candidate.slot, scratch.candidate_query);
  for (size_t first = 0; first < selected.size(); first += kCompared) {
    const size_t count = std::min(kCompared, selected.size() - first);
    uint32_t slots[kCompared], near_slots[kCompared + 16], near_keys[kCompared + 16];
    for (size_t at = 0; at < count; ++at) slots[at] = selected[first + at].slot;
    if (nearer_(rows_, scratch.candidate_query, slots, count, candidate.key, near_slots,
                near_keys) > 0) {
      return false;
    }
  }
  return true;
}

// Gives those that are equally near an order that each owner has for itself. By slot, all of a
// crowd of equal vectors would link to the first few of it, and no walk would come to the others.
void HnswGraph::MixEquallyNear(uint32_t owner, std::span<ScoredSlot> sorted) {
  const auto order = [owner](const ScoredSlot& one) {
    return Mixed(uint64_t{owner} << 32 | one.slot);
  };
  for (auto first = sorted.begin(); first != sorted.end();) {
    const auto end = std::find_if(first, sorted.end(),
                                  [key = first->key](const auto& one) { return one.key != key; });
    if (end - first > 1) std::ranges::sort(first, end, {}, order);
    first = end;
  }
}

void HnswGraph::SelectNeighbors(std::span<const ScoredSlot> candidates, size_t count_max,
                                std::vector<ScoredSlot>& selected, WalkScratch& scratch) const {
  selected.clear();
  for (const ScoredSlot& candidate : candidates) {
    if (selected.size() >= count_max) return;
    if (IsDiverse(candidate, selected, scratch)) selected.push_back(candidate);
  }
}

// Others may have linked themselves here since the slot was linked on a higher level.
void HnswGraph::LinkOwn(uint32_t slot, size_t level, std::span<const ScoredSlot> selected) {
  const LinkList list = ListOf(slot, level);
  uint32_t links[kRowsMax], others[kRowsMax];
  const SlotLock lock(memory_.Lock(slot));
  const size_t other_count = list.Read(others);
  size_t count = 0;
  for (const ScoredSlot& neighbor : selected) links[count++] = neighbor.slot;
  for (size_t at = 0; at < other_count && count < list.links_max; ++at) {
    if (std::find(links, links + count, others[at]) == links + count) links[count++] = others[at];
  }
  list.Write({links, count});
  memory_.MarkChanged(slot);
}

// Adds a link, and when the list is full keeps the most useful ones.
void HnswGraph::LinkTo(uint32_t slot, size_t level, const ScoredSlot& neighbor,
                       WalkScratch& scratch) {
  const LinkList list = ListOf(slot, level);
  uint32_t links[kRowsMax + 16], near_slots[kRowsMax + 16], near_keys[kRowsMax + 16];
  const SlotLock lock(memory_.Lock(slot));
  const size_t count = list.Read(links);
  if (std::find(links, links + count, neighbor.slot) != links + count) return;
  if (count < list.links_max) {
    std::atomic_ref(list.links[count]).store(neighbor.slot, std::memory_order_release);
    list.SetCount(count + 1);
    memory_.MarkChanged(slot);
    return;
  }
  QueryOf(slot, scratch.owner_query);
  const size_t near =
      nearer_(rows_, scratch.owner_query, links, count, kFarthestKey, near_slots, near_keys);
  scratch.candidates.assign(1, neighbor);
  for (size_t at = 0; at < near; ++at) {
    scratch.candidates.push_back({.key = near_keys[at], .slot = near_slots[at]});
  }
  std::ranges::sort(scratch.candidates);
  MixEquallyNear(slot, scratch.candidates);
  SelectNeighbors(scratch.candidates, list.links_max, scratch.kept, scratch);
  size_t kept = 0;
  for (const ScoredSlot& link : scratch.kept) links[kept++] = link.slot;
  list.Write({links, kept});
  memory_.MarkChanged(slot);
}

// False when nothing is there that a slot may be linked to.
bool HnswGraph::InsertOnLevel(uint32_t slot, size_t level, uint32_t& entry, uint32_t& entry_key,
                              WalkScratch& scratch) {
  constexpr size_t kWider = 4;
  for (size_t ef = settings_.ef_construction;; ef *= kWider) {
    WalkLevel(scratch.query, {.places = ef}, level, entry, entry_key, scratch);
    scratch.candidates.clear();
    for (size_t place = 0; place < scratch.pool.size(); ++place) {
      const ScoredSlot candidate{.key = scratch.pool.key(place), .slot = scratch.pool.slot(place)};
      if (candidate.slot == slot || IsDeadOrCondemned(candidate.slot)) continue;
      scratch.candidates.push_back(candidate);
    }
    // Where a whole neighbourhood is dead, one has to look beyond it.
    if (scratch.candidates.size() >= settings_.m || scratch.pool.size() < ef) break;
  }
  entry = scratch.pool.slot(0);
  entry_key = scratch.pool.key(0);
  if (scratch.candidates.empty()) return false;
  MixEquallyNear(slot, scratch.candidates);
  SelectNeighbors(scratch.candidates, settings_.m, scratch.selected, scratch);
  LinkOwn(slot, level, scratch.selected);
  for (const ScoredSlot& neighbor : scratch.selected) {
    LinkTo(neighbor.slot, level, {.key = neighbor.key, .slot = slot}, scratch);
  }
  return true;
}

// False when the graph changed so that it must be tried again.
bool HnswGraph::TryInsert(uint32_t slot, WalkScratch& scratch) {
  const size_t level = LevelOf(slot);
  const uint64_t own = Packed({.slot = slot, .level = level});
  uint64_t packed = entry_.load(std::memory_order_acquire);
  if (packed == kNoEntry) {
    return entry_.compare_exchange_strong(packed, own, std::memory_order_acq_rel);
  }
  const Entry entry = Unpacked(packed);
  uint32_t nearest = entry.slot;
  uint32_t key = KeyOf(scratch.query, nearest);
  const size_t top_level = std::min(level, entry.level);
  Descend(scratch.query, entry.level, top_level, nearest, key, scratch);
  for (size_t at = top_level + 1; at-- > 0;) {
    const bool is_linked = InsertOnLevel(slot, at, nearest, key, scratch);
    // Nobody but the dead, and perhaps itself: then it is where walks begin.
    if (at == 0 && !is_linked) return entry.slot == slot || ReplaceDeadEntry(slot);
  }
  packed = entry_.load(std::memory_order_acquire);
  while (packed != kNoEntry && level > Unpacked(packed).level &&
         !entry_.compare_exchange_weak(packed, own, std::memory_order_acq_rel)) {
  }
  return true;
}

void HnswGraph::Insert(uint32_t slot, WalkScratch& scratch) {
  QueryOf(slot, scratch.query);
  while (!TryInsert(slot, scratch)) {
  }
}

}  // namespace simile::index_internal

// A graph as records of slots and back; see graph_files.h for the order of things.
#include <algorithm>
#include <optional>

#include "index/hnsw_graph.h"
#include "index/vector_checksum.h"

namespace simile::index_internal {

SlotsRecord HnswGraph::ExportChunk(size_t chunk) const {
  const size_t first = chunk * SlotMemory::kChunkSlots;
  const size_t count = std::min(slot_end() - first, SlotMemory::kChunkSlots);
  SlotsRecord record{.states = std::vector<uint8_t>(count, SlotsRecord::kAbsent),
                     .levels = std::vector<uint8_t>(count),
                     .labels = std::vector<uint64_t>(count),
                     .checksums = std::vector<uint32_t>(count)};
  uint32_t links[kRowsMax];
  for (size_t at = 0; at < count; ++at) {
    const auto slot = static_cast<uint32_t>(first + at);
    const State state = StateOf(slot);
    // What is said of a slot that has a state does not change while nobody frees slots.
    if (state == State::kNew) continue;
    record.states[at] = state == State::kLive ? SlotsRecord::kLive : SlotsRecord::kDead;
    record.levels[at] = memory_.Level(slot);
    record.labels[at] = memory_.Label(slot);
    record.checksums[at] = memory_.Checksum(slot);
    for (size_t level = 0; level <= LevelOf(slot); ++level) {
      const size_t link_count = LinksOf(slot, level, links);
      record.list_sizes.push_back(static_cast<uint8_t>(link_count));
      record.links.insert(record.links.end(), links, links + link_count);
    }
  }
  return record;
}

absl::Status HnswGraph::ImportChunk(size_t chunk, const SlotsRecord& record) {
  if (record.states.empty()) return absl::OkStatus();
  const size_t first = chunk * SlotMemory::kChunkSlots;
  const size_t end = first + record.states.size();
  if (absl::Status s = memory_.Reserve(end - 1); !s.ok()) return s;
  auto list_size = record.list_sizes.begin();
  const uint32_t* link = record.links.data();
  for (size_t at = 0; at < record.states.size(); ++at) {
    if (record.states[at] == SlotsRecord::kAbsent) continue;
    const auto slot = static_cast<uint32_t>(first + at);
    if (absl::Status s = TakeUpperRows(slot, record.levels[at]); !s.ok()) return s;
    memory_.Label(slot) = record.labels[at];
    memory_.Checksum(slot) = record.checksums[at];
    for (size_t level = 0; level <= record.levels[at]; ++level) {
      ListOf(slot, level).Write({link, *list_size});
      link += *list_size++;
    }
    std::atomic_ref(memory_.State(slot))
        .store(static_cast<uint8_t>(record.states[at] == SlotsRecord::kLive ? State::kLive
                                                                            : State::kDead),
               std::memory_order_release);
  }
  size_t known_end = slot_end();
  while (known_end < end && !slot_end_.compare_exchange_weak(known_end, end)) {
  }
  return absl::OkStatus();
}

void HnswGraph::AdoptSlot(uint32_t slot) {
  const std::span vector(memory_.Vector(slot), settings_.dimension);
  if (ChecksumOf(vector) != memory_.Checksum(slot)) SetState(slot, State::kDead);
  Encode(slot, vector);
  uint32_t links[kRowsMax];
  for (size_t level = 0; level <= LevelOf(slot); ++level) {
    const LinkList list = ListOf(slot, level);
    const size_t count = list.Read(links);
    const auto end = std::remove_if(links, links + count, [&](uint32_t link) {
      return link == slot || link >= slot_end() || StateOf(link) == State::kNew ||
             LevelOf(link) < level;
    });
    if (end == links + count) continue;
    list.Write({links, end});
    // The place that a link led to may get another vector.
    memory_.MarkChanged(slot);
  }
}

void HnswGraph::FinishImport(uint64_t entry) {
  std::optional<uint32_t> highest;
  for (size_t at = 0; at < slot_end(); ++at) {
    const auto slot = static_cast<uint32_t>(at);
    if (StateOf(slot) == State::kNew) continue;
    if (!highest.has_value() || LevelOf(slot) > LevelOf(*highest)) highest = slot;
  }
  const Entry wanted = Unpacked(entry);
  const bool is_possible = entry != kNoEntry && wanted.slot < slot_end() &&
                           StateOf(wanted.slot) != State::kNew &&
                           wanted.level == LevelOf(wanted.slot);
  if (!is_possible) {
    entry = highest.has_value() ? Packed({.slot = *highest, .level = LevelOf(*highest)}) : kNoEntry;
  }
  entry_.store(entry, std::memory_order_release);
}

}  // namespace simile::index_internal

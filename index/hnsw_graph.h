#ifndef SIMILE_INDEX_HNSW_GRAPH_H_
#define SIMILE_INDEX_HNSW_GRAPH_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "index/checkpoint_codec.h"
#include "index/code_kernels.h"
#include "index/quantizer.h"
#include "index/scale_watch.h"
#include "index/slot_memory.h"
#include "index/upper_levels.h"
#include "index/walk_limit.h"
#include "index/walk_scratch.h"

namespace simile::index_internal {

class PassingSlots;

struct GraphSettings {
  size_t dimension = 0;
  bool euclidean = false;  // Else by product: more is nearer.
  size_t m = 16;
  size_t ef_construction = 200;
};

// A hierarchical navigable small world graph (Malkov & Yashunin 2016, arXiv 1603.09320) over codes:
// slots in, slots out. Labels, float32 components and which slots are free are its owner's; it has
// a place for them in the slots.
//
// Readers take no locks, and any number of inserts run beside them:
// 1. A slot's code, level and label are written before the slot is linked, and do not change while
//    anybody can reach it.
// 2. A link is stored with release and loaded with acquire. So who reads a link sees what 1. says.
// 3. A list may be read while it is being written: each link in it is then an old or a new one, and
//    both are slots in the sense of 2. Its count is stored last when it grows.
// 4. Writers of one list exclude each other by the slot's lock; nobody holds two.
// 5. Entry slot and its level are one atomic, so no walk begins on a level its slot does not have.
//
// Thread safety: Place of a slot that nobody knows, Insert, Walk and the rest may run together.
class HnswGraph {
 public:
  // What a slot is, apart from its links.
  enum class State : uint8_t {
    kNew,        // Free, or not yet to be answered.
    kLive,       // Searches may answer it.
    kDead,       // Searches pass through it; inserts do not link to it.
    kCondemned,  // Being taken out of the graph.
  };

  static constexpr size_t kLevelMax = 24;

  // The vectors lie in `files` when there are any.
  HnswGraph(const GraphSettings& settings, const Quantizer& quantizer,
            std::unique_ptr<const VectorFiles> files = nullptr,
            const CodeKernels& kernels = AllCodeKernels().front());

  // Writes a slot that is not linked. ResourceExhausted when there is no memory for it.
  absl::Status Place(uint32_t slot, uint64_t label, std::span<const float> vector);

  // Links a slot that was placed. Cost: about ef_construction hops.
  void Insert(uint32_t slot, WalkScratch& scratch);

  // Fills scratch.pool with about the nearest slots to a query, of every state, as many as there
  // are places or up to where it ends; those that are inserted meanwhile may be missing. Nothing
  // when the graph is empty. Gives the key of the candidate by which it ended; the farthest when
  // all were expanded. That may have died meanwhile, or not be live yet.
  uint32_t Walk(const QueryCode& query, const WalkEnd& end, WalkScratch& scratch) const;

  // The place of the live candidate of a rank, counted from 1; the end when there are fewer.
  size_t PlaceOfLive(const CandidatePool& pool, size_t rank) const;

  // The same of slots that pass: from each to the next, over at most one that does not, beginning
  // where the graph does and at some of those that pass (ACORN-1; Patel et al. 2024, arXiv
  // 2403.04871). False when it gave up because it had looked at the links of `nodes_max` slots.
  bool WalkPassing(const QueryCode& query, size_t ef, const PassingSlots& passing, size_t nodes_max,
                   WalkScratch& scratch) const;

  // As NearerFunction, of at most kRowsMax slots that were placed; both arrays must have room for
  // 16 more.
  size_t NearerThan(const QueryCode& query, std::span<const uint32_t> slots, uint32_t bound,
                    uint32_t* near_slots, uint32_t* near_keys) const;

  // As BatchKernel, of slots that were placed.
  size_t NearerThan(const QueryBatch& batch, std::span<const uint32_t> slots,
                    const uint32_t* bounds, NearRow* near) const {
    return batches_.NearerThan(rows_, batch, slots, bounds, near);
  }
  void Pack(QueryBatch& batch) const { batches_.Pack(batch); }

  // As Quantizer::DistanceAt.
  float DistanceAt(uint32_t key, const QueryCode& query) const {
    return quantizer_.DistanceAt(key, query, largest_squares_.load(std::memory_order_relaxed),
                                 settings_.euclidean);
  }

  // How much nearer by key a slot must be than another so that its vector is the nearer one for
  // certain, unless one of the two is coarse (index/quantizer.h).
  uint32_t CertainSlack(const QueryCode& query) const;
  bool IsCoarse(uint32_t slot) const { return memory_.Coarse(slot) != 0; }

  // Whether the scale of the codes still fits.
  const ScaleWatch& scale_watch() const { return scale_watch_; }

  // Links what pointed to condemned slots past them, on all levels of `slot`. Where too little lies
  // beyond them, it is linked anew.
  void RelinkAround(uint32_t slot, WalkScratch& scratch);

  // For a slot that no link leads to: lets its neighbours link to it.
  void LinkBack(uint32_t slot, WalkScratch& scratch);

  // Lets walks begin at `slot` if they begin at one that is dead or condemned; without a slot the
  // graph is empty. Returns whether that was done.
  bool ReplaceDeadEntry(std::optional<uint32_t> slot);

  void ClearLinks(uint32_t slot);

  // A copy of the slots of a chunk, while nobody frees slots (GraphRepair::Pause). Slots that are
  // inserted meanwhile may be missing, also where others link to them.
  SlotsRecord ExportChunk(size_t chunk) const;

  // Makes a graph of what was exported, which must have been checked; alone, on an empty graph.
  // First all chunks, then every slot once, by as many threads as one likes, then the end.
  absl::Status ImportChunk(size_t chunk, const SlotsRecord& record);

  // Takes a slot that was imported: forgets links that lead nowhere, and makes the code of the
  // vector. A vector that is not the one that was exported is dead.
  void AdoptSlot(uint32_t slot);
  void FinishImport(uint64_t entry);

  // Where walks begin, for FinishImport.
  uint64_t entry() const { return entry_.load(std::memory_order_acquire); }

  // The marks of chunks that changed.
  SlotMemory& memory() { return memory_; }
  const SlotMemory& memory() const { return memory_; }

  // All slots that were ever placed are below it.
  size_t slot_end() const { return slot_end_.load(std::memory_order_acquire); }

  State StateOf(uint32_t slot) const {
    return State{std::atomic_ref(memory_.State(slot)).load(std::memory_order_acquire)};
  }
  void SetState(uint32_t slot, State state) {
    std::atomic_ref(memory_.State(slot))
        .store(static_cast<uint8_t>(state), std::memory_order_release);
    memory_.MarkChanged(slot);
  }
  bool IsLive(uint32_t slot) const { return StateOf(slot) == State::kLive; }
  uint64_t LabelOf(uint32_t slot) const { return memory_.Label(slot); }
  // Of its code.
  float SquaresOf(uint32_t slot) const { return memory_.Squares(slot); }
  const float* VectorOf(uint32_t slot) const { return memory_.Vector(slot); }
  void FetchVector(uint32_t slot) const;
  size_t LevelOf(uint32_t slot) const { return memory_.Level(slot); }

  // Copies the links of a slot to `links`, which has room for links_max(); returns their number.
  size_t LinksOf(uint32_t slot, size_t level, uint32_t* links) const;

  const Quantizer& quantizer() const { return quantizer_; }
  size_t links_max() const { return 2 * settings_.m; }
  size_t bytes_per_slot() const { return memory_.bytes_per_slot(); }
  size_t upper_bytes() const { return upper_.memory_bytes(); }

 private:
  class PassingWalk;

  // Slots that pass at which a filtered walk begins beside the graph's entry: what passes may lie
  // all in another place.
  static constexpr size_t kSeeds = 16;

  struct Entry {
    uint32_t slot = 0;
    size_t level = 0;
  };
  static constexpr uint64_t kNoEntry = ~uint64_t{0};
  static uint64_t Packed(const Entry& entry) { return uint64_t{entry.level} << 32 | entry.slot; }
  static Entry Unpacked(uint64_t packed) {
    return {.slot = static_cast<uint32_t>(packed), .level = static_cast<size_t>(packed >> 32)};
  }

  // Where a list lies.
  struct LinkList {
    uint32_t* links = nullptr;
    size_t links_max = 0;
    // Of a list on level 0 the count is a byte elsewhere, of others the word before the links.
    uint8_t* byte_count = nullptr;
    uint32_t* word_count = nullptr;

    size_t Count() const {
      return byte_count != nullptr ? std::atomic_ref(*byte_count).load(std::memory_order_acquire)
                                   : std::atomic_ref(*word_count).load(std::memory_order_acquire);
    }
    uint32_t At(size_t at) const {
      return std::atomic_ref(links[at]).load(std::memory_order_acquire);
    }
    void SetCount(size_t count) const;
    size_t Read(uint32_t* out) const;
    void Write(std::span<const uint32_t> links) const;
  };
  LinkList ListOf(uint32_t slot, size_t level) const {
    if (level == 0) {
      return {.links = memory_.Links(slot),
              .links_max = links_max(),
              .byte_count = &memory_.LinkCount(slot)};
    }
    uint32_t* const row = upper_.Row(memory_.UpperRow(slot) + level - 1);
    return {.links = row + 1, .links_max = settings_.m, .word_count = row};
  }

  EncodedRow Encode(uint32_t slot, std::span<const float> vector);
  absl::Status TakeUpperRows(uint32_t slot, size_t level);
  void FetchLinks(uint32_t slot) const;
  void Descend(const QueryCode& query, size_t from_level, size_t to_level, uint32_t& slot,
               uint32_t& key, WalkScratch& scratch) const;
  uint32_t WalkLevel(const QueryCode& query, const WalkEnd& end, size_t level, uint32_t entry,
                     uint32_t entry_key, WalkScratch& scratch) const;
  static void MixEquallyNear(uint32_t owner, std::span<ScoredSlot> sorted);
  void SelectNeighbors(std::span<const ScoredSlot> candidates, size_t count_max,
                       std::vector<ScoredSlot>& selected, WalkScratch& scratch) const;
  bool IsDiverse(const ScoredSlot& candidate, std::span<const ScoredSlot> selected,
                 WalkScratch& scratch) const;
  bool InsertOnLevel(uint32_t slot, size_t level, uint32_t& entry, uint32_t& entry_key,
                     WalkScratch& scratch);
  bool TryInsert(uint32_t slot, WalkScratch& scratch);
  void LinkOwn(uint32_t slot, size_t level, std::span<const ScoredSlot> selected);
  void LinkTo(uint32_t slot, size_t level, const ScoredSlot& neighbor, WalkScratch& scratch);
  bool RelinkLevel(uint32_t slot, size_t level, WalkScratch& scratch);
  void ScoreSlots(const QueryCode& query, std::span<const uint32_t> slots,
                  std::vector<ScoredSlot>& scored, WalkScratch& scratch) const;
  void QueryOf(uint32_t slot, QueryCode& query) const {
    quantizer_.QueryOfRow(memory_.Code(slot), memory_.Squares(slot), query);
  }
  uint32_t KeyOf(const QueryCode& query, uint32_t slot) const;
  bool IsCondemned(uint32_t slot) const { return StateOf(slot) == State::kCondemned; }
  bool IsDeadOrCondemned(uint32_t slot) const { return StateOf(slot) >= State::kDead; }

  const GraphSettings settings_;
  const Quantizer quantizer_;
  ScaleWatch scale_watch_;
  SlotMemory memory_;
  UpperLevels upper_;
  const CodeRows rows_;
  const NearerFunction nearer_;
  const BatchComparison batches_;
  const size_t expanded_together_;
  std::atomic<uint64_t> entry_{kNoEntry};
  std::atomic<size_t> slot_end_{0};
  std::atomic<float> largest_squares_{0};  // Of any row there ever was.
};

}  // namespace simile::index_internal

#endif  // SIMILE_INDEX_HNSW_GRAPH_H_

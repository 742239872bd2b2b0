#ifndef SIMILE_INDEX_WALK_SCRATCH_H_
#define SIMILE_INDEX_WALK_SCRATCH_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "index/candidate_pool.h"
#include "index/code_kernels.h"
#include "index/vector_index.h"
#include "index/visited_slots.h"

namespace simile::index_internal {

struct ScoredSlot {
  uint32_t key = 0;
  uint32_t slot = 0;

  auto operator<=>(const ScoredSlot&) const = default;
};

// The memory in which one thread walks graphs, of any index; used again, so that a search allocates
// nothing.
//
// Thread safety: none; OfThisThread gives each thread its own.
struct WalkScratch {
  static WalkScratch& OfThisThread() {
    thread_local WalkScratch scratch;
    return scratch;
  }

  VisitedSlots visited;
  VisitedSlots crossed;  // Of filtered walks.
  CandidatePool pool;
  uint32_t links[kRowsMax + 16];
  uint32_t fresh[kRowsMax + 16];
  uint32_t near_slots[kRowsMax + 16];
  uint32_t near_keys[kRowsMax + 16];

  SearchWork work;  // Of the walks since it was cleared.

  // Of inserts.
  QueryCode query;
  QueryCode owner_query;
  QueryCode candidate_query;
  std::vector<ScoredSlot> candidates;
  std::vector<ScoredSlot> selected;
  std::vector<ScoredSlot> kept;
  std::vector<uint32_t> slots;
};

}  // namespace simile::index_internal

#endif  // SIMILE_INDEX_WALK_SCRATCH_H_

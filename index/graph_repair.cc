#include "index/graph_repair.h"

#include <algorithm>
#include <utility>

namespace simile::index_internal {
namespace {

constexpr size_t kLivePerDead = 16;
constexpr size_t kDeadMin = 64;

}  // namespace

void GraphRepair::NoteDead(uint32_t slot) {
  dead_count_.fetch_add(1, std::memory_order_relaxed);
  const MutexLock lock(dead_mutex_);
  dead_.push_back(slot);
}

std::vector<uint32_t> GraphRepair::Step(size_t slots_max, size_t live_count) {
  if (!work_mutex_.TryLock()) return {};
  const MutexLock lock(work_mutex_, MutexLock::Adopt{});
  return Work(slots_max, live_count);
}

std::vector<uint32_t> GraphRepair::Work(size_t slots_max, size_t live_count) {
  switch (phase_) {
    case Phase::kGathering:
      if (Condemn(live_count)) phase_ = Phase::kSettling;
      return {};
    case Phase::kSettling:
      if (!epochs_.IsGracePeriodOver()) return {};
      BeginRelinking();
      phase_ = Phase::kRelinking;
      return {};
    case Phase::kRelinking:
      Relink(slots_max);
      if (next_slot_ < end_slot_) return {};
      EndRelinking();
      phase_ = Phase::kDraining;
      return {};
    case Phase::kDraining:
      if (!epochs_.IsGracePeriodOver()) return {};
      phase_ = Phase::kGathering;
      return Release();
  }
  return {};
}

bool GraphRepair::Condemn(size_t live_count) {
  {
    const MutexLock lock(dead_mutex_);
    if (dead_.size() < std::max(kDeadMin, live_count / kLivePerDead)) return false;
    condemned_ = std::exchange(dead_, {});
  }
  for (const uint32_t slot : condemned_) graph_.SetState(slot, HnswGraph::State::kCondemned);
  epochs_.BeginGracePeriod();
  return true;
}

void GraphRepair::BeginRelinking() {
  next_slot_ = 0;
  end_slot_ = graph_.slot_end();
  inbound_links_.assign(end_slot_, 0);
  highest_slot_.reset();
}

void GraphRepair::Relink(size_t slots_max) {
  WalkScratch& scratch = WalkScratch::OfThisThread();
  const ReaderEpochs::Visit visit(epochs_);
  uint32_t links[kRowsMax];
  for (size_t done = 0; done < slots_max && next_slot_ < end_slot_; ++done) {
    const auto slot = static_cast<uint32_t>(next_slot_++);
    const HnswGraph::State state = graph_.StateOf(slot);
    // One that is being inserted has no link to a condemned one: it began after the grace period.
    if (state == HnswGraph::State::kCondemned || state == HnswGraph::State::kNew) continue;
    graph_.RelinkAround(slot, scratch);
    const size_t count = graph_.LinksOf(slot, 0, links);
    for (size_t at = 0; at < count; ++at) {
      if (links[at] >= end_slot_) continue;
      uint8_t& inbound = inbound_links_[links[at]];
      inbound = static_cast<uint8_t>(std::min(inbound + 1, 255));
    }
    if (state != HnswGraph::State::kLive) continue;
    if (!highest_slot_.has_value() || graph_.LevelOf(slot) > graph_.LevelOf(*highest_slot_)) {
      highest_slot_ = slot;
    }
  }
}

void GraphRepair::EndRelinking() {
  WalkScratch& scratch = WalkScratch::OfThisThread();
  {
    const ReaderEpochs::Visit visit(epochs_);
    for (size_t slot = 0; slot < end_slot_; ++slot) {
      const auto at = static_cast<uint32_t>(slot);
      if (inbound_links_[slot] > 0 || !graph_.IsLive(at)) continue;
      graph_.LinkBack(at, scratch);
    }
    graph_.ReplaceDeadEntry(highest_slot_);
  }
  inbound_links_ = {};
  epochs_.BeginGracePeriod();
}

std::vector<uint32_t> GraphRepair::Release() {
  for (const uint32_t slot : condemned_) {
    graph_.ClearLinks(slot);
    graph_.SetState(slot, HnswGraph::State::kNew);
  }
  dead_count_.fetch_sub(condemned_.size(), std::memory_order_relaxed);
  return std::exchange(condemned_, {});
}

}  // namespace simile::index_internal

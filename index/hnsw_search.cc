#include "index/hnsw_search.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "index/code_scan.h"
#include "index/passing_slots.h"
#include "index/top_k.h"

namespace simile::index_internal {
namespace {

// How much further a search looks that met too many dead vectors.
constexpr size_t kWider = 4;

// A two-hop walk that has looked at the links of so many times the nodes that were reckoned with
// gives up.
constexpr double kNodesOfEstimate = 2;

size_t CandidatesOf(const SearchOptions& options, size_t live) {
  if (options.filter == nullptr) return live;
  const size_t passing = options.filter->count();
  return std::min(live, passing - std::min(passing, options.passing_elsewhere));
}

// While a vector is being replaced, both of its places are live for a moment; the nearer one
// counts. Keeps at most k.
void KeepFirstOfEach(std::vector<Neighbor>& found, size_t k) {
  absl::flat_hash_set<uint64_t> seen;
  seen.reserve(found.size());
  std::erase_if(found, [&](const Neighbor& one) { return !seen.insert(one.label).second; });
  if (found.size() > k) found.resize(k);
}

}  // namespace

HnswSearch::HnswSearch(const Place& place, std::span<const float> query,
                       const SearchOptions& options, WalkScratch& scratch)
    : place_(place),
      query_(query.data()),
      options_(options),
      scratch_(scratch),
      is_euclidean_(place.kernel.metric() == Metric::kEuclidean),
      live_(place.label_slots.size()),
      candidates_(CandidatesOf(options, live_)) {}

SearchPlan HnswSearch::Plan(size_t sharing) const {
  const SearchQuestion question{
      .vectors = live_,
      .candidates = candidates_,
      .is_filtered = options_.filter != nullptr,
      .ef = std::max(options_.ef_search != 0 ? options_.ef_search : place_.ef_search, options_.k),
      .links_max = place_.graph.links_max(),
      .sharing = sharing};
  return PlanSearch(question, place_.costs, options_);
}

SearchAnswer HnswSearch::Run() {
  const SearchPlan plan = Plan();
  scratch_.work = {};
  place_.graph.quantizer().EncodeQuery(query_, scratch_.query);
  if (plan.strategy == SearchStrategy::kExactScan) return Finished(plan, plan.strategy, Scan());
  std::vector<Neighbor> found;
  if (Walk(plan, found)) return Finished(plan, plan.strategy, std::move(found));
  return Finished(plan, SearchStrategy::kGraphThenScan, Scan());
}

SearchAnswer HnswSearch::AnswerOfScan(const SearchPlan& plan, size_t rows, size_t room,
                                      std::span<const uint32_t> slots) {
  scratch_.work = {.codes_compared = rows};
  std::optional<std::vector<Neighbor>> found = Settled(room, slots);
  if (!found.has_value()) {
    place_.graph.quantizer().EncodeQuery(query_, scratch_.query);
    found = Scan();
  }
  return Finished(plan, SearchStrategy::kExactScan, *std::move(found));
}

SearchAnswer HnswSearch::Finished(const SearchPlan& plan, SearchStrategy strategy,
                                  std::vector<Neighbor> neighbors) const {
  SearchAnswer answer{
      .neighbors = std::move(neighbors),
      .strategy = strategy,
      .exact = strategy == SearchStrategy::kExactScan || strategy == SearchStrategy::kGraphThenScan,
      .work = scratch_.work,
      .estimate = plan.estimate};
  for (Neighbor& neighbor : answer.neighbors) {
    neighbor.distance = place_.kernel.ToDistance(neighbor.distance);
  }
  return answer;
}

// False when it has found fewer than there are, or would have to walk everywhere.
bool HnswSearch::Walk(const SearchPlan& plan, std::vector<Neighbor>& found) {
  const size_t wanted = std::min(options_.k, candidates_);
  if (plan.strategy == SearchStrategy::kTwoHop && options_.filter != nullptr) {
    found = TwoHop(plan);
    return found.size() >= wanted;
  }
  // A walk to everything there is costs more than looking at everything. So does a wider walk to
  // where documents that match are far from the query.
  for (size_t ef = plan.ef; ef < live_; ef *= kWider) {
    found = Sweep(ef);
    if (found.size() >= wanted) return true;
    if (options_.filter != nullptr) return false;
  }
  return false;
}

// Dead vectors take up places among the candidates. Under a filter the k nearest are those that
// pass, at a rank that is left to chance.
WalkEnd HnswSearch::EndOf(size_t ef) const {
  WalkEnd end =
      options_.filter == nullptr ? place_.growth.EndOf(ef, FirstCount()) : WalkEnd{.places = ef};
  end.some_are_dead = place_.dead_count > 0;
  end.places += std::min(end.places, end.places * place_.dead_count / std::max<size_t>(1, live_));
  return end;
}

std::vector<Neighbor> HnswSearch::Sweep(size_t ef) {
  const HnswGraph& graph = place_.graph;
  const WalkEnd end = EndOf(ef);
  const uint32_t ended_by = graph.Walk(scratch_.query, end, scratch_);
  if (ended_by != kFarthestKey) {
    // By one that was not live: inserts run, or it was removed meanwhile. What lies behind was left
    // out.
    const size_t place = graph.PlaceOfLive(scratch_.pool, end.rank);
    if (place >= scratch_.pool.size() || scratch_.pool.key(place) > ended_by) {
      graph.Walk(scratch_.query, {.places = end.places}, scratch_);
    }
  }
  return Reranked();
}

std::vector<Neighbor> HnswSearch::TwoHop(const SearchPlan& plan) {
  const PassingSlots passing(place_.graph, *options_.filter);
  const auto nodes_max =
      static_cast<size_t>(kNodesOfEstimate * SearchCosts::TwoHopNodes(live_, candidates_, plan.ef,
                                                                      place_.graph.links_max()));
  if (!place_.graph.WalkPassing(scratch_.query, plan.ef, passing, nodes_max, scratch_)) return {};
  return Reranked();
}

// The k nearest of the walk's candidates, by float32: of the first k, and of all behind them that
// rounding may have put there.
std::vector<Neighbor> HnswSearch::Reranked() {
  const HnswGraph& graph = place_.graph;
  const size_t first = FirstCount();
  scratch_.slots.clear();
  uint32_t last_key = kFarthestKey;
  for (size_t at = 0; at < scratch_.pool.size(); ++at) {
    if (scratch_.slots.size() >= first && scratch_.pool.key(at) > last_key) break;
    const uint32_t slot = scratch_.pool.slot(at);
    if (!graph.IsLive(slot)) continue;
    if (options_.filter != nullptr && !options_.filter->Contains(graph.LabelOf(slot))) continue;
    scratch_.slots.push_back(slot);
    if (scratch_.slots.size() == first) {
      const uint32_t key = scratch_.pool.key(at);
      const uint32_t slack =
          graph.quantizer().KeySlack(scratch_.query, graph.SquaresOf(slot), is_euclidean_);
      last_key = key + std::min(slack, kFarthestKey - key);
    }
  }
  std::vector<Neighbor> found = NearestOf(scratch_.slots.size(), scratch_.slots);
  KeepFirstOfEach(found, options_.k);
  return found;
}

// The `count` nearest of some slots, by float32.
std::vector<Neighbor> HnswSearch::NearestOf(size_t count, std::span<const uint32_t> slots) {
  constexpr size_t kFetchedAhead = 3;
  const HnswGraph& graph = place_.graph;
  scratch_.work.vectors_compared += slots.size();
  for (const uint32_t slot : slots.first(std::min(slots.size(), kFetchedAhead))) {
    graph.FetchVector(slot);
  }
  TopK top(count);
  for (size_t at = 0; at < slots.size(); ++at) {
    if (at + kFetchedAhead < slots.size()) graph.FetchVector(slots[at + kFetchedAhead]);
    top.Offer(graph.LabelOf(slots[at]), place_.kernel.Key(query_, graph.VectorOf(slots[at])));
  }
  return top.Take();
}

void HnswSearch::ForEachCandidateBlock(
    const std::function<void(std::span<const uint32_t>)>& take) const {
  uint32_t block[kRowsMax];
  size_t count = 0;
  const auto add = [&](uint32_t slot) {
    block[count++] = slot;
    if (count < kRowsMax) return;
    take(std::span<const uint32_t>(block, count));
    count = 0;
  };
  if (options_.filter == nullptr) {
    const size_t end = place_.graph.slot_end();
    for (size_t at = 0; at < end; ++at) {
      if (const auto slot = static_cast<uint32_t>(at); place_.graph.IsLive(slot)) add(slot);
    }
  } else if (SearchCosts::IsCheaperByLabel(live_, options_.filter->count())) {
    const std::vector<uint32_t> slots =
        SlotsOfLabels(place_.graph, place_.label_slots, *options_.filter);
    for (const uint32_t slot : slots) add(slot);
  } else {
    PassingSlots(place_.graph, *options_.filter).ForEach(add);
  }
  if (count > 0) take(std::span<const uint32_t>(block, count));
}

// The answer when the `room` nearest are among `slots`; none when there must be more room, since
// places of one label are among them.
std::optional<std::vector<Neighbor>> HnswSearch::Settled(size_t room,
                                                         std::span<const uint32_t> slots) {
  std::vector<Neighbor> found = NearestOf(room, slots);
  const bool are_all = found.size() < room;
  KeepFirstOfEach(found, options_.k);
  if (are_all || found.size() == options_.k) return found;
  return std::nullopt;
}

std::vector<Neighbor> HnswSearch::Scan() {
  // Vectors that are being replaced may be met twice; then there must be room for both.
  for (size_t room = options_.k + place_.upserting;; room *= 2) {
    std::vector<uint32_t> slots;
    if (place_.graph.quantizer().format() == CodeFormat::kFloat32) {
      ForEachCandidateBlock([&](std::span<const uint32_t> block) {
        slots.insert(slots.end(), block.begin(), block.end());
      });
    } else {
      CodeScan scan(place_.graph, scratch_.query, room, scratch_);
      ForEachCandidateBlock([&](std::span<const uint32_t> block) { scan.Offer(block); });
      slots = scan.Take();
    }
    if (auto found = Settled(room, slots); found.has_value()) return *std::move(found);
  }
}

}  // namespace simile::index_internal

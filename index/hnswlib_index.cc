#include "index/hnswlib_index.h"

#include <hnswlib.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <new>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "fmt/format.h"
#include "index/distance.h"
#include "index/rooms.h"
#include "index/top_k.h"

namespace simile {
namespace {

constexpr size_t kFirstCapacity = 1024;

// Tombstones are used again from this share of the live vectors on: an update in place costs
// several inserts, while a tombstone costs a little of every search.
constexpr size_t kLivePerTombstone = 4;
constexpr size_t kTombstonesMin = 64;

// Upper levels, locks and maps: what a vector takes beside level 0.
constexpr size_t kOverheadBytes = 160;

// Counts itself for as long as it lives.
class Counted {
 public:
  explicit Counted(std::atomic<size_t>& count) : count_(count) { ++count_; }
  ~Counted() { --count_; }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;

 private:
  std::atomic<size_t>& count_;
};

// At most k of the sorted hits, each label once: while a vector is being replaced, both of its
// places are live for a moment.
std::vector<Neighbor> FirstOfEach(std::vector<Neighbor> hits, size_t k) {
  std::unordered_set<uint64_t> seen;
  std::erase_if(hits, [&seen](const Neighbor& hit) { return !seen.insert(hit.label).second; });
  if (hits.size() > k) hits.resize(k);
  return hits;
}

// hnswlib picks its kernels when it is compiled; this space brings ours, picked at run time.
class KernelSpace final : public hnswlib::SpaceInterface<float> {
 public:
  explicit KernelSpace(const DistanceKernel& kernel) : kernel_(kernel) {}

  size_t get_data_size() override { return kernel_.dimension() * sizeof(float); }
  hnswlib::DISTFUNC<float> get_dist_func() override { return &Key; }
  void* get_dist_func_param() override { return const_cast<DistanceKernel*>(&kernel_); }

 private:
  static float Key(const void* a, const void* b, const void* kernel) {
    return static_cast<const DistanceKernel*>(kernel)->Key(static_cast<const float*>(a),
                                                           static_cast<const float*>(b));
  }

  const DistanceKernel& kernel_;
};

// hnswlib's graph with a search that takes ef as an argument: its own reads a field that other
// threads may be setting.
class Graph final : public hnswlib::HierarchicalNSW<float> {
 public:
  Graph(hnswlib::SpaceInterface<float>* space, size_t capacity, size_t m, size_t ef_construction)
      : hnswlib::HierarchicalNSW<float>(space, capacity, m, ef_construction) {
    // The library looks one link ahead to fetch its vector, also behind the last link of a full
    // list: an unused one keeps that inside the list's own memory.
    size_links_per_element_ += sizeof(hnswlib::tableint);
  }

  // Calls visit(internal id, key) for the candidates, in no order. Not for an empty graph.
  template <typename Visit>
  void SearchWith(const float* query, size_t ef, Visit visit) const {
    hnswlib::tableint nearest = enterpoint_node_;
    float nearest_key = KeyOf(query, nearest);
    for (int level = maxlevel_; level > 0; --level) {
      for (bool moved = true; moved;) {
        moved = false;
        const auto* list = get_linklist(nearest, level);
        const auto* links = list + 1;
        for (size_t link = 0, count = getListCount(list); link < count; ++link) {
          const float key = KeyOf(query, links[link]);
          if (key >= nearest_key) continue;
          nearest_key = key;
          nearest = links[link];
          moved = true;
        }
      }
    }
    auto candidates = num_deleted_ > 0 ? searchBaseLayerST<true>(nearest, query, ef)
                                       : searchBaseLayerST<false>(nearest, query, ef);
    for (; !candidates.empty(); candidates.pop()) {
      visit(candidates.top().second, candidates.top().first);
    }
  }

  float KeyOf(const float* query, hnswlib::tableint internal) const {
    return fstdistfunc_(query, getDataByInternalId(internal), dist_func_param_);
  }

 private:
  // Const, which the library forgot to say of its own.
  static size_t getListCount(const hnswlib::linklistsizeint* list) {
    return *reinterpret_cast<const unsigned short*>(list);
  }
};

}  // namespace

class HnswlibIndex::State {
 public:
  explicit State(const IndexSettings& settings)
      : ef_search_(settings.ef_search),
        kernel_(settings.metric, settings.dimension),
        space_(kernel_),
        graph_(&space_, kFirstCapacity, settings.m, settings.ef_construction),
        slot_labels_(kFirstCapacity) {}

  absl::Status Upsert(uint64_t label, std::span<const float> vector);
  bool Remove(uint64_t label);
  absl::StatusOr<SearchAnswer> Search(std::span<const float> query, const SearchOptions& options);
  IndexStatistics Statistics();

  const DistanceKernel& kernel() const { return kernel_; }

 private:
  // A place in the graph; hnswlib knows it by this number.
  struct Place {
    size_t slot = 0;
    bool is_used_again = false;
  };

  Place TakePlace();
  void Insert(const Place& place, uint64_t label, const std::vector<float>& vector);
  void MakeRoomFor(size_t slot);
  void Bury(size_t slot);
  std::vector<Neighbor> ScanAll(const float* query, const SearchOptions& options) const;
  std::vector<Neighbor> SearchGraph(const float* query, size_t k, size_t ef) const;
  size_t LiveCount();

  const size_t ef_search_;
  const DistanceKernel kernel_;
  KernelSpace space_;

  // What the rooms guard: changed by inserts (each its own slot) or alone, read by searches.
  Rooms rooms_;
  Graph graph_;
  std::vector<uint64_t> slot_labels_;

  // Upserts that run now: each may have its vector at two places for a moment.
  std::atomic<size_t> upserting_{0};

  std::mutex places_mutex_;  // Guards all below; never held while waiting for a room.
  std::unordered_map<uint64_t, size_t> label_slots_;
  std::vector<size_t> tombstones_;
  size_t next_slot_ = 0;
};

HnswlibIndex::State::Place HnswlibIndex::State::TakePlace() {
  std::lock_guard lock(places_mutex_);
  if (tombstones_.size() > std::max(kTombstonesMin, label_slots_.size() / kLivePerTombstone)) {
    const size_t slot = tombstones_.back();
    tombstones_.pop_back();
    return {.slot = slot, .is_used_again = true};
  }
  return {.slot = next_slot_++};
}

void HnswlibIndex::State::MakeRoomFor(size_t slot) {
  {
    const Rooms::Visit visit(rooms_, Rooms::kSearching);
    if (slot < slot_labels_.size()) return;
  }
  // Growing moves everything, so nobody else may look.
  const Rooms::Visit visit(rooms_, Rooms::kAlone);
  if (slot < slot_labels_.size()) return;
  const size_t capacity = std::max(2 * slot_labels_.size(), slot + 1);
  graph_.resizeIndex(capacity);
  slot_labels_.resize(capacity);
}

void HnswlibIndex::State::Insert(const Place& place, uint64_t label,
                                 const std::vector<float>& vector) {
  MakeRoomFor(place.slot);
  // Using a tombstone again changes the library's count of them, which it does without a lock.
  const Rooms::Visit visit(rooms_, place.is_used_again ? Rooms::kAlone : Rooms::kInserting);
  slot_labels_[place.slot] = label;
  graph_.addPoint(vector.data(), place.slot);
}

void HnswlibIndex::State::Bury(size_t slot) {
  {
    const Rooms::Visit visit(rooms_, Rooms::kAlone);
    graph_.markDelete(slot);
  }
  std::lock_guard lock(places_mutex_);
  tombstones_.push_back(slot);
}

absl::Status HnswlibIndex::State::Upsert(uint64_t label, std::span<const float> vector) {
  const absl::StatusOr<std::vector<float>> prepared = kernel_.Prepare(vector);
  if (!prepared.ok()) return prepared.status();
  const Counted upserting(upserting_);
  const Place place = TakePlace();
  try {
    Insert(place, label, *prepared);
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError("no memory is left for another vector");
  } catch (const std::exception& exception) {
    return absl::ResourceExhaustedError(
        fmt::format("hnswlib could not insert a vector: {}", exception.what()));
  }
  size_t replaced = 0;
  bool is_new = false;
  {
    std::lock_guard lock(places_mutex_);
    const auto [found, inserted] = label_slots_.try_emplace(label, place.slot);
    is_new = inserted;
    replaced = std::exchange(found->second, place.slot);
  }
  if (!is_new) Bury(replaced);
  return absl::OkStatus();
}

bool HnswlibIndex::State::Remove(uint64_t label) {
  size_t slot = 0;
  {
    std::lock_guard lock(places_mutex_);
    const auto found = label_slots_.find(label);
    if (found == label_slots_.end()) return false;
    slot = found->second;
    label_slots_.erase(found);
  }
  Bury(slot);
  return true;
}

size_t HnswlibIndex::State::LiveCount() {
  std::lock_guard lock(places_mutex_);
  return label_slots_.size();
}

absl::StatusOr<SearchAnswer> HnswlibIndex::State::Search(std::span<const float> query,
                                                         const SearchOptions& options) {
  if (options.k == 0) return absl::InvalidArgumentError("k is 0; it must be at least 1");
  const absl::StatusOr<std::vector<float>> prepared = kernel_.Prepare(query);
  if (!prepared.ok()) return prepared.status();
  const size_t live = LiveCount();
  const size_t ef = std::max(options.ef_search != 0 ? options.ef_search : ef_search_, options.k);
  SearchAnswer answer;
  answer.estimate.vectors = live;
  answer.estimate.candidates =
      options.filter != nullptr ? std::min(live, options.filter->count()) : live;
  {
    const Rooms::Visit visit(rooms_, Rooms::kSearching);
    // A graph search for everything there is costs more than looking at everything.
    bool scan = options.exact || options.filter != nullptr || ef >= live;
    if (!scan) {
      answer.neighbors = SearchGraph(prepared->data(), options.k, ef);
      // Tombstones and unreachable places can leave too few.
      scan = answer.neighbors.size() < std::min(options.k, live);
    }
    if (scan) answer.neighbors = ScanAll(prepared->data(), options);
    answer.exact = scan;
    answer.strategy = scan ? SearchStrategy::kExactScan : SearchStrategy::kGraph;
  }
  for (Neighbor& neighbor : answer.neighbors) {
    neighbor.distance = kernel_.ToDistance(neighbor.distance);
  }
  return answer;
}

std::vector<Neighbor> HnswlibIndex::State::SearchGraph(const float* query, size_t k,
                                                       size_t ef) const {
  std::vector<Neighbor> found;
  found.reserve(ef);
  graph_.SearchWith(query, ef, [&](hnswlib::tableint internal, float key) {
    found.push_back({.label = slot_labels_[graph_.getExternalLabel(internal)], .distance = key});
  });
  std::ranges::sort(found, TopK::Nearer);
  return FirstOfEach(std::move(found), k);
}

std::vector<Neighbor> HnswlibIndex::State::ScanAll(const float* query,
                                                   const SearchOptions& options) const {
  TopK top(options.k + upserting_);
  for (hnswlib::tableint internal = 0; internal < graph_.cur_element_count; ++internal) {
    if (graph_.isMarkedDeleted(internal)) continue;
    const uint64_t label = slot_labels_[graph_.getExternalLabel(internal)];
    if (options.filter != nullptr && !options.filter->Contains(label)) continue;
    top.Offer(label, graph_.KeyOf(query, internal));
  }
  return FirstOfEach(top.Take(), options.k);
}

IndexStatistics HnswlibIndex::State::Statistics() {
  size_t capacity = 0;
  {
    const Rooms::Visit visit(rooms_, Rooms::kSearching);
    capacity = slot_labels_.size();
  }
  std::lock_guard lock(places_mutex_);
  return {.vector_count = label_slots_.size(),
          .removed_count = tombstones_.size(),
          .memory = {.links = capacity * (graph_.size_data_per_element_ - graph_.data_size_),
                     .vectors = capacity * graph_.data_size_,
                     .labels = next_slot_ * kOverheadBytes}};
}

HnswlibIndex::HnswlibIndex(const IndexSettings& settings)
    : state_(std::make_unique<State>(settings)) {}

HnswlibIndex::~HnswlibIndex() = default;

absl::Status HnswlibIndex::Upsert(uint64_t label, std::span<const float> vector) {
  return state_->Upsert(label, vector);
}

bool HnswlibIndex::Remove(uint64_t label) { return state_->Remove(label); }

absl::StatusOr<SearchAnswer> HnswlibIndex::Search(std::span<const float> query,
                                                  const SearchOptions& options) const {
  return state_->Search(query, options);
}

size_t HnswlibIndex::dimension() const { return state_->kernel().dimension(); }

Metric HnswlibIndex::metric() const { return state_->kernel().metric(); }

IndexStatistics HnswlibIndex::Statistics() const { return state_->Statistics(); }

}  // namespace simile

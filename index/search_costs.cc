#include "index/search_costs.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
#include <span>
#include <tuple>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "index/mutex.h"

namespace simile::index_internal {
namespace {

// More than what the second cache holds, so that rows come from where those of a collection do.
constexpr size_t kBufferBytes = size_t{8} << 20;
constexpr size_t kChunkSlots = 65'536;
constexpr size_t kRounds = 3;

// Of the rows, one in so many is compared with a batch.
constexpr size_t kBatchedRowsShare = 8;

// New neighbours of a node that a walk meets, on average.
constexpr size_t kRowsPerHop = 12;

// What a walk does for a node beside comparing, in rows that could be compared meanwhile: which
// neighbours are new, and where they belong.
constexpr double kRowsWorthOfHop = 6;

// Rows that pass a filter lie farther apart than those by which costs are measured.
constexpr double kFilteredRow = 1.5;

// To look at one link of a node and see whether it leads to what passes.
constexpr double kLinkNanoseconds = 3.5;

double ShareOf(size_t passing, size_t slots) {
  return static_cast<double>(passing) / static_cast<double>(std::max<size_t>(1, slots));
}

// What falls to each of some queries when a row takes so long for the first of them.
double SharedRow(double row_ns, double further_query_ns, size_t sharing) {
  const auto queries = static_cast<double>(sharing);
  return (row_ns + (queries - 1) * std::min(further_query_ns, row_ns)) / queries;
}

class Calibration {
 public:
  Calibration(const Quantizer& quantizer, bool euclidean, const CodeKernels& kernels)
      : nearer_(kernels.nearer(quantizer.format(), euclidean)),
        batches_(kernels, quantizer.format(), euclidean),
        row_count_(std::clamp<size_t>(kBufferBytes / quantizer.row_bytes(), 256, kChunkSlots)),
        memory_(row_count_ * (quantizer.row_bytes() + sizeof(float)), std::byte{1}),
        first_(memory_.data()),
        rows_{.chunks = &first_,
              .squares_offset = row_count_ * quantizer.row_bytes(),
              .row_bytes = quantizer.row_bytes()} {
    quantizer.EncodeQuery(std::vector<float>(quantizer.dimension(), 1.0f).data(), query_);
    batch_.queries.assign(QueryBatch::kQueriesMax, query_);
    batches_.Pack(batch_);
  }

  bool has_batches() const { return batches_.is_faster(); }

  double ScannedRowNanoseconds() {
    return Nanoseconds(RowsInOrder(), kRowsMax, kRounds, [this](auto some) { CompareOne(some); });
  }

  // A row and all queries of a full batch.
  double BatchedRowNanoseconds() {
    const std::vector<uint32_t> bounds(QueryBatch::kQueriesMax);
    // Each row takes so long that few are enough; others in each round, since the caches keep few.
    const std::vector<uint32_t> slots = RowsInOrder();
    const size_t count = slots.size() / kBatchedRowsShare;
    double best = INFINITY;
    for (size_t round = 0; round < kRounds; ++round) {
      const auto some = std::span(slots).subspan(round * count, count);
      const double row_ns = Nanoseconds(some, kRowsMax, 1, [&](std::span<const uint32_t> block) {
        batches_.NearerThan(rows_, batch_, block, bounds.data(), nullptr);
      });
      best = std::min(best, row_ns);
    }
    return best;
  }

  double WalkedRowNanoseconds() {
    // In an order that no prefetcher foresees (Knuth's MMIX generator).
    std::vector<uint32_t> slots(row_count_);
    uint64_t state = 1;
    for (uint32_t& slot : slots) {
      state = state * 6364136223846793005u + 1442695040888963407u;
      slot = static_cast<uint32_t>((state >> 33) % row_count_);
    }
    return Nanoseconds(slots, kRowsPerHop, kRounds, [this](auto some) { CompareOne(some); });
  }

 private:
  std::vector<uint32_t> RowsInOrder() const {
    std::vector<uint32_t> slots(row_count_);
    for (size_t at = 0; at < row_count_; ++at) slots[at] = static_cast<uint32_t>(at);
    return slots;
  }

  // Nothing is below 0: what a row takes, without what is found.
  void CompareOne(std::span<const uint32_t> slots) {
    nearer_(rows_, query_, slots.data(), slots.size(), 0, near_slots_, near_keys_);
  }

  // The best of some rounds, for each row.
  template <typename Compare>
  static double Nanoseconds(std::span<const uint32_t> slots, size_t block, size_t rounds,
                            Compare compare) {
    double best = INFINITY;
    for (size_t round = 0; round < rounds; ++round) {
      const auto begin = std::chrono::steady_clock::now();
      for (size_t first = 0; first < slots.size(); first += block) {
        compare(slots.subspan(first, std::min(block, slots.size() - first)));
      }
      const auto end = std::chrono::steady_clock::now();
      best = std::min(best, std::chrono::duration<double, std::nano>(end - begin).count());
    }
    return best / static_cast<double>(slots.size());
  }

  const NearerFunction nearer_;
  const BatchComparison batches_;
  const size_t row_count_;
  AlignedBytes memory_;
  std::byte* const first_;
  const CodeRows rows_;
  QueryCode query_;
  QueryBatch batch_;
  uint32_t near_slots_[kRowsMax + 16];
  uint32_t near_keys_[kRowsMax + 16];
};

}  // namespace

const SearchCosts& SearchCosts::Of(const Quantizer& quantizer, bool euclidean,
                                   const CodeKernels& kernels) {
  using Shape = std::tuple<CodeFormat, size_t, bool, std::string_view>;
  static Mutex mutex;
  static std::map<Shape, SearchCosts> known;
  const MutexLock lock(mutex);
  const auto [found, is_new] =
      known.try_emplace(Shape(quantizer.format(), quantizer.row_bytes(), euclidean, kernels.level));
  if (is_new) {
    Calibration calibration(quantizer, euclidean, kernels);
    found->second = {.scanned_row_ns = calibration.ScannedRowNanoseconds(),
                     .walked_row_ns = calibration.WalkedRowNanoseconds()};
    if (calibration.has_batches()) {
      const double further_ns = calibration.BatchedRowNanoseconds() - found->second.scanned_row_ns;
      found->second.further_query_ns = std::max(0.0, further_ns) / (QueryBatch::kQueriesMax - 1);
    }
  }
  return found->second;
}

bool SearchCosts::IsCheaperByLabel(size_t slots, size_t passing) {
  return kLookupNanoseconds * static_cast<double>(passing) <
         kFilteredSlotNanoseconds * static_cast<double>(slots);
}

double SearchCosts::ScanNanoseconds(size_t slots, size_t sharing) const {
  return SharedRow(scanned_row_ns, further_query_ns, sharing) * static_cast<double>(slots);
}

double SearchCosts::FilteredScanNanoseconds(size_t slots, size_t passing, size_t sharing) const {
  const auto rows = static_cast<double>(passing);
  const double find_ns =
      std::min(kLookupNanoseconds * rows, kFilteredSlotNanoseconds * static_cast<double>(slots));
  return find_ns / static_cast<double>(sharing) +
         kFilteredRow * SharedRow(walked_row_ns, further_query_ns, sharing) * rows;
}

// About half of the links that are looked at lead to what the walk has not met. It crosses nodes
// until it has met as many that pass as a node has links.
double SearchCosts::TwoHopNodes(size_t slots, size_t passing, size_t ef, size_t links_max) {
  const double share = ShareOf(passing, slots);
  const auto links = static_cast<double>(links_max);
  const double crossed = std::min((1 - share) * links / 2, 2 / std::max(share, 1e-9));
  return static_cast<double>(ef) * (1 + crossed);
}

double SearchCosts::TwoHopNanoseconds(size_t slots, size_t passing, size_t ef,
                                      size_t links_max) const {
  const auto hops = static_cast<double>(ef);
  const auto links = static_cast<double>(links_max);
  const double looked_at = links * TwoHopNodes(slots, passing, ef, links_max);
  const double rows = std::min(
      {static_cast<double>(passing), hops * links, ShareOf(passing, slots) * looked_at / 2});
  return kFilteredSlotNanoseconds * static_cast<double>(slots) + kLinkNanoseconds * looked_at +
         walked_row_ns * (rows + kRowsWorthOfHop * hops);
}

double SearchCosts::WalkNanoseconds(size_t slots, size_t ef, size_t links_max) const {
  // About half of the links of a node lead to what the walk has not met, fewer the more of the
  // graph it has met.
  const auto nodes = static_cast<double>(ef);
  const auto all = static_cast<double>(slots);
  const double rows = all * (1 - std::exp(-nodes * static_cast<double>(links_max) / 2 / all));
  return walked_row_ns * (rows + kRowsWorthOfHop * nodes);
}

}  // namespace simile::index_internal

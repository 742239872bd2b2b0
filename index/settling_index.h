#ifndef SIMILE_INDEX_SETTLING_INDEX_H_
#define SIMILE_INDEX_SETTLING_INDEX_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "index/flat_index.h"
#include "index/mutex.h"
#include "index/vector_index.h"

namespace simile {

// An index and, beside it, vectors that wait to be put into it: searches scan those, so they see
// everything at once, while putting many vectors into a graph takes long. What is changed meanwhile
// goes into the index. It writes no files: what waits would be missing there.
//
// Thread safety: as VectorIndex; Settle may run beside everything but Defer. Defer is for the
// beginning: beside other Defers, before all else.
// Cost: a search is one of the index and a scan of what waits. A change of what waits, and each
// step of Settle, waits until the scans that are running are done.
class SettlingIndex final : public VectorIndex {
 public:
  explicit SettlingIndex(std::shared_ptr<VectorIndex> index);

  // As Upsert, and Remove when `vector` is empty; but the vector waits.
  absl::Status Defer(uint64_t label, std::span<const float> vector);

  // Puts what waits into the index, with `threads` threads. `stop` is polled; true ends early,
  // which is no error. What an error leaves goes on waiting, for another Settle: ResourceExhausted
  // as of Upsert.
  absl::Status Settle(size_t threads, const std::atomic<bool>& stop);

  const std::shared_ptr<VectorIndex>& index() const { return index_; }

  absl::Status Upsert(uint64_t label, std::span<const float> vector) override;
  bool Remove(uint64_t label) override;
  absl::StatusOr<SearchAnswer> Search(std::span<const float> query,
                                      const SearchOptions& options) const override;
  std::vector<absl::StatusOr<SearchAnswer>> SearchBatch(
      std::span<const BatchQuery> queries) const override;
  size_t dimension() const override { return index_->dimension(); }
  Metric metric() const override { return index_->metric(); }
  // While Settle runs, some vectors count twice.
  IndexStatistics Statistics() const override;

 private:
  // Labels that share a lock. Whoever moves or changes one holds it, so that no label is moved
  // behind a newer change.
  struct Stripe {
    index_internal::Mutex mutex;
    // Those that wait, so that changes of others need not ask the scan.
    absl::flat_hash_set<uint64_t> waiting ABSL_GUARDED_BY(mutex);
  };
  static constexpr size_t kStripes = 64;

  Stripe& StripeOf(uint64_t label) { return stripes_[label % kStripes]; }
  absl::Status SettleBlock(std::span<const uint64_t> labels);
  absl::Status PutIntoIndex(uint64_t label);

  const std::shared_ptr<VectorIndex> index_;
  FlatIndex waiting_;
  std::array<Stripe, kStripes> stripes_;
};

}  // namespace simile

#endif  // SIMILE_INDEX_SETTLING_INDEX_H_

#ifndef SIMILE_INDEX_SETTLING_INDEX_H_
#define SIMILE_INDEX_SETTLING_INDEX_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

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
// Thread safety: as VectorIndex; Defer and Settle may run beside everything else.
// Cost: a search is one of the index and a scan of what waits.
class SettlingIndex final : public VectorIndex {
 public:
  explicit SettlingIndex(std::shared_ptr<VectorIndex> index);

  // As Upsert, and Remove when `vector` is empty; but the vector waits.
  absl::Status Defer(uint64_t label, std::span<const float> vector);

  // Puts what waits into the index, with `threads` threads. `stop` is polled; true ends early,
  // which is no error. What an error leaves goes on waiting: ResourceExhausted as of Upsert.
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
  IndexStatistics Statistics() const override;

 private:
  static constexpr size_t kStripes = 64;

  index_internal::Mutex& StripeOf(uint64_t label) { return stripes_[label % kStripes]; }
  absl::Status SettleOne(uint64_t label);

  const std::shared_ptr<VectorIndex> index_;
  FlatIndex waiting_;
  // Held by whoever moves or changes one of these labels: it is never moved behind a newer change.
  std::array<index_internal::Mutex, kStripes> stripes_;
};

}  // namespace simile

#endif  // SIMILE_INDEX_SETTLING_INDEX_H_

#include "index/settling_index.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "base/in_parallel.h"

namespace simile {

using index_internal::MutexLock;

namespace {

// Labels that a thread takes at a time. The scan gives them up together, so that searches without
// end, which it waits for, hold this up once for all.
constexpr size_t kSettledTogether = 256;

// Adds what a scan of waiting vectors has found. A label that is being moved is in both.
void Merge(const SearchAnswer& waiting, const SearchOptions& options, SearchAnswer& answer) {
  std::vector<Neighbor>& all = answer.neighbors;
  all.insert(all.end(), waiting.neighbors.begin(), waiting.neighbors.end());
  std::ranges::sort(all, {},
                    [](const Neighbor& one) { return std::pair(one.distance, one.label); });
  absl::flat_hash_set<uint64_t> seen;
  std::erase_if(all, [&seen](const Neighbor& one) { return !seen.insert(one.label).second; });
  if (all.size() > options.k) all.resize(options.k);
  answer.complete = answer.complete && waiting.complete;
  answer.work.vectors_compared += waiting.estimate.candidates;
  answer.estimate.vectors += waiting.estimate.vectors;
  answer.estimate.candidates += waiting.estimate.candidates;
  if (options.filter != nullptr) {
    answer.estimate.candidates = std::min(answer.estimate.candidates, options.filter->count());
  }
}

}  // namespace

SettlingIndex::SettlingIndex(std::shared_ptr<VectorIndex> index)
    : index_(std::move(index)), waiting_(index_->metric(), index_->dimension()) {}

absl::Status SettlingIndex::Defer(uint64_t label, std::span<const float> vector) {
  Stripe& stripe = StripeOf(label);
  const MutexLock lock(stripe.mutex);
  if (vector.empty()) {
    if (stripe.waiting.erase(label) > 0) waiting_.Remove(label);
  } else {
    if (absl::Status s = waiting_.Upsert(label, vector); !s.ok()) return s;
    stripe.waiting.insert(label);
  }
  index_->Remove(label);
  return absl::OkStatus();
}

absl::Status SettlingIndex::PutIntoIndex(uint64_t label) {
  Stripe& stripe = StripeOf(label);
  const MutexLock lock(stripe.mutex);
  if (!stripe.waiting.contains(label)) return absl::OkStatus();  // Changed meanwhile.
  return index_->Upsert(label, waiting_.Vector(label));
}

// First into the one, then out of the other: a search that looks meanwhile finds them.
absl::Status SettlingIndex::SettleBlock(std::span<const uint64_t> labels) {
  for (const uint64_t label : labels) {
    if (absl::Status s = PutIntoIndex(label); !s.ok()) return s;
  }
  waiting_.RemoveAll(labels);
  for (const uint64_t label : labels) {
    Stripe& stripe = StripeOf(label);
    const MutexLock lock(stripe.mutex);
    stripe.waiting.erase(label);
  }
  return absl::OkStatus();
}

absl::Status SettlingIndex::Settle(size_t threads, const std::atomic<bool>& stop) {
  const std::vector<uint64_t> labels = waiting_.Labels();
  const uint64_t blocks = (labels.size() + kSettledTogether - 1) / kSettledTogether;
  return InParallel(blocks, threads, &stop, [&](uint64_t block) {
    const size_t first = block * kSettledTogether;
    const size_t count = std::min(kSettledTogether, labels.size() - first);
    return SettleBlock(std::span(labels).subspan(first, count));
  });
}

absl::Status SettlingIndex::Upsert(uint64_t label, std::span<const float> vector) {
  Stripe& stripe = StripeOf(label);
  const MutexLock lock(stripe.mutex);
  if (absl::Status s = index_->Upsert(label, vector); !s.ok()) return s;
  if (stripe.waiting.erase(label) > 0) waiting_.Remove(label);
  return absl::OkStatus();
}

bool SettlingIndex::Remove(uint64_t label) {
  Stripe& stripe = StripeOf(label);
  const MutexLock lock(stripe.mutex);
  const bool has_waited = stripe.waiting.erase(label) > 0 && waiting_.Remove(label);
  return index_->Remove(label) || has_waited;
}

absl::StatusOr<SearchAnswer> SettlingIndex::Search(std::span<const float> query,
                                                   const SearchOptions& options) const {
  const BatchQuery one{.vector = query, .options = options};
  return std::move(SearchBatch({&one, 1}).front());
}

std::vector<absl::StatusOr<SearchAnswer>> SettlingIndex::SearchBatch(
    std::span<const BatchQuery> queries) const {
  // What waits comes first: what is moved meanwhile is then found in the index.
  const std::vector<absl::StatusOr<SearchAnswer>> waiting = waiting_.SearchBatch(queries);
  std::vector<BatchQuery> others(queries.begin(), queries.end());
  for (size_t at = 0; at < queries.size(); ++at) {
    // Else the index would look everywhere for labels that wait. What is moved meanwhile is counted
    // as waiting and found in both; that costs no result, since an index that has fewer than k
    // compares with all that pass.
    if (waiting[at].ok()) others[at].options.passing_elsewhere = waiting[at]->estimate.candidates;
  }
  std::vector<absl::StatusOr<SearchAnswer>> answers = index_->SearchBatch(others);
  for (size_t at = 0; at < queries.size(); ++at) {
    if (!waiting[at].ok()) answers[at] = waiting[at].status();
    if (answers[at].ok()) Merge(*waiting[at], queries[at].options, *answers[at]);
  }
  return answers;
}

IndexStatistics SettlingIndex::Statistics() const {
  IndexStatistics statistics = index_->Statistics();
  const IndexStatistics waiting = waiting_.Statistics();
  statistics.vector_count += waiting.vector_count;
  statistics.waiting_count = waiting.vector_count;
  statistics.memory.vectors += waiting.memory.vectors;
  statistics.memory.labels += waiting.memory.labels;
  return statistics;
}

}  // namespace simile

#include "server/engine/recall_sampler.h"

#include <algorithm>

#include "server/engine/stopwatch.h"

namespace simile {
namespace {

// A sample is followed by a rest of so many times what it took.
constexpr int kRestPerWork = 19;

}  // namespace

void RecallLog::Add(SearchStrategy strategy, bool is_filtered, size_t found, size_t wanted,
                    bool is_short) {
  WriteLock lock(mutex_);
  Sums& sums = sums_[{strategy, is_filtered}];
  ++sums.samples;
  sums.found += found;
  sums.wanted += wanted;
  sums.recall_min =
      std::min(sums.recall_min, static_cast<double>(found) / static_cast<double>(wanted));
  sums.short_answers += is_short ? 1 : 0;
}

std::vector<LiveRecall> RecallLog::Read() const {
  std::vector<LiveRecall> read;
  ReadLock lock(mutex_);
  for (const auto& [kind, sums] : sums_) {
    read.push_back({.strategy = kind.first,
                    .is_filtered = kind.second,
                    .sample_count = sums.samples,
                    .recall = static_cast<double>(sums.found) / static_cast<double>(sums.wanted),
                    .recall_min = sums.recall_min,
                    .short_count = sums.short_answers});
  }
  return read;
}

RecallSampler::RecallSampler(uint64_t every) : every_(every) {
  if (every_ > 0) thread_ = std::thread([this] { Run(); });
}

RecallSampler::~RecallSampler() {
  {
    WriteLock lock(mutex_);
    is_closing_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

bool RecallSampler::IsWanted() {
  if (every_ == 0 || is_busy_.load(std::memory_order_relaxed)) return false;
  return queries_.fetch_add(1, std::memory_order_relaxed) % every_ == 0;
}

void RecallSampler::Offer(RecallSample sample) {
  if (is_busy_.exchange(true)) return;
  {
    WriteLock lock(mutex_);
    next_ = std::move(sample);
  }
  changed_.notify_all();
}

void RecallSampler::Run() {
  for (;;) {
    std::optional<RecallSample> sample;
    {
      WriteLock lock(mutex_);
      while (!next_.has_value() && !is_closing_) changed_.wait(mutex_);
      if (is_closing_) return;
      sample = std::exchange(next_, std::nullopt);
    }
    const Stopwatch watch;
    AskAgain(*sample);
    const auto rest = kRestPerWork * watch.Elapsed();
    sample.reset();
    WriteLock lock(mutex_);
    if (!is_closing_) changed_.wait_for(mutex_, rest);
    is_busy_ = false;
  }
}

void RecallSampler::AskAgain(const RecallSample& sample) {
  const SearchOptions options{.k = sample.k,
                              .exact = true,
                              .filter = sample.labels.has_value() ? &*sample.labels : nullptr};
  const auto truth = sample.index->Search(sample.query, options);
  if (!truth.ok() || truth->neighbors.empty()) return;
  const size_t found =
      static_cast<size_t>(std::ranges::count_if(truth->neighbors, [&](const Neighbor& neighbor) {
        return std::ranges::find(sample.found, neighbor.label) != sample.found.end();
      }));
  sample.log->Add(sample.strategy, sample.labels.has_value(), found, truth->neighbors.size(),
                  sample.found.size() < truth->neighbors.size());
}

}  // namespace simile

#ifndef SIMILE_SERVER_ENGINE_RECALL_SAMPLER_H_
#define SIMILE_SERVER_ENGINE_RECALL_SAMPLER_H_

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "index/vector_index.h"
#include "server/engine/mutex.h"

namespace simile {

// What answers of one strategy were worth.
struct LiveRecall {
  SearchStrategy strategy = SearchStrategy::kGraph;
  bool is_filtered = false;
  uint64_t sample_count = 0;
  double recall = 0;         // Share of the true neighbors that were found, over all samples.
  double recall_min = 0;     // Of the worst sample.
  uint64_t short_count = 0;  // Samples with fewer neighbors than there were to find.
};

// The samples of one collection.
//
// Thread safety: all methods may be called together.
class RecallLog {
 public:
  void Add(SearchStrategy strategy, bool is_filtered, size_t found, size_t wanted, bool is_short);
  std::vector<LiveRecall> Read() const;

 private:
  struct Sums {
    uint64_t samples = 0;
    uint64_t found = 0;
    uint64_t wanted = 0;
    double recall_min = 1;
    uint64_t short_answers = 0;
  };

  mutable Mutex mutex_;
  std::map<std::pair<SearchStrategy, bool>, Sums> sums_ ABSL_GUARDED_BY(mutex_);
};

// A query that was answered, to be asked again.
struct RecallSample {
  std::shared_ptr<const VectorIndex> index;
  std::shared_ptr<RecallLog> log;
  std::vector<float> query;
  size_t k = 0;
  std::optional<LabelSet> labels;  // Of a filter.
  std::vector<uint64_t> found;
  SearchStrategy strategy = SearchStrategy::kGraph;
};

// Asks one of so many real queries again, exactly, in a thread of its own, and logs how much of the
// truth the answer had. It takes at most a twentieth of one core. What is written between the two
// searches counts against the answer, so a collection under heavy writing shows a little less.
//
// Thread safety: all methods may be called together.
class RecallSampler {
 public:
  // 0: never.
  explicit RecallSampler(uint64_t every);
  ~RecallSampler();
  RecallSampler(const RecallSampler&) = delete;
  RecallSampler& operator=(const RecallSampler&) = delete;

  // Whether the query that was just answered should be offered.
  bool IsWanted();

  // Left out when another one came in between.
  void Offer(RecallSample sample);

 private:
  void Run();
  static void AskAgain(const RecallSample& sample);

  const uint64_t every_;
  std::atomic<uint64_t> queries_{0};
  std::atomic<bool> is_busy_{false};

  Mutex mutex_;
  std::condition_variable_any changed_;
  std::optional<RecallSample> next_ ABSL_GUARDED_BY(mutex_);
  bool is_closing_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace simile

#endif  // SIMILE_SERVER_ENGINE_RECALL_SAMPLER_H_

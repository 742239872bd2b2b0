#ifndef SIMILE_INDEX_VECTOR_INDEX_H_
#define SIMILE_INDEX_VECTOR_INDEX_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "index/code_format.h"
#include "index/metric.h"

namespace simile {

// Decides which labels a search may return.
//
// Thread safety: Contains is const and is called from the searching thread only.
class LabelFilter {
 public:
  virtual ~LabelFilter() = default;
  virtual bool Contains(uint64_t label) const = 0;
};

struct Neighbor {
  uint64_t label = 0;
  float distance = 0;  // In the metric's unit (index/metric.h); smaller is nearer.
};

struct SearchOptions {
  size_t k = 10;         // Neighbors wanted, at least 1.
  size_t ef_search = 0;  // Size of the graph's candidate list; 0: the index's own. Raised to k.
  bool exact = false;    // True: compare with every vector.
  const LabelFilter* filter = nullptr;  // Not owned; null: every label may be returned.
};

// How a search was answered.
enum class SearchStrategy { kExactScan, kGraph };

struct SearchAnswer {
  std::vector<Neighbor> neighbors;  // Nearest first; equal distances by label. At most k.
  SearchStrategy strategy = SearchStrategy::kExactScan;
  bool exact = true;     // True when no nearer vector can have been missed.
  bool complete = true;  // True when there are min(k, vectors that pass the filter) neighbors.
};

struct IndexStatistics {
  size_t vector_count = 0;   // Vectors that a search can find.
  size_t removed_count = 0;  // Removed vectors whose memory is not yet free.
  size_t memory_bytes = 0;   // Estimate of all memory the index holds.
};

// A set of vectors of one dimension under one metric, searchable by nearness. Memory only: the
// store is the truth, and an index can always be rebuilt from it.
//
// Thread safety: all methods may be called together. A search sees every change whose call
// returned before the search began. Changes of one label must not run together: whose vector then
// stays is not said.
class VectorIndex {
 public:
  virtual ~VectorIndex() = default;

  // Adds `vector` under `label`, replacing what the label held before. InvalidArgument when the
  // size is not dimension(), the length is zero under cosine or above 1e18 under another metric;
  // ResourceExhausted when memory does not suffice. Cost: O(dimension) for a scan, one graph insert
  // for HNSW.
  virtual absl::Status Upsert(uint64_t label, std::span<const float> vector) = 0;

  // Forgets `label`. False when it was not there.
  virtual bool Remove(uint64_t label) = 0;

  // The nearest vectors to `query`. InvalidArgument when the size is not dimension(), k is 0, or
  // the query is zero under the cosine metric.
  virtual absl::StatusOr<SearchAnswer> Search(std::span<const float> query,
                                              const SearchOptions& options) const = 0;

  virtual size_t dimension() const = 0;
  virtual Metric metric() const = 0;
  virtual IndexStatistics Statistics() const = 0;
};

// Which engine holds the vectors.
enum class IndexEngine {
  kAuto,     // Exact scan while small, then our HNSW graph.
  kFlat,     // Always the exact scan.
  kHnswlib,  // Always the graph of hnswlib.
};

struct IndexSettings {
  size_t dimension = 0;
  Metric metric = Metric::kCosine;
  IndexEngine engine = IndexEngine::kAuto;
  CodeFormat codes = CodeFormat::kSq8;  // Of our graph.
  size_t m = 16;                 // Links per node and level (Malkov & Yashunin 2016), 2 to 96.
  size_t ef_construction = 200;  // Candidate list while building, 8 to 4096.
  size_t ef_search = 96;         // Candidate list of a search that names none, 1 to 16384.
};

// An empty index. InvalidArgument when a setting is out of its range.
absl::StatusOr<std::unique_ptr<VectorIndex>> NewVectorIndex(const IndexSettings& settings);

}  // namespace simile

#endif  // SIMILE_INDEX_VECTOR_INDEX_H_

#ifndef SIMILE_INDEX_VECTOR_INDEX_H_
#define SIMILE_INDEX_VECTOR_INDEX_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "index/code_format.h"
#include "index/label_set.h"
#include "index/metric.h"

namespace simile {

struct Neighbor {
  uint64_t label = 0;
  float distance = 0;  // In the metric's unit (index/metric.h); smaller is nearer.
};

// How a search is answered.
enum class SearchStrategy {
  kExactScan,      // Every vector that may be returned was compared, by its code or its components.
  kGraph,          // A walk over the graph; what the filter does not let through was passed over.
  kTwoHop,         // A walk that steps over what the filter does not let through.
  kGraphThenScan,  // A walk that found too few, and then the scan.
};

struct SearchOptions {
  size_t k = 10;  // Neighbors wanted, at least 1.
  // How many candidates a walk expands on average; 0: the index's own. Raised to k.
  size_t ef_search = 0;
  bool exact = false;                // True: compare with every vector.
  const LabelSet* filter = nullptr;  // Not owned; null: every label may be returned.
  // Labels of the filter that are known to be in another index, so that none looks for them here.
  size_t passing_elsewhere = 0;
  // For comparisons: this strategy and no other, where the engine has it. Else the cheaper one.
  std::optional<SearchStrategy> strategy;
};

// One of several queries. Nothing is owned.
struct BatchQuery {
  std::span<const float> vector;
  SearchOptions options;
};

// What a search looked at.
struct SearchWork {
  size_t nodes_visited = 0;  // Whose links were followed.
  size_t codes_compared = 0;
  size_t vectors_compared = 0;  // By float32 components.
};

// What the choice of a strategy was made by, in nanoseconds. 0: not reckoned.
struct SearchEstimate {
  double scan_ns = 0;
  double walk_ns = 0;     // The cheapest walk.
  size_t candidates = 0;  // Vectors that may be returned,
  size_t vectors = 0;     // of so many.
};

struct SearchAnswer {
  std::vector<Neighbor> neighbors;  // Nearest first; equal distances by label. At most k.
  SearchStrategy strategy = SearchStrategy::kExactScan;
  bool exact = true;     // True when no nearer vector can have been missed.
  bool complete = true;  // True when there are min(k, vectors that pass the filter) neighbors.
  SearchWork work;
  SearchEstimate estimate;
};

// Estimates of the bytes an index holds, by what they are for.
struct IndexMemory {
  size_t links = 0;    // Which vectors are near which, and the bookkeeping of places.
  size_t codes = 0;    // What walks compare.
  size_t vectors = 0;  // float32 components in memory of the process.
  size_t labels = 0;   // Where the vector of a label is.
  // float32 components that are mapped from files: the kernel keeps as much of them as it likes.
  size_t mapped = 0;

  // Without what is mapped.
  size_t total() const { return links + codes + vectors + labels; }
};

// What the choice of a strategy reckons with, in nanoseconds; all 0 where there is no choice.
struct PlannerCosts {
  double scanned_row_ns = 0;   // To compare a code that follows the one before in memory.
  double walked_row_ns = 0;    // To compare one that lies anywhere.
  double filtered_row_ns = 0;  // To ask a filter about a vector.
};

struct IndexStatistics {
  size_t vector_count = 0;      // Vectors that a search can find.
  size_t removed_count = 0;     // Removed vectors whose memory is not yet free.
  size_t waiting_count = 0;     // Of vector_count, those that are scanned until the graph has them.
  bool is_scale_stale = false;  // Codes fit recent vectors badly; an index anew would learn better.
  IndexMemory memory;
  PlannerCosts costs;
};

// What a checkpoint left on disk.
struct CheckpointReport {
  bool is_kept = false;  // False: the engine keeps no files, or not yet.
  size_t chunks_written = 0;
  uint64_t bytes_written = 0;  // Beside vectors, which the kernel writes.
};

// A set of vectors of one dimension under one metric, searchable by nearness. The
// store is the truth, and an index can always be rebuilt from it; files of its own only save time.
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

  // The answers to several queries in their order, each with a status of its own. Searches that
  // compare with the same vectors read these once for all; so such a batch takes less than its
  // queries alone, and more of them are compared with every vector. Else as Search.
  virtual std::vector<absl::StatusOr<SearchAnswer>> SearchBatch(
      std::span<const BatchQuery> queries) const;

  // Lets the scale of codes be learnt from `vectors`, end to end, which are typical of those that
  // will come; on an empty index, before all else, alone. Too few are not looked at, and engines
  // without codes need none.
  virtual void LearnFrom(std::span<const float> /*vectors*/) {}

  // Takes up what the last checkpoint left, with `threads` threads; on an empty index, before all
  // else, alone. Returns the sequence that was given to it: the changes up to it are there, and
  // those after it are to be made again. A vector whose file has changed since then is missing.
  // NotFound when there is no checkpoint. Any other error means that the files are of no use, with
  // the reason: DataLoss when they are damaged, FailedPrecondition when they are of another index
  // or a newer program. The index is empty then, and a new one may be made in the directory.
  virtual absl::StatusOr<uint64_t> Restore(size_t threads);

  // Writes what has changed since the last checkpoint, so that Restore finds it. `sequence` tells
  // until where all changes are in the index already. Changes and searches go on meanwhile. Errors:
  // PermissionDenied, ResourceExhausted (disk full) and the like; the last checkpoint stays then.
  virtual absl::StatusOr<CheckpointReport> Checkpoint(uint64_t sequence);

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
  size_t ef_search = 96;         // Of a search that names none, 1 to 16384.

  // Where the index may keep files, and nobody else does; made when missing. Empty: none are kept.
  std::string directory;
  uint64_t identity = 0;  // Files of an index of another identity, or other settings, are refused.
};

// Whether a checkpoint that was finished lies in the directory, of whatever index.
bool HasCheckpoint(const std::string& directory);

// An empty index. InvalidArgument when a setting is out of its range.
absl::StatusOr<std::unique_ptr<VectorIndex>> NewVectorIndex(const IndexSettings& settings);

}  // namespace simile

#endif  // SIMILE_INDEX_VECTOR_INDEX_H_

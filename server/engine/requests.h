#ifndef SIMILE_SERVER_ENGINE_REQUESTS_H_
#define SIMILE_SERVER_ENGINE_REQUESTS_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "filter/facet.h"
#include "filter/filter.h"
#include "index/vector_index.h"
#include "storage/document.h"
#include "storage/store.h"
#include "storage/write.h"

namespace simile {

// What goes into the engine and what comes out, as plain values. server/rpc converts them from and
// to the wire.

struct StageTimings {
  std::chrono::nanoseconds embed{};
  std::chrono::nanoseconds search{};
  std::chrono::nanoseconds fetch{};
  std::chrono::nanoseconds commit{};
  std::chrono::nanoseconds index{};
  std::chrono::nanoseconds filter{};
};

struct DocumentInput {
  std::string id;    // Empty: a ULID is minted.
  std::string text;  // Empty: none.
  std::optional<std::vector<float>> vector;
  Metadata metadata;
};

struct UpsertOutcome {
  absl::Status status;
  std::string id;
  bool created = false;
  bool embedded = false;
  uint32_t token_count = 0;
  bool truncated = false;
};

struct UpsertReport {
  std::vector<UpsertOutcome> outcomes;  // One per document, in order.
  uint64_t commit_sequence = 0;         // 0 when nothing was written.
  Durability durability = Durability::kFsync;
  StageTimings timings;
};

struct RemoveReport {
  uint64_t removed_count = 0;
  std::vector<std::string> missing_ids;
  uint64_t commit_sequence = 0;
  Durability durability = Durability::kFsync;
  StageTimings timings;
};

struct MetadataPatch {
  std::string id;
  Metadata set;
  std::vector<std::string> remove;
  bool replace = false;  // True: names not in `set` are dropped.
};

struct PatchReport {
  // One per patch, in order; of a change by filter the first failures, with the id as field.
  std::vector<absl::Status> statuses;
  uint64_t updated_count = 0;  // Documents.
  uint64_t failed_count = 0;   // Of a change by filter: documents that could not be changed.
  uint64_t commit_sequence = 0;
  Durability durability = Durability::kFsync;
  StageTimings timings;
};

struct ListPage {
  std::vector<StoredDocument> documents;
  uint64_t next_label = 0;  // Where the next page goes on; 0 on the last page.
};

struct StoredId {
  std::string id;
};

struct QueryTermInput {
  std::variant<std::string, std::vector<float>, StoredId> source;  // Text, vector or stored id.
  float weight = 1;
};

struct QueryInput {
  std::vector<QueryTermInput> terms;
  size_t limit = 10;
  size_t offset = 0;
  std::optional<float> score_threshold;
  DocumentFields fields;
  size_t ef_search = 0;  // 0: the collection's.
  bool exact = false;
  std::optional<Filter> filter;
  std::vector<Facet> facets;
};

// How a filter was answered.
struct FilterReport {
  uint64_t matching_count = 0;
  uint64_t documents_read = 0;  // Because the index of metadata could not tell.
  std::vector<std::string> notes;
};

struct FacetReport {
  std::string field;
  FacetCounts counts;
  uint64_t documents_read = 0;  // Because the field is not indexed.
};

struct CountReport {
  uint64_t count = 0;
  std::optional<FilterReport> filter;
  std::vector<FacetReport> facets;  // One per facet, in order.
};

// How a search was done.
struct SearchExplanation {
  SearchEstimate estimate;
  SearchWork work;         // Of all attempts.
  bool is_forced = false;  // Every vector was asked for, so there was nothing to choose.
  uint32_t attempts = 0;
};

struct SearchHitOutput {
  StoredDocument document;
  float score = 0;
  float distance = 0;
};

struct TermReport {
  uint32_t token_count = 0;
  bool truncated = false;
};

struct SearchReport {
  std::vector<SearchHitOutput> hits;
  std::vector<TermReport> terms;
  SearchStrategy strategy = SearchStrategy::kExactScan;
  bool exact = true;
  bool complete = true;
  std::optional<FilterReport> filter;
  std::vector<FacetReport> facets;  // One per facet, in order.
  SearchExplanation explanation;
  StageTimings timings;
};

struct SearchBatchReport {
  std::vector<absl::StatusOr<SearchReport>> reports;  // One per query, in order.
  StageTimings timings;                               // Of the whole batch.
};

}  // namespace simile

#endif  // SIMILE_SERVER_ENGINE_REQUESTS_H_

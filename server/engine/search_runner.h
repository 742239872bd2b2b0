#ifndef SIMILE_SERVER_ENGINE_SEARCH_RUNNER_H_
#define SIMILE_SERVER_ENGINE_SEARCH_RUNNER_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <unordered_set>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "index/vector_index.h"
#include "server/engine/call_context.h"
#include "server/engine/document_filter.h"
#include "server/engine/recall_sampler.h"
#include "server/engine/requests.h"
#include "server/engine/text_embedder.h"
#include "server/engine/validation.h"
#include "storage/store.h"

namespace simile {

// Answers the queries of one call: validate, embed all texts together, combine the terms, find out
// which documents match, search the index, fetch the documents, score. Queries without a filter are
// searched together, some dozens at a time.
//
// Thread safety: immutable; Run may be called together from several threads.
class SearchRunner {
 public:
  struct Target {
    const Store& store;
    uint32_t collection_id;
    const MetadataIndex& metadata;
    std::shared_ptr<const VectorIndex> index;
    const TextEmbedder* embedder;  // Null: queries cannot be texts.
    size_t ef_search;              // For queries that name none.
    RecallSampler& sampler;
    std::shared_ptr<RecallLog> recall_log;
  };

  explicit SearchRunner(const Target& target);

  absl::StatusOr<SearchBatchReport> Run(std::vector<absl::StatusOr<QueryInput>> queries,
                                        const CallContext& context) const;

 private:
  // What a query's terms come to.
  struct Combined {
    std::vector<float> vector;
    std::unordered_set<uint64_t> excluded_labels;  // Not to be answered: documents it names.
    std::vector<TermReport> terms;
    // What the index says, where it was asked together with others; and this query's part of the
    // time.
    std::optional<absl::StatusOr<SearchAnswer>> answer;
    std::chrono::nanoseconds answer_time{0};
  };

  absl::StatusOr<EncodeResult> EmbedTexts(const std::vector<absl::StatusOr<QueryInput>>& queries,
                                          const CallContext& context) const;
  absl::StatusOr<Combined> Combine(const QueryInput& query,
                                   std::vector<std::vector<float>> text_vectors) const;
  absl::StatusOr<Combined> CombineNext(const QueryInput& query, EncodeResult& encoded,
                                       size_t& next_text) const;
  // Asks the index for those that have no filter, if they are several.
  void SearchTogether(std::span<const absl::StatusOr<QueryInput>> queries,
                      std::span<absl::StatusOr<Combined>> combined) const;
  SearchOptions OptionsOf(const QueryInput& query, const Combined& combined,
                          const LabelSet* labels) const;
  // Reads at most `bytes_max` bytes of documents.
  absl::StatusOr<SearchReport> Answer(const QueryInput& query, Combined combined, size_t bytes_max,
                                      const CallContext& context) const;
  absl::StatusOr<SearchAnswer> SearchIndex(const QueryInput& query, Combined& combined,
                                           const LabelSet* labels, StageTimings& timings) const;
  void Explain(const QueryInput& query, const SearchAnswer& answer, SearchReport& report) const;
  void KeepPage(const QueryInput& query, const Combined& combined,
                std::vector<Neighbor>& neighbors) const;
  // Puts the documents into `report`; returns the labels of those that have vanished meanwhile, or
  // no longer match the filter.
  absl::StatusOr<std::vector<uint64_t>> FetchHits(const std::vector<Neighbor>& neighbors,
                                                  DocumentFields fields,
                                                  const std::optional<Filter>& filter,
                                                  SearchReport& report) const;

  const Target target_;
  const CollectionShape shape_;
};

// Higher is better: cos for cosine, 1 / (1 + d) for Euclidean, the dot product itself.
float ScoreOf(Metric metric, float distance);

}  // namespace simile

#endif  // SIMILE_SERVER_ENGINE_SEARCH_RUNNER_H_

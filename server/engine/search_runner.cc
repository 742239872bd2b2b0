#include "server/engine/search_runner.h"

#include <algorithm>
#include <cmath>
#include <string_view>
#include <utility>

#include "fmt/format.h"
#include "server/engine/errors.h"
#include "server/engine/facet_counter.h"
#include "server/engine/limits.h"
#include "server/engine/stopwatch.h"

namespace simile {
namespace {

// How often a search is done again when documents it found were removed before they were read.
constexpr int kVanishedRetries = 3;

// Queries that the index is asked for at once. Answers may be large, so they are not all of a call.
constexpr size_t kSearchedTogether = 32;

// Below this share of the weights' sum, what is left of terms that cancel out is rounding noise.
constexpr double kCancelledShare = 1e-6;

std::vector<uint64_t> LabelsOf(const std::vector<Neighbor>& neighbors) {
  std::vector<uint64_t> labels;
  labels.reserve(neighbors.size());
  for (const Neighbor& neighbor : neighbors) labels.push_back(neighbor.label);
  return labels;
}

double LengthOf(const std::vector<float>& vector) {
  double squares = 0;
  for (const float component : vector) squares += static_cast<double>(component) * component;
  return std::sqrt(squares);
}

}  // namespace

float ScoreOf(Metric metric, float distance) {
  switch (metric) {
    case Metric::kCosine:
      return 1 - distance;
    case Metric::kEuclidean:
      return 1 / (1 + distance);
    case Metric::kDotProduct:
      return -distance;
  }
  return 0;
}

SearchRunner::SearchRunner(const Target& target)
    : target_(target),
      shape_{.dimension = target.index->dimension(),
             .metric = target.index->metric(),
             .has_model = target.embedder != nullptr} {}

absl::StatusOr<SearchBatchReport> SearchRunner::Run(std::vector<absl::StatusOr<QueryInput>> queries,
                                                    const CallContext& context) const {
  for (absl::StatusOr<QueryInput>& query : queries) {
    if (!query.ok()) continue;
    if (absl::Status s = CheckQuery(*query, shape_); !s.ok()) query = s;
  }
  SearchBatchReport batch;
  Stopwatch embed_watch;
  auto encoded = EmbedTexts(queries, context);
  if (!encoded.ok()) return encoded.status();
  batch.timings.embed = embed_watch.Elapsed();

  size_t next_text = 0;
  size_t bytes_read = 0;
  for (size_t first = 0; first < queries.size(); first += kSearchedTogether) {
    const std::span some =
        std::span(queries).subspan(first, std::min(kSearchedTogether, queries.size() - first));
    std::vector<absl::StatusOr<Combined>> combined;
    for (const absl::StatusOr<QueryInput>& query : some) {
      if (absl::Status s = context.Check(); !s.ok()) return s;
      combined.push_back(query.ok() ? CombineNext(*query, *encoded, next_text) : query.status());
    }
    SearchTogether(some, combined);
    for (size_t at = 0; at < some.size(); ++at) {
      if (absl::Status s = context.Check(); !s.ok()) return s;
      if (!combined[at].ok()) {
        batch.reports.emplace_back(combined[at].status());
        continue;
      }
      absl::StatusOr<SearchReport> report =
          Answer(*some[at], *std::move(combined[at]), context.read_bytes_max - bytes_read, context);
      if (report.ok()) {
        for (const SearchHitOutput& hit : report->hits) bytes_read += hit.document.bytes_read;
        report->timings.embed = batch.timings.embed;
        batch.timings.search += report->timings.search;
        batch.timings.fetch += report->timings.fetch;
        batch.timings.filter += report->timings.filter;
      }
      batch.reports.push_back(std::move(report));
    }
  }
  return batch;
}

absl::StatusOr<SearchRunner::Combined> SearchRunner::CombineNext(const QueryInput& query,
                                                                 EncodeResult& encoded,
                                                                 size_t& next_text) const {
  std::vector<TermReport> terms;
  std::vector<std::vector<float>> text_vectors;
  for (const QueryTermInput& term : query.terms) {
    TermReport& report = terms.emplace_back();
    if (!std::holds_alternative<std::string>(term.source)) continue;
    Embedding& embedding = encoded.embeddings[next_text++];
    report = {.token_count = embedding.token_count, .truncated = embedding.truncated};
    text_vectors.push_back(std::move(embedding.vector));
  }
  absl::StatusOr<Combined> combined = Combine(query, std::move(text_vectors));
  if (combined.ok()) combined->terms = std::move(terms);
  return combined;
}

void SearchRunner::SearchTogether(std::span<const absl::StatusOr<QueryInput>> queries,
                                  std::span<absl::StatusOr<Combined>> combined) const {
  std::vector<Combined*> searched;
  std::vector<BatchQuery> batch;
  for (size_t at = 0; at < queries.size(); ++at) {
    // What a filter lets through is a set of its own for each query, and may be large.
    if (!combined[at].ok() || queries[at]->filter.has_value()) continue;
    searched.push_back(&*combined[at]);
    batch.push_back({.vector = combined[at]->vector,
                     .options = OptionsOf(*queries[at], *combined[at], nullptr)});
  }
  if (batch.size() <= 1) return;
  const Stopwatch watch;
  std::vector<absl::StatusOr<SearchAnswer>> answers = target_.index->SearchBatch(batch);
  const std::chrono::nanoseconds part = watch.Elapsed() / batch.size();
  for (size_t at = 0; at < searched.size(); ++at) {
    searched[at]->answer = std::move(answers[at]);
    searched[at]->answer_time = part;
  }
}

absl::StatusOr<EncodeResult> SearchRunner::EmbedTexts(
    const std::vector<absl::StatusOr<QueryInput>>& queries, const CallContext& context) const {
  std::vector<std::string_view> texts;
  for (const absl::StatusOr<QueryInput>& query : queries) {
    if (!query.ok()) continue;
    for (const QueryTermInput& term : query->terms) {
      if (const auto* text = std::get_if<std::string>(&term.source)) texts.push_back(*text);
    }
  }
  if (texts.empty()) return EncodeResult{};
  return target_.embedder->Encode(texts, context);
}

absl::StatusOr<SearchRunner::Combined> SearchRunner::Combine(
    const QueryInput& query, std::vector<std::vector<float>> text_vectors) const {
  Combined combined;
  std::vector<double> sum(shape_.dimension, 0);
  // Weights compare only between vectors of one length; under cosine the length means nothing.
  const bool scale_terms = shape_.metric == Metric::kCosine && query.terms.size() > 1;
  double weights = 0;
  size_t next_text = 0;
  for (size_t position = 0; position < query.terms.size(); ++position) {
    const QueryTermInput& term = query.terms[position];
    std::vector<float> vector;
    if (const auto* stored = std::get_if<StoredId>(&term.source)) {
      auto found = target_.store.GetById(target_.collection_id, std::span(&stored->id, 1),
                                         {.text_and_metadata = false, .vector = true});
      if (!found.ok()) return found.status();
      if (!found->front().has_value()) {
        return InField(fmt::format("terms[{}].id", position),
                       absl::NotFoundError(fmt::format("there is no document '{}'", stored->id)));
      }
      combined.excluded_labels.insert(found->front()->label);
      vector = std::move(found->front()->vector);
    } else if (const auto* given = std::get_if<std::vector<float>>(&term.source)) {
      vector = *given;
    } else {
      vector = std::move(text_vectors[next_text++]);
    }
    const double length = scale_terms ? LengthOf(vector) : 1;
    const double scale = length > 0 ? term.weight / length : 0;
    weights += std::fabs(term.weight);
    for (size_t axis = 0; axis < sum.size(); ++axis) sum[axis] += scale * vector[axis];
  }
  combined.vector.assign(sum.begin(), sum.end());
  const double length = LengthOf(combined.vector);
  if (!(length <= kVectorLengthMax)) {
    return InvalidField("terms",
                        fmt::format("the weighted terms add up to length {:g}; at most {:g} "
                                    "is possible: use smaller weights",
                                    length, kVectorLengthMax));
  }
  if (scale_terms && length < kCancelledShare * weights) {
    return InvalidField("terms",
                        "the weighted terms cancel each other out, so the query has no "
                        "direction; change a weight");
  }
  if (shape_.metric == Metric::kCosine && length < kCosineLengthMin) {
    return InvalidField("terms",
                        fmt::format("the weighted terms add up to length {:g}; the cosine metric "
                                    "takes {:g} and more: use larger weights",
                                    length, kCosineLengthMin));
  }
  return combined;
}

SearchOptions SearchRunner::OptionsOf(const QueryInput& query, const Combined& combined,
                                      const LabelSet* labels) const {
  return {.k = query.offset + query.limit + combined.excluded_labels.size(),
          .ef_search = query.ef_search != 0 ? query.ef_search : target_.ef_search,
          .exact = query.exact,
          .filter = labels};
}

// What was found together with others counts once: it is asked again when documents have vanished.
absl::StatusOr<SearchAnswer> SearchRunner::SearchIndex(const QueryInput& query, Combined& combined,
                                                       const LabelSet* labels,
                                                       StageTimings& timings) const {
  if (combined.answer.has_value()) {
    timings.search += combined.answer_time;
    absl::StatusOr<SearchAnswer> answer = *std::move(combined.answer);
    combined.answer.reset();
    return answer;
  }
  const Stopwatch watch;
  auto answer = target_.index->Search(combined.vector, OptionsOf(query, combined, labels));
  timings.search += watch.Elapsed();
  return answer;
}

absl::StatusOr<SearchReport> SearchRunner::Answer(const QueryInput& query, Combined combined,
                                                  size_t bytes_max,
                                                  const CallContext& context) const {
  DocumentFields fields = query.fields;
  fields.bytes_max = bytes_max;
  SearchReport report{.terms = std::move(combined.terms)};
  std::optional<LabelSet> labels;
  const Stopwatch filter_watch;
  if (query.filter.has_value()) {
    const DocumentFilter filter(target_.metadata, target_.store, target_.collection_id);
    auto matched = filter.Match(*query.filter, context);
    if (!matched.ok()) return matched.status();
    labels.emplace(std::move(matched->labels));
    report.filter = std::move(matched->report);
    fields.text_and_metadata = true;  // To see that hits still match.
  }
  const FacetCounter facets(target_.metadata, target_.store, target_.collection_id);
  auto counted =
      facets.Count(query.facets, labels.has_value() ? &labels->labels() : nullptr, context);
  if (!counted.ok()) return counted.status();
  report.facets = *std::move(counted);
  report.timings.filter = filter_watch.Elapsed();

  for (int attempt = 0;; ++attempt) {
    auto answer =
        SearchIndex(query, combined, labels.has_value() ? &*labels : nullptr, report.timings);
    if (!answer.ok()) return InField("terms", answer.status());
    Explain(query, *answer, report);
    const bool is_sampled = !answer->exact && target_.sampler.IsWanted();
    std::vector<uint64_t> found;
    if (is_sampled) found = LabelsOf(answer->neighbors);
    KeepPage(query, combined, answer->neighbors);
    const Stopwatch fetch_watch;
    report.hits.clear();
    const auto vanished = FetchHits(answer->neighbors, fields, query.filter, report);
    if (!vanished.ok()) return vanished.status();
    report.timings.fetch += fetch_watch.Elapsed();
    if (vanished->empty()) {
      if (is_sampled) {
        target_.sampler.Offer({.index = target_.index,
                               .log = target_.recall_log,
                               .query = std::move(combined.vector),
                               .k = query.offset + query.limit + combined.excluded_labels.size(),
                               .labels = std::move(labels),
                               .found = std::move(found),
                               .strategy = answer->strategy});
      }
      return report;
    }
    if (attempt == kVanishedRetries) {
      report.complete = false;
      return report;
    }
    // Looked past next time: a removal of many takes them out of the index one after the other.
    combined.excluded_labels.insert(vanished->begin(), vanished->end());
  }
}

void SearchRunner::Explain(const QueryInput& query, const SearchAnswer& answer,
                           SearchReport& report) const {
  report.strategy = answer.strategy;
  report.exact = answer.exact;
  report.complete = answer.complete;
  SearchExplanation& explanation = report.explanation;
  explanation.estimate = answer.estimate;
  explanation.work.nodes_visited += answer.work.nodes_visited;
  explanation.work.codes_compared += answer.work.codes_compared;
  explanation.work.vectors_compared += answer.work.vectors_compared;
  explanation.is_forced = query.exact;
  ++explanation.attempts;
}

// Of what the index found, what the query wants to see.
void SearchRunner::KeepPage(const QueryInput& query, const Combined& combined,
                            std::vector<Neighbor>& neighbors) const {
  std::erase_if(neighbors, [&combined](const Neighbor& neighbor) {
    return combined.excluded_labels.contains(neighbor.label);
  });
  const size_t skipped = std::min(query.offset, neighbors.size());
  neighbors.erase(neighbors.begin(), neighbors.begin() + static_cast<std::ptrdiff_t>(skipped));
  if (neighbors.size() > query.limit) neighbors.resize(query.limit);
  if (!query.score_threshold.has_value()) return;
  std::erase_if(neighbors, [&](const Neighbor& neighbor) {
    return ScoreOf(shape_.metric, neighbor.distance) < *query.score_threshold;
  });
}

absl::StatusOr<std::vector<uint64_t>> SearchRunner::FetchHits(
    const std::vector<Neighbor>& neighbors, DocumentFields fields,
    const std::optional<Filter>& filter, SearchReport& report) const {
  auto documents = target_.store.GetByLabel(target_.collection_id, LabelsOf(neighbors), fields);
  if (!documents.ok()) return documents.status();
  std::vector<uint64_t> vanished;
  for (size_t position = 0; position < neighbors.size(); ++position) {
    std::optional<StoredDocument>& document = (*documents)[position];
    if (!document.has_value() || (filter.has_value() && !IsMatch(*filter, *document))) {
      vanished.push_back(neighbors[position].label);
      continue;
    }
    report.hits.push_back({.document = *std::move(document),
                           .score = ScoreOf(shape_.metric, neighbors[position].distance),
                           .distance = neighbors[position].distance});
  }
  return vanished;
}

}  // namespace simile

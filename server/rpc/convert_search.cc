#include "server/rpc/convert_search.h"

#include "fmt/format.h"
#include "server/engine/errors.h"
#include "server/engine/limits.h"
#include "server/rpc/convert_document.h"
#include "server/rpc/convert_filter.h"
#include "server/rpc/convert_value.h"

namespace simile {
namespace {

absl::StatusOr<QueryTermInput> TermFromProto(const v1::QueryTerm& proto) {
  QueryTermInput term{.weight = proto.has_weight() ? proto.weight() : 1};
  switch (proto.source_case()) {
    case v1::QueryTerm::kText:
      term.source = proto.text();
      return term;
    case v1::QueryTerm::kId:
      term.source = StoredId{proto.id()};
      return term;
    case v1::QueryTerm::kVector:
      break;
    case v1::QueryTerm::SOURCE_NOT_SET:
      return InvalidField("", "the term has neither a text nor a vector nor an id");
  }
  absl::StatusOr<std::vector<float>> vector = FromProto(proto.vector());
  if (!vector.ok()) return InField("vector", vector.status());
  term.source = *std::move(vector);
  return term;
}

std::string ReasonOf(const SearchReport& report) {
  const SearchExplanation& explanation = report.explanation;
  const SearchEstimate& estimate = explanation.estimate;
  if (explanation.is_forced) return "the query asks for an exact answer";
  if (estimate.candidates == 0) return "no vector may be returned";
  if (estimate.scan_ns == 0 && estimate.walk_ns == 0) {
    return fmt::format("the index has no choice: it {} its {} vectors",
                       report.exact ? "compares all of" : "walks the graph of", estimate.vectors);
  }
  std::string reason = fmt::format(
      "{} of {} vectors may be returned: to compare them all was reckoned at {:.0f} us, a walk at "
      "{:.0f} us",
      estimate.candidates, estimate.vectors, estimate.scan_ns / 1e3, estimate.walk_ns / 1e3);
  if (report.strategy == SearchStrategy::kGraphThenScan) {
    reason += "; the walk found too few, so all were compared";
  }
  return reason;
}

void Explain(const SearchReport& report, v1::SearchExplanation& proto) {
  const SearchExplanation& explanation = report.explanation;
  proto.set_reason(ReasonOf(report));
  proto.set_candidate_count(explanation.estimate.candidates);
  proto.set_vector_count(explanation.estimate.vectors);
  proto.set_scan_estimate_us(explanation.estimate.scan_ns / 1e3);
  proto.set_walk_estimate_us(explanation.estimate.walk_ns / 1e3);
  proto.set_nodes_visited(explanation.work.nodes_visited);
  proto.set_codes_compared(explanation.work.codes_compared);
  proto.set_vectors_compared(explanation.work.vectors_compared);
  proto.set_attempts(explanation.attempts);
}

}  // namespace

absl::StatusOr<QueryInput> FromProto(const v1::Query& proto) {
  if (static_cast<size_t>(proto.terms_size()) > kQueryTermsMax) {
    return InvalidField("terms", fmt::format("the query has {} terms; it must have 1 to {}",
                                             proto.terms_size(), kQueryTermsMax));
  }
  QueryInput query{.limit = proto.has_limit() ? proto.limit() : kLimitDefault,
                   .offset = proto.offset(),
                   .fields = FieldsOf(proto.has_fields(), proto.fields()).ToRead(),
                   .ef_search = proto.ef_search(),
                   .exact = proto.exact()};
  if (proto.has_filter()) {
    absl::StatusOr<Filter> filter = FromProto(proto.filter());
    if (!filter.ok()) return InField("filter", filter.status());
    query.filter = *std::move(filter);
  }
  absl::StatusOr<std::vector<Facet>> facets = FromProto(proto.facets());
  if (!facets.ok()) return facets.status();
  query.facets = *std::move(facets);
  if (proto.has_score_threshold()) query.score_threshold = proto.score_threshold();
  for (const v1::QueryTerm& proto_term : proto.terms()) {
    absl::StatusOr<QueryTermInput> term = TermFromProto(proto_term);
    if (!term.ok()) return InField(fmt::format("terms[{}]", query.terms.size()), term.status());
    query.terms.push_back(*std::move(term));
  }
  return query;
}

v1::SearchPlan ToProto(SearchStrategy strategy) {
  switch (strategy) {
    case SearchStrategy::kExactScan:
      return v1::SEARCH_PLAN_EXACT_SCAN;
    case SearchStrategy::kGraph:
      return v1::SEARCH_PLAN_GRAPH;
    case SearchStrategy::kTwoHop:
      return v1::SEARCH_PLAN_GRAPH_TWO_HOP;
    case SearchStrategy::kGraphThenScan:
      return v1::SEARCH_PLAN_GRAPH_THEN_SCAN;
  }
  return v1::SEARCH_PLAN_UNSPECIFIED;
}

void ToProto(const SearchReport& report, const v1::Query& query, v1::SearchResponse& proto) {
  const AnswerFields fields = FieldsOf(query.has_fields(), query.fields());
  for (const SearchHitOutput& hit : report.hits) {
    v1::SearchHit& proto_hit = *proto.add_hits();
    ToProto(hit.document, fields, *proto_hit.mutable_document());
    proto_hit.set_score(hit.score);
    proto_hit.set_distance(hit.distance);
  }
  for (const TermReport& term : report.terms) {
    v1::TermInfo& proto_term = *proto.add_terms();
    proto_term.set_token_count(term.token_count);
    proto_term.set_truncated(term.truncated);
  }
  proto.set_exact(report.exact);
  proto.set_complete(report.complete);
  proto.set_plan(ToProto(report.strategy));
  if (report.filter.has_value()) ToProto(*report.filter, *proto.mutable_filter());
  for (const FacetReport& facet : report.facets) ToProto(facet, *proto.add_facets());
  if (query.explain()) Explain(report, *proto.mutable_explanation());
  ToProto(report.timings, *proto.mutable_timings());
}

}  // namespace simile

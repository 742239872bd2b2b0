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
  if (proto.has_score_threshold()) query.score_threshold = proto.score_threshold();
  for (const v1::QueryTerm& proto_term : proto.terms()) {
    absl::StatusOr<QueryTermInput> term = TermFromProto(proto_term);
    if (!term.ok()) return InField(fmt::format("terms[{}]", query.terms.size()), term.status());
    query.terms.push_back(*std::move(term));
  }
  return query;
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
  proto.set_plan(report.strategy == SearchStrategy::kGraph ? v1::SEARCH_PLAN_GRAPH
                                                           : v1::SEARCH_PLAN_EXACT_SCAN);
  if (report.filter.has_value()) {
    v1::FilterInfo& filter = *proto.mutable_filter();
    filter.set_matching_count(report.filter->matching_count);
    filter.set_documents_read(report.filter->documents_read);
    for (const std::string& note : report.filter->notes) filter.add_notes(note);
  }
  ToProto(report.timings, *proto.mutable_timings());
}

}  // namespace simile

#include "server/rpc/convert_filter.h"

#include <string>
#include <utility>

#include "fmt/format.h"
#include "server/engine/errors.h"
#include "server/engine/limits.h"
#include "server/rpc/convert_value.h"

namespace simile {
namespace {

absl::StatusOr<Filter> FilterFromProto(const v1::Filter& proto, size_t depth);

absl::StatusOr<std::vector<Filter>> ListFromProto(const char* name, const v1::FilterList& proto,
                                                  size_t depth) {
  std::vector<Filter> filters;
  for (const v1::Filter& one : proto.filters()) {
    absl::StatusOr<Filter> filter = FilterFromProto(one, depth + 1);
    if (!filter.ok()) return InField(fmt::format("{}[{}]", name, filters.size()), filter.status());
    filters.push_back(*std::move(filter));
  }
  return filters;
}

absl::Status CheckValueCount(int count) {
  if (static_cast<size_t>(count) <= kFilterValuesMax) return absl::OkStatus();
  return InvalidField("", fmt::format("the condition has {} values; at most {} are allowed", count,
                                      kFilterValuesMax));
}

absl::StatusOr<std::vector<Value>> ValuesFromProto(const v1::FieldValues& proto) {
  if (absl::Status s = CheckValueCount(proto.values_size()); !s.ok()) return s;
  std::vector<Value> values;
  for (const v1::Value& one : proto.values()) {
    absl::StatusOr<Value> value = FromProto(one);
    if (!value.ok()) return InField(fmt::format("values[{}]", values.size()), value.status());
    values.push_back(*std::move(value));
  }
  return values;
}

// FieldRange and FacetRange have the same bounds.
template <typename Range>
absl::StatusOr<InRange> RangeFromProto(const std::string& field, const Range& proto) {
  InRange range{.field = field};
  if (proto.has_low()) {
    absl::StatusOr<Value> low = FromProto(proto.low());
    if (!low.ok()) return InField("low", low.status());
    range.low = RangeBound{.value = *std::move(low), .is_inclusive = !proto.low_exclusive()};
  }
  if (proto.has_high()) {
    absl::StatusOr<Value> high = FromProto(proto.high());
    if (!high.ok()) return InField("high", high.status());
    range.high = RangeBound{.value = *std::move(high), .is_inclusive = !proto.high_exclusive()};
  }
  return range;
}

// The filter, or the error of its part, which is named unless the name is empty.
template <typename Kind, typename Make>
absl::StatusOr<Filter> Made(const std::string& name, absl::StatusOr<Kind> part, Make make) {
  if (!part.ok()) return name.empty() ? part.status() : InField(name, part.status());
  return Filter{make(*std::move(part))};
}

absl::StatusOr<Filter> FilterFromProto(const v1::Filter& proto, size_t depth) {
  if (depth > kFilterDepthMax) {
    return InvalidField("", fmt::format("the filter is nested more than {} deep", kFilterDepthMax));
  }
  switch (proto.kind_case()) {
    case v1::Filter::kAllOf:
      return Made("", ListFromProto("all_of", proto.all_of(), depth),
                  [](std::vector<Filter> filters) { return AllOf{std::move(filters)}; });
    case v1::Filter::kAnyOf:
      return Made("", ListFromProto("any_of", proto.any_of(), depth),
                  [](std::vector<Filter> filters) { return AnyOf{std::move(filters)}; });
    case v1::Filter::kNot:
      return Made("not", FilterFromProto(proto.not_(), depth + 1),
                  [](Filter filter) { return Not{{std::move(filter)}}; });
    case v1::Filter::kHasAny:
      return Made("has_any", ValuesFromProto(proto.has_any()), [&](std::vector<Value> values) {
        return HasAny{.field = proto.has_any().field(), .values = std::move(values)};
      });
    case v1::Filter::kHasAll:
      return Made("has_all", ValuesFromProto(proto.has_all()), [&](std::vector<Value> values) {
        return HasAll{.field = proto.has_all().field(), .values = std::move(values)};
      });
    case v1::Filter::kInRange:
      return Made("in_range", RangeFromProto(proto.in_range().field(), proto.in_range()),
                  [](InRange range) { return range; });
    case v1::Filter::kExists:
      return Filter{FieldExists{.field = proto.exists()}};
    case v1::Filter::kTextHasWord:
      return Filter{TextHasWord{.word = proto.text_has_word()}};
    case v1::Filter::kIds:
      if (absl::Status s = CheckValueCount(proto.ids().ids_size()); !s.ok()) {
        return InField("ids", s);
      }
      return Filter{HasId{.ids = {proto.ids().ids().begin(), proto.ids().ids().end()}}};
    case v1::Filter::KIND_NOT_SET:
      break;
  }
  return InvalidField("", "the condition has no kind, or one this server does not know");
}

absl::StatusOr<Facet> FacetFromProto(const v1::Facet& proto) {
  if (static_cast<size_t>(proto.ranges_size()) > kFacetRangesMax) {
    return InvalidField("ranges", fmt::format("the facet has {} ranges; at most {} are allowed",
                                              proto.ranges_size(), kFacetRangesMax));
  }
  const size_t unsaid = proto.ranges_size() == 0 ? kFacetValuesDefault : 0;
  Facet facet{.field = proto.field(), .limit = proto.has_limit() ? proto.limit() : unsaid};
  for (const v1::FacetRange& one : proto.ranges()) {
    absl::StatusOr<InRange> range = RangeFromProto(proto.field(), one);
    if (!range.ok()) {
      return InField(fmt::format("ranges[{}]", facet.ranges.size()), range.status());
    }
    facet.ranges.push_back(*std::move(range));
  }
  return facet;
}

}  // namespace

absl::StatusOr<Filter> FromProto(const v1::Filter& proto) { return FilterFromProto(proto, 1); }

absl::StatusOr<std::vector<Facet>> FromProto(
    const google::protobuf::RepeatedPtrField<v1::Facet>& proto) {
  if (static_cast<size_t>(proto.size()) > kFacetsMax) {
    return InvalidField("facets", fmt::format("there are {} facets; at most {} are allowed",
                                              proto.size(), kFacetsMax));
  }
  std::vector<Facet> facets;
  for (const v1::Facet& one : proto) {
    absl::StatusOr<Facet> facet = FacetFromProto(one);
    if (!facet.ok()) return InField(fmt::format("facets[{}]", facets.size()), facet.status());
    facets.push_back(*std::move(facet));
  }
  return facets;
}

void ToProto(const FilterReport& report, v1::FilterInfo& proto) {
  proto.set_matching_count(report.matching_count);
  proto.set_documents_read(report.documents_read);
  for (const std::string& note : report.notes) proto.add_notes(note);
}

void ToProto(const FacetReport& report, v1::FacetCounts& proto) {
  proto.set_field(report.field);
  for (const ValueCount& count : report.counts.values) {
    v1::FacetCounts::ValueCount& value = *proto.add_values();
    ToProto(ValueOf(count.value), *value.mutable_value());
    value.set_document_count(count.document_count);
  }
  proto.set_value_count(report.counts.value_count);
  for (const size_t count : report.counts.range_counts) proto.add_range_counts(count);
  proto.set_documents_read(report.documents_read);
}

}  // namespace simile

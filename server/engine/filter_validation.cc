#include "server/engine/filter_validation.h"

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "filter/scalar.h"
#include "filter/word_match.h"
#include "fmt/format.h"
#include "server/engine/errors.h"
#include "server/engine/limits.h"
#include "server/engine/validation.h"

namespace simile {
namespace {

// The names of maps inside each other, and the dots between them.
constexpr size_t kFieldBytesMax = (kMetadataKeyBytesMax + 1) * (kMetadataDepthLimit + 1);

absl::Status CheckField(const std::string& field) {
  if (field.empty()) return InvalidField("field", "the condition names no field");
  if (field.size() <= kFieldBytesMax) return absl::OkStatus();
  return InvalidField("field", fmt::format("the field has {} bytes; at most {} are possible",
                                           field.size(), kFieldBytesMax));
}

absl::Status CheckValues(const std::string& field, const std::vector<Value>& values) {
  if (absl::Status s = CheckField(field); !s.ok()) return s;
  if (values.empty() || values.size() > kFilterValuesMax) {
    return InvalidField("values", fmt::format("the condition has {} values; it must have 1 to {}",
                                              values.size(), kFilterValuesMax));
  }
  for (size_t at = 0; at < values.size(); ++at) {
    if (ScalarOf(values[at]).has_value()) continue;
    return InvalidField(fmt::format("values[{}]", at),
                        "nothing is equal to NaN, a list or a map; ask for a number, for the "
                        "elements, or for a path into the map");
  }
  return absl::OkStatus();
}

absl::Status CheckRange(const InRange& range) {
  if (absl::Status s = CheckField(range.field); !s.ok()) return s;
  if (!range.low.has_value() && !range.high.has_value()) {
    return InvalidField("",
                        "the range has neither a low nor a high bound; ask whether the field "
                        "exists");
  }
  for (const auto* bound : {&range.low, &range.high}) {
    if (!bound->has_value()) continue;
    const std::optional<Scalar> scalar = ScalarOf((*bound)->value);
    if (scalar.has_value() && !std::holds_alternative<Null>(*scalar)) continue;
    return InvalidField(bound == &range.low ? "low" : "high",
                        "NaN, null and lists have no place in an order; the bound must be a "
                        "number, string, bytes, bool or timestamp");
  }
  if (!range.low.has_value() || !range.high.has_value()) return absl::OkStatus();
  const std::partial_ordering order =
      CompareScalars(*ScalarOf(range.low->value), *ScalarOf(range.high->value));
  if (order == std::partial_ordering::unordered) {
    return InvalidField("", "the bounds of the range are of different types");
  }
  if (order == std::partial_ordering::greater) {
    return InvalidField("", "the low bound of the range is above the high one");
  }
  return absl::OkStatus();
}

absl::Status CheckFacet(const Facet& facet) {
  if (facet.field.empty()) return InvalidField("field", "the facet names no field");
  if (absl::Status s = CheckField(facet.field); !s.ok()) return s;
  if (facet.limit > kFacetValuesMax) {
    return InvalidField("limit", fmt::format("the limit is {}; at most {} values are told",
                                             facet.limit, kFacetValuesMax));
  }
  if (facet.ranges.size() > kFacetRangesMax) {
    return InvalidField("ranges", fmt::format("the facet has {} ranges; at most {} are allowed",
                                              facet.ranges.size(), kFacetRangesMax));
  }
  for (size_t at = 0; at < facet.ranges.size(); ++at) {
    absl::Status s = InField(fmt::format("ranges[{}]", at), CheckRange(facet.ranges[at]));
    if (!s.ok()) return s;
  }
  return absl::OkStatus();
}

class Checker {
 public:
  absl::Status Check(const Filter& filter, size_t depth) {
    if (depth > kFilterDepthMax) {
      return InvalidField("",
                          fmt::format("the filter is nested more than {} deep", kFilterDepthMax));
    }
    if (++nodes_ > kFilterNodesMax) {
      return InvalidField("",
                          fmt::format("the filter has more than {} conditions", kFilterNodesMax));
    }
    depth_ = depth;
    return std::visit([this](const auto& kind) { return CheckKind(kind); }, filter.kind);
  }

 private:
  absl::Status CheckEach(const char* name, const std::vector<Filter>& filters) {
    const size_t depth = depth_;
    for (size_t at = 0; at < filters.size(); ++at) {
      if (absl::Status s = Check(filters[at], depth + 1); !s.ok()) {
        return InField(fmt::format("{}[{}]", name, at), s);
      }
    }
    return absl::OkStatus();
  }

  absl::Status CheckKind(const AllOf& all) { return CheckEach("all_of", all.filters); }
  absl::Status CheckKind(const AnyOf& any) { return CheckEach("any_of", any.filters); }
  absl::Status CheckKind(const Not& inverse) {
    return InField("not", Check(inverse.filter.front(), depth_ + 1));
  }
  absl::Status CheckKind(const HasAny& condition) {
    return InField("has_any", CheckValues(condition.field, condition.values));
  }
  absl::Status CheckKind(const HasAll& condition) {
    return InField("has_all", CheckValues(condition.field, condition.values));
  }
  absl::Status CheckKind(const InRange& range) { return InField("in_range", CheckRange(range)); }
  absl::Status CheckKind(const FieldExists& condition) {
    return InField("exists", CheckField(condition.field));
  }
  absl::Status CheckKind(const TextHasWord& condition) {
    if (IsWord(condition.word)) return absl::OkStatus();
    return InvalidField("text_has_word",
                        fmt::format("'{}' is not one word: letters, digits and underscores without "
                                    "anything between them",
                                    condition.word));
  }
  absl::Status CheckKind(const HasId& condition) {
    if (condition.ids.size() > kFilterValuesMax) {
      return InvalidField("ids", fmt::format("the condition has {} ids; at most {} are allowed",
                                             condition.ids.size(), kFilterValuesMax));
    }
    for (size_t at = 0; at < condition.ids.size(); ++at) {
      if (absl::Status s = CheckId(condition.ids[at]); !s.ok()) {
        return InField(fmt::format("ids[{}]", at), s);
      }
    }
    return absl::OkStatus();
  }

  size_t nodes_ = 0;
  size_t depth_ = 0;
};

}  // namespace

absl::Status CheckFilter(const Filter& filter) { return Checker().Check(filter, 1); }

absl::Status CheckFacets(const std::vector<Facet>& facets) {
  if (facets.size() > kFacetsMax) {
    return InvalidField("facets", fmt::format("there are {} facets; at most {} are allowed",
                                              facets.size(), kFacetsMax));
  }
  for (size_t at = 0; at < facets.size(); ++at) {
    if (absl::Status s = InField(fmt::format("facets[{}]", at), CheckFacet(facets[at])); !s.ok()) {
      return s;
    }
  }
  return absl::OkStatus();
}

absl::Status CheckFilterFields(const std::vector<std::string>& fields) {
  if (fields.size() > kFilterFieldsMax) {
    return InvalidField("filter_fields", fmt::format("there are {} fields; at most {} are allowed",
                                                     fields.size(), kFilterFieldsMax));
  }
  std::set<std::string_view> seen;
  for (size_t at = 0; at < fields.size(); ++at) {
    const std::string place = fmt::format("filter_fields[{}]", at);
    if (fields[at].empty() || fields[at].size() > kFieldBytesMax) {
      return InvalidField(place, fmt::format("the field has {} bytes; it must have 1 to {}",
                                             fields[at].size(), kFieldBytesMax));
    }
    if (!seen.insert(fields[at]).second) {
      return InvalidField(place, fmt::format("the field '{}' is there twice", fields[at]));
    }
  }
  return absl::OkStatus();
}

}  // namespace simile

#ifndef SIMILE_FILTER_FILTER_H_
#define SIMILE_FILTER_FILTER_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/value.h"

namespace simile {

// A condition on a document, as a tree. What each kind means, also for fields that are missing,
// null, lists or of another type, is one table in proto/simile/v1/filter.proto and in README.md.

struct Filter;

// Every one of them; of none: every document.
struct AllOf {
  std::vector<Filter> filters;
};

// At least one of them; of none: no document.
struct AnyOf {
  std::vector<Filter> filters;
};

// Every document that the filter does not match.
struct Not {
  std::vector<Filter> filter;  // Exactly one.
};

// Some value of the field is equal to one of these.
struct HasAny {
  std::string field;
  std::vector<Value> values;
};

// For each of these some value of the field is equal to it.
struct HasAll {
  std::string field;
  std::vector<Value> values;
};

struct RangeBound {
  Value value;
  bool is_inclusive = true;
};

// Some value of the field, of the type of the bounds, lies between them.
struct InRange {
  std::string field;
  std::optional<RangeBound> low;   // At least one of the two.
  std::optional<RangeBound> high;  // Of the same type as `low`; int64 and double are one type.
};

// The field is there, whatever its value, null too.
struct FieldExists {
  std::string field;
};

// The text of the document has the word (filter/word_match.h).
struct TextHasWord {
  std::string word;
};

// The document is one of these.
struct HasId {
  std::vector<std::string> ids;
};

struct Filter {
  std::variant<AllOf, AnyOf, Not, HasAny, HasAll, InRange, FieldExists, TextHasWord, HasId> kind;
};

}  // namespace simile

#endif  // SIMILE_FILTER_FILTER_H_

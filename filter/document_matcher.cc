#include "filter/document_matcher.h"

#include <algorithm>

#include "filter/field_paths.h"
#include "filter/scalar.h"
#include "filter/word_match.h"

namespace simile {
namespace {

bool IsAbove(const Scalar& a, const Scalar& b, bool or_equal) {
  const std::partial_ordering order = CompareScalars(a, b);
  return order == std::partial_ordering::greater ||
         (or_equal && order == std::partial_ordering::equivalent);
}

class Matcher {
 public:
  explicit Matcher(const FilterSubject& subject) : subject_(subject) {}

  bool operator()(const AllOf& all) const {
    return std::ranges::all_of(all.filters, [&](const Filter& one) { return Is(one); });
  }
  bool operator()(const AnyOf& any) const {
    return std::ranges::any_of(any.filters, [&](const Filter& one) { return Is(one); });
  }
  bool operator()(const Not& inverse) const { return !Is(inverse.filter.front()); }
  bool operator()(const HasAny& condition) const {
    return std::ranges::any_of(condition.values,
                               [&](const Value& value) { return Has(condition.field, value); });
  }
  bool operator()(const HasAll& condition) const {
    return std::ranges::all_of(condition.values,
                               [&](const Value& value) { return Has(condition.field, value); });
  }
  bool operator()(const InRange& range) const {
    return Some(range.field, [&](const Scalar& scalar) { return IsInRange(range, scalar); });
  }
  bool operator()(const FieldExists& condition) const {
    bool has = false;
    ForEachValueAt(subject_.metadata, condition.field, [&has](const Value&) { has = true; });
    return has;
  }
  bool operator()(const TextHasWord& condition) const {
    return HasWord(subject_.text, condition.word);
  }
  bool operator()(const HasId& condition) const {
    return std::ranges::find(condition.ids, subject_.id) != condition.ids.end();
  }

 private:
  bool Is(const Filter& filter) const { return std::visit(*this, filter.kind); }

  template <typename Condition>
  bool Some(std::string_view field, const Condition& condition) const {
    bool has = false;
    ForEachValueAt(subject_.metadata, field, [&](const Value& value) {
      ForEachScalar(value, [&](const Scalar& scalar) { has = has || condition(scalar); });
    });
    return has;
  }

  bool Has(std::string_view field, const Value& value) const {
    const std::optional<Scalar> wanted = ScalarOf(value);
    if (!wanted.has_value()) return false;
    return Some(field, [&](const Scalar& scalar) { return scalar == *wanted; });
  }

  const FilterSubject& subject_;
};

}  // namespace

bool IsInRange(const InRange& range, const Scalar& scalar) {
  if (range.low.has_value()) {
    const std::optional<Scalar> low = ScalarOf(range.low->value);
    if (!low.has_value() || !IsAbove(scalar, *low, range.low->is_inclusive)) return false;
  }
  if (!range.high.has_value()) return true;
  const std::optional<Scalar> high = ScalarOf(range.high->value);
  return high.has_value() && IsAbove(*high, scalar, range.high->is_inclusive);
}

bool Matches(const Filter& filter, const FilterSubject& subject) {
  return std::visit(Matcher(subject), filter.kind);
}

}  // namespace simile

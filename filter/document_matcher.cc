#include "filter/document_matcher.h"

#include <algorithm>

#include "filter/scalar.h"
#include "filter/word_match.h"

namespace simile {
namespace {

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
    const std::optional<Scalar> low = BoundOf(range.low), high = BoundOf(range.high);
    if ((range.low.has_value() && !low.has_value()) ||
        (range.high.has_value() && !high.has_value())) {
      return false;
    }
    return Some(range.field, [&](const Scalar& scalar) {
      return (!low.has_value() || IsAbove(scalar, *low, range.low->is_inclusive)) &&
             (!high.has_value() || IsAbove(*high, scalar, range.high->is_inclusive));
    });
  }
  bool operator()(const FieldExists& condition) const {
    return subject_.metadata.contains(condition.field);
  }
  bool operator()(const TextHasWord& condition) const {
    return HasWord(subject_.text, condition.word);
  }
  bool operator()(const HasId& condition) const {
    return std::ranges::find(condition.ids, subject_.id) != condition.ids.end();
  }

 private:
  bool Is(const Filter& filter) const { return std::visit(*this, filter.kind); }

  static std::optional<Scalar> BoundOf(const std::optional<RangeBound>& bound) {
    return bound.has_value() ? ScalarOf(bound->value) : std::nullopt;
  }

  static bool IsAbove(const Scalar& a, const Scalar& b, bool or_equal) {
    const std::partial_ordering order = CompareScalars(a, b);
    return order == std::partial_ordering::greater ||
           (or_equal && order == std::partial_ordering::equivalent);
  }

  template <typename Condition>
  bool Some(std::string_view field, const Condition& condition) const {
    const auto found = subject_.metadata.find(field);
    if (found == subject_.metadata.end()) return false;
    bool has = false;
    ForEachScalar(found->second, [&](const Scalar& scalar) { has = has || condition(scalar); });
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

bool Matches(const Filter& filter, const FilterSubject& subject) {
  return std::visit(Matcher(subject), filter.kind);
}

}  // namespace simile

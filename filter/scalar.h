#ifndef SIMILE_FILTER_SCALAR_H_
#define SIMILE_FILTER_SCALAR_H_

#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <variant>

#include "base/value.h"

namespace simile {

// A number as filters compare them: int64 and double by what they are worth, with all bits of both.
// A double that is an integer is that integer; so equal numbers are equal keys.
class Number {
 public:
  // None for NaN, which is equal to nothing and in no range.
  static std::optional<Number> Of(double value);
  static Number Of(int64_t value) { return Number(value, 0); }

  // An int64 when it is worth one, else a double.
  std::variant<int64_t, double> value() const;

  std::strong_ordering operator<=>(const Number& other) const;
  bool operator==(const Number& other) const = default;

 private:
  Number(int64_t whole, double rest) : whole_(whole), rest_(rest) {}

  // whole_ + rest_, both of the number's sign, |rest_| < 1: what a double has behind the point is a
  // double itself. Beyond the range of int64 whole_ is the nearest end of it and rest_ what is
  // missing.
  int64_t whole_;
  double rest_;
};

// One value that is neither list nor map, by which documents can be told apart. Values of different
// types are never equal, except numbers.
using Scalar = std::variant<Null, bool, Number, std::string, Bytes, Timestamp>;

// None for NaN, lists and maps.
std::optional<Scalar> ScalarOf(const Value& value);

// A value that has this scalar.
Value ValueOf(const Scalar& scalar);

// The order within one type: false before true, numbers by worth, strings and bytes by their bytes,
// points in time as they follow. Unordered between types, and for null.
std::partial_ordering CompareScalars(const Scalar& a, const Scalar& b);

// An order of all scalars, first by type, for maps.
struct ScalarBefore {
  bool operator()(const Scalar& a, const Scalar& b) const {
    return a.index() != b.index() ? a.index() < b.index()
                                  : CompareScalars(a, b) == std::partial_ordering::less;
  }
};

// Calls `visit` for the value, or for every value in the list and in lists inside it. What has no
// Scalar is left out.
void ForEachScalar(const Value& value, const std::function<void(const Scalar&)>& visit);

}  // namespace simile

#endif  // SIMILE_FILTER_SCALAR_H_

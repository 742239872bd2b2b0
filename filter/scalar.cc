#include "filter/scalar.h"

#include <cmath>
#include <limits>
#include <utility>

namespace simile {
namespace {

// Every double from the first up to below the second has its whole part in int64.
constexpr double kInt64Begin = -0x1p63;
constexpr double kInt64End = 0x1p63;

template <typename Type>
std::partial_ordering Compared(const Type& a, const Type& b) {
  return a < b ? std::partial_ordering::less
               : (b < a ? std::partial_ordering::greater : std::partial_ordering::equivalent);
}

}  // namespace

std::optional<Number> Number::Of(double value) {
  if (std::isnan(value)) return std::nullopt;
  if (value < kInt64Begin) return Number(std::numeric_limits<int64_t>::min(), value - kInt64Begin);
  if (value >= kInt64End) {
    // The end itself is 1 above the largest int64; doubles out there are 2,048 apart.
    const double beyond = value - kInt64End;
    return Number(std::numeric_limits<int64_t>::max(), beyond + 1);
  }
  const double whole = std::trunc(value);
  return Number(static_cast<int64_t>(whole), value - whole);
}

std::variant<int64_t, double> Number::value() const {
  if (rest_ == 0) return whole_;
  // Put together as they were taken apart; 2^63 and beyond are what is missing from the end.
  if (rest_ >= 1) return kInt64End + (rest_ - 1);
  return static_cast<double>(whole_) + rest_;
}

std::strong_ordering Number::operator<=>(const Number& other) const {
  if (whole_ != other.whole_) return whole_ <=> other.whole_;
  if (rest_ == other.rest_) return std::strong_ordering::equal;
  return rest_ < other.rest_ ? std::strong_ordering::less : std::strong_ordering::greater;
}

std::optional<Scalar> ScalarOf(const Value& value) {
  if (std::holds_alternative<Null>(value.kind)) return Null();
  if (const auto* flag = std::get_if<bool>(&value.kind)) return *flag;
  if (const auto* integer = std::get_if<int64_t>(&value.kind)) return Number::Of(*integer);
  if (const auto* real = std::get_if<double>(&value.kind)) return Number::Of(*real);
  if (const auto* string = std::get_if<std::string>(&value.kind)) return *string;
  if (const auto* bytes = std::get_if<Bytes>(&value.kind)) return *bytes;
  if (const auto* time = std::get_if<Timestamp>(&value.kind)) return *time;
  return std::nullopt;
}

Value ValueOf(const Scalar& scalar) {
  if (const auto* number = std::get_if<Number>(&scalar)) {
    return std::visit([](auto value) { return Value{value}; }, number->value());
  }
  if (const auto* flag = std::get_if<bool>(&scalar)) return {*flag};
  if (const auto* string = std::get_if<std::string>(&scalar)) return {*string};
  if (const auto* bytes = std::get_if<Bytes>(&scalar)) return {*bytes};
  if (const auto* time = std::get_if<Timestamp>(&scalar)) return {*time};
  return {Null()};
}

std::partial_ordering CompareScalars(const Scalar& a, const Scalar& b) {
  if (a.index() != b.index()) return std::partial_ordering::unordered;
  if (const auto* flag = std::get_if<bool>(&a)) return Compared(*flag, std::get<bool>(b));
  if (const auto* number = std::get_if<Number>(&a)) return Compared(*number, std::get<Number>(b));
  if (const auto* string = std::get_if<std::string>(&a)) {
    return Compared(*string, std::get<std::string>(b));
  }
  if (const auto* bytes = std::get_if<Bytes>(&a)) {
    return Compared(bytes->data, std::get<Bytes>(b).data);
  }
  if (const auto* time = std::get_if<Timestamp>(&a)) {
    const Timestamp& other = std::get<Timestamp>(b);
    return Compared(std::pair(time->seconds, time->nanos), std::pair(other.seconds, other.nanos));
  }
  return std::partial_ordering::unordered;
}

void ForEachScalar(const Value& value, const std::function<void(const Scalar&)>& visit) {
  if (const auto* list = std::get_if<ValueList>(&value.kind)) {
    for (const Value& element : *list) ForEachScalar(element, visit);
    return;
  }
  if (const std::optional<Scalar> scalar = ScalarOf(value); scalar.has_value()) visit(*scalar);
}

}  // namespace simile

// What filters mean: each row of the table in filter/README.md.
#include "filter/document_matcher.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace simile {
namespace {

constexpr int64_t kLargest = std::numeric_limits<int64_t>::max();

Value Int(int64_t value) { return {value}; }
Value Real(double value) { return {value}; }
Value Text(std::string value) { return {std::move(value)}; }
Value List(ValueList values) { return {std::move(values)}; }

Filter Equal(Value value) { return {HasAny{.field = "f", .values = {std::move(value)}}}; }
Filter Above(Value value) { return {InRange{.field = "f", .low = RangeBound{value, false}}}; }
Filter AtLeast(Value value) { return {InRange{.field = "f", .low = RangeBound{value, true}}}; }
Filter Below(Value value) { return {InRange{.field = "f", .high = RangeBound{value, false}}}; }
Filter Exists() { return {FieldExists{.field = "f"}}; }

bool IsMatch(const Filter& filter, const Metadata& metadata) {
  return Matches(filter, {.id = "id", .text = "A red-green car.", .metadata = metadata});
}

// Of a document whose field `f` has the value.
bool IsMatch(const Filter& filter, Value value) {
  return IsMatch(filter, Metadata{{"f", std::move(value)}});
}

TEST(DocumentMatcherTest, AFieldThatIsMissingMatchesNoConditionAndEveryNegation) {
  const Metadata other{{"g", Int(1)}};
  for (const Filter& filter : {Equal(Int(1)), Equal({Null()}), Above(Int(0)), Exists()}) {
    EXPECT_FALSE(IsMatch(filter, other));
    EXPECT_TRUE(IsMatch({Not{{filter}}}, other));
  }
}

TEST(DocumentMatcherTest, NullIsAValueThatIsThereAndEqualToItselfOnly) {
  EXPECT_TRUE(IsMatch(Exists(), {Null()}));
  EXPECT_TRUE(IsMatch(Equal({Null()}), {Null()}));
  EXPECT_FALSE(IsMatch(Equal(Int(0)), {Null()}));
  EXPECT_FALSE(IsMatch(Equal({false}), {Null()}));
  EXPECT_FALSE(IsMatch(AtLeast({Null()}), {Null()}));
}

TEST(DocumentMatcherTest, NumbersAreComparedByWorthWithAllBits) {
  EXPECT_TRUE(IsMatch(Equal(Int(3)), Real(3)));
  EXPECT_TRUE(IsMatch(Equal(Real(3)), Int(3)));
  EXPECT_TRUE(IsMatch(Equal(Real(0)), Real(-0.0)));
  EXPECT_FALSE(IsMatch(Equal(Int(kLargest)), Int(kLargest - 1)));
  EXPECT_FALSE(IsMatch(Equal(Real(0x1p63)), Int(kLargest)));
  EXPECT_TRUE(IsMatch(Below(Real(0x1p63)), Int(kLargest)));
  EXPECT_TRUE(IsMatch(Above(Int(kLargest)), Real(0x1p63)));
  EXPECT_TRUE(IsMatch(Above(Int((1ll << 53))), Int((1ll << 53) + 1)));
  EXPECT_TRUE(IsMatch(Above(Real(2.5)), Int(3)));
  EXPECT_FALSE(IsMatch(Above(Real(2.5)), Int(2)));
  EXPECT_TRUE(IsMatch(Below(Int(-2)), Real(-2.5)));
  EXPECT_TRUE(IsMatch(Above(Int(kLargest)), Real(INFINITY)));
  EXPECT_TRUE(IsMatch(Below(Int(-kLargest - 1)), Real(-INFINITY)));
}

TEST(DocumentMatcherTest, NaNIsEqualToNothingAndInNoRange) {
  const Value nan = Real(std::nan(""));
  EXPECT_FALSE(IsMatch(Equal(nan), nan));
  EXPECT_FALSE(IsMatch(AtLeast(Real(-INFINITY)), nan));
  EXPECT_FALSE(IsMatch(AtLeast(nan), Int(1)));
  EXPECT_TRUE(IsMatch(Exists(), nan));
}

TEST(DocumentMatcherTest, AValueOfAnotherTypeDoesNotMatch) {
  EXPECT_FALSE(IsMatch(Equal(Int(1)), {true}));
  EXPECT_FALSE(IsMatch(Equal(Text("1")), Int(1)));
  EXPECT_FALSE(IsMatch(Equal({Bytes{"a"}}), Text("a")));
  EXPECT_FALSE(IsMatch(AtLeast(Int(0)), Text("5")));
  EXPECT_FALSE(IsMatch(AtLeast(Text("")), Int(5)));
}

TEST(DocumentMatcherTest, StringsAreOrderedByBytesAndPointsInTimeAsTheyFollow) {
  EXPECT_TRUE(IsMatch(Above(Text("Z")), Text("a")));
  EXPECT_TRUE(IsMatch(Above(Text("a")), Text("ä")));
  EXPECT_TRUE(IsMatch(Above({Timestamp{5, 1}}), {Timestamp{5, 2}}));
  EXPECT_TRUE(IsMatch(Below({Timestamp{-1, 0}}), {Timestamp{-2, 999'999'999}}));
  EXPECT_TRUE(IsMatch(Above({false}), {true}));
}

TEST(DocumentMatcherTest, AListMatchesWhenOneOfItsElementsDoes) {
  const Value list = List({Int(1), Int(9), List({Text("deep")})});
  EXPECT_TRUE(IsMatch(Equal(Int(9)), list));
  EXPECT_TRUE(IsMatch(Equal(Text("deep")), list));
  EXPECT_FALSE(IsMatch(Equal(Int(5)), list));
  // The same element must lie between both bounds.
  const Filter between{
      InRange{.field = "f", .low = RangeBound{Int(2), true}, .high = RangeBound{Int(8), true}}};
  EXPECT_FALSE(IsMatch(between, list));
  EXPECT_TRUE(IsMatch(between, List({Int(1), Int(5)})));
  EXPECT_TRUE(IsMatch({HasAll{.field = "f", .values = {Int(9), Int(1)}}}, list));
  EXPECT_FALSE(IsMatch({HasAll{.field = "f", .values = {Int(9), Int(5)}}}, list));
  EXPECT_TRUE(IsMatch(Exists(), List({})));
  EXPECT_FALSE(IsMatch(Equal({Null()}), List({})));
}

TEST(DocumentMatcherTest, AnEmptyAllOfMatchesEverythingAndAnEmptyAnyOfNothing) {
  EXPECT_TRUE(IsMatch({AllOf{}}, Metadata()));
  EXPECT_FALSE(IsMatch({AnyOf{}}, Metadata()));
  EXPECT_TRUE(IsMatch({Not{{{AnyOf{}}}}}, Metadata()));
  EXPECT_TRUE(IsMatch({AnyOf{{Equal(Int(1)), Exists()}}}, Int(2)));
  EXPECT_FALSE(IsMatch({AllOf{{Equal(Int(1)), Exists()}}}, Int(2)));
}

TEST(DocumentMatcherTest, WordsOfTheTextAndIds) {
  EXPECT_TRUE(IsMatch({TextHasWord{"green"}}, Metadata()));
  EXPECT_TRUE(IsMatch({TextHasWord{"RED"}}, Metadata()));
  EXPECT_FALSE(IsMatch({TextHasWord{"gree"}}, Metadata()));
  EXPECT_FALSE(IsMatch({TextHasWord{"red-green"}}, Metadata()));
  EXPECT_TRUE(IsMatch({HasId{{"x", "id"}}}, Metadata()));
  EXPECT_FALSE(IsMatch({HasId{{"ID"}}}, Metadata()));
}

}  // namespace
}  // namespace simile

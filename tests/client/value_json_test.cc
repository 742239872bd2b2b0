#include "client/cli/value_json.h"

#include <gmock/gmock.h>
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>

#include "tests/support/status_matchers.h"

namespace simile::cli {
namespace {

using ::absl::StatusCode;
using ::google::protobuf::util::MessageDifferencer;

// Through text, as a file of `get` goes back into `import`.
absl::StatusOr<v1::Value> ThroughText(const v1::Value& value) {
  return ValueFromJson(Json::parse(Dumped(ToJson(value)), nullptr, /*allow_exceptions=*/false));
}

MATCHER(ComesBack, "comes back from JSON as it was") {
  const auto back = ThroughText(arg);
  *result_listener << "JSON " << Dumped(ToJson(arg));
  return back.ok() && MessageDifferencer::Equals(*back, arg);
}

v1::Value DoubleValue(double number) {
  v1::Value value;
  value.set_double_value(number);
  return value;
}

v1::Value Int64Value(int64_t number) {
  v1::Value value;
  value.set_int64_value(number);
  return value;
}

v1::Value BytesValue(const std::string& bytes) {
  v1::Value value;
  value.set_bytes_value(bytes);
  return value;
}

absl::StatusOr<v1::Value> Parsed(const std::string& text) {
  return ValueFromJson(Json::parse(text, nullptr, /*allow_exceptions=*/false));
}

TEST(ValueJsonTest, NullBooleansAndStringsComeBack) {
  v1::Value value;
  value.set_null_value(v1::NULL_VALUE);
  EXPECT_THAT(value, ComesBack());
  EXPECT_EQ(Dumped(ToJson(value)), "null");
  value.set_bool_value(false);
  EXPECT_THAT(value, ComesBack());
  value.set_bool_value(true);
  EXPECT_THAT(value, ComesBack());
  for (const std::string text : {"", "plain", "\"quoted\"\n", "na\u00efve \u4e2d", "$double"}) {
    value.set_string_value(text);
    EXPECT_THAT(value, ComesBack());
  }
}

TEST(ValueJsonTest, IntegersKeepAllTheirBits) {
  for (const int64_t number :
       {int64_t{0}, int64_t{-1}, (int64_t{1} << 53) + 1, std::numeric_limits<int64_t>::min(),
        std::numeric_limits<int64_t>::max()}) {
    EXPECT_THAT(Int64Value(number), ComesBack());
    EXPECT_EQ(Dumped(ToJson(Int64Value(number))), std::to_string(number));
  }
}

TEST(ValueJsonTest, DoublesStayDoublesAndKeepAllTheirBits) {
  for (const double number :
       {0.0, 1.0, -2.5, 0.1, 1e300, 1e20, std::numeric_limits<double>::denorm_min(),
        std::numeric_limits<double>::max(), std::nextafter(1.0, 2.0)}) {
    EXPECT_THAT(DoubleValue(number), ComesBack());
  }
  const auto negative_zero = ThroughText(DoubleValue(-0.0));
  ASSERT_THAT(negative_zero, IsOk());
  EXPECT_TRUE(std::signbit(negative_zero->double_value()));
}

TEST(ValueJsonTest, NumbersThatJsonLacksAreNamed) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  EXPECT_THAT(DoubleValue(kInfinity), ComesBack());
  EXPECT_THAT(DoubleValue(-kInfinity), ComesBack());
  EXPECT_EQ(Dumped(ToJson(DoubleValue(-kInfinity))), R"({"$double":"-Infinity"})");
  EXPECT_EQ(Dumped(ToJson(DoubleValue(std::nan("")))), R"({"$double":"NaN"})");
  const auto back = ThroughText(DoubleValue(std::nan("")));
  ASSERT_THAT(back, IsOk());
  EXPECT_TRUE(back->has_double_value());
  EXPECT_TRUE(std::isnan(back->double_value()));
}

TEST(ValueJsonTest, BytesOfEveryLengthAndValueComeBack) {
  std::string all;
  for (int byte = 0; byte < 256; ++byte) {
    EXPECT_THAT(BytesValue(all), ComesBack());
    all += static_cast<char>(byte);
  }
  EXPECT_THAT(BytesValue(all), ComesBack());
}

TEST(ValueJsonTest, BytesAreTheBase64OfTheRfc) {
  EXPECT_EQ(Dumped(ToJson(BytesValue(""))), R"({"$bytes":""})");
  EXPECT_EQ(Dumped(ToJson(BytesValue("f"))), R"({"$bytes":"Zg=="})");
  EXPECT_EQ(Dumped(ToJson(BytesValue("fo"))), R"({"$bytes":"Zm8="})");
  EXPECT_EQ(Dumped(ToJson(BytesValue("foobar"))), R"({"$bytes":"Zm9vYmFy"})");
  EXPECT_EQ(Dumped(ToJson(BytesValue("\xfb\xff"))), R"({"$bytes":"+/8="})");
}

TEST(ValueJsonTest, TimestampsComeBackToTheNanosecond) {
  v1::Value value;
  value.mutable_timestamp_value()->set_seconds(1'767'323'045);
  EXPECT_EQ(Dumped(ToJson(value)), R"({"$timestamp":"2026-01-02T03:04:05Z"})");
  for (const int64_t seconds : {-62'135'596'800, -1L, 0L, 253'402'300'799}) {
    for (const int nanos : {0, 1, 120'000'000, 999'999'999}) {
      value.mutable_timestamp_value()->set_seconds(seconds);
      value.mutable_timestamp_value()->set_nanos(nanos);
      EXPECT_THAT(value, ComesBack());
    }
  }
}

TEST(ValueJsonTest, ListsNestAndMayBeEmpty) {
  v1::Value value;
  value.mutable_list_value();
  EXPECT_THAT(value, ComesBack());
  *value.mutable_list_value()->add_values() = Int64Value(7);
  *value.mutable_list_value()->add_values() = DoubleValue(7);
  value.mutable_list_value()->add_values()->mutable_list_value();
  *value.mutable_list_value()->add_values()->mutable_list_value()->add_values() = BytesValue("x");
  EXPECT_THAT(value, ComesBack());
  EXPECT_EQ(Dumped(ToJson(value)), R"([7,7.0,[],[{"$bytes":"eA=="}]])");
}

TEST(ValueJsonTest, ObjectsAreMapsAlsoWithinLists) {
  v1::Value value;
  auto& fields = *value.mutable_map_value()->mutable_fields();
  EXPECT_THAT(value, ComesBack());
  fields["b"] = Int64Value(7);
  fields["a"].mutable_list_value()->add_values()->mutable_map_value();
  EXPECT_THAT(value, ComesBack());
  EXPECT_EQ(Dumped(ToJson(value)), R"({"a":[{}],"b":7})");
}

TEST(ValueJsonTest, AMapThatReadsLikeAnotherTypeIsMarked) {
  v1::Value value;
  (*value.mutable_map_value()->mutable_fields())["$bytes"].set_string_value("eA==");
  EXPECT_THAT(value, ComesBack());
  EXPECT_EQ(Dumped(ToJson(value)), R"({"$map":{"$bytes":"eA=="}})");
  v1::Value marked;
  (*marked.mutable_map_value()->mutable_fields())["$map"] = value;
  EXPECT_THAT(marked, ComesBack());
  (*value.mutable_map_value()->mutable_fields())["$other"].set_bool_value(true);
  EXPECT_THAT(value, ComesBack());
}

TEST(ValueJsonTest, WhatIsWrongInsideAMapIsNamed) {
  EXPECT_THAT(Parsed(R"({"a":{"b":{"$bytes":1}}})"),
              StatusIs(StatusCode::kInvalidArgument, "'a': 'b': '$bytes' does not parse"));
}

TEST(ValueJsonTest, SpecialObjectsThatDoNotParseAreRefusedByName) {
  for (const char* text : {R"({"$bytes":"Zg="})", R"({"$bytes":"Zg=a"})", R"({"$bytes":"===="})",
                           R"({"$bytes":"Zm=vYmFy"})", R"({"$bytes":"Z-8="})",
                           R"({"$bytes":"Zm8\u0000"})", R"({"$bytes":7})"}) {
    EXPECT_THAT(Parsed(text), StatusIs(StatusCode::kInvalidArgument, "'$bytes'")) << text;
  }
  for (const char* text : {R"({"$timestamp":"yesterday"})", R"({"$timestamp":""})",
                           R"({"$timestamp":0})", R"({"$timestamp":"2026-13-01T00:00:00Z"})"}) {
    EXPECT_THAT(Parsed(text), StatusIs(StatusCode::kInvalidArgument, "'$timestamp'")) << text;
  }
  for (const char* text : {R"({"$double":"nan"})", R"({"$double":1.5})", R"({"$double":""})"}) {
    EXPECT_THAT(Parsed(text), StatusIs(StatusCode::kInvalidArgument, "'$double'")) << text;
  }
  EXPECT_THAT(Parsed(R"({"$date":"2026"})"), StatusIs(StatusCode::kInvalidArgument, "'$date'"));
}

TEST(ValueJsonTest, IntegersBeyond64SignedBitsAreRefusedWithTheNumber) {
  EXPECT_THAT(Parsed("9223372036854775807"), IsOk());
  EXPECT_THAT(Parsed("9223372036854775808"),
              StatusIs(StatusCode::kInvalidArgument, "9223372036854775808"));
  EXPECT_THAT(Parsed("[1, 18446744073709551615]"),
              StatusIs(StatusCode::kInvalidArgument, "18446744073709551615"));
}

}  // namespace
}  // namespace simile::cli

#include "server/engine/validation.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "embedder/utf8.h"
#include "server/engine/errors.h"
#include "server/engine/limits.h"
#include "tests/support/status_matchers.h"

namespace simile {
namespace {

constexpr absl::StatusCode kInvalid = absl::StatusCode::kInvalidArgument;
constexpr CollectionShape kTexts{.dimension = 2, .metric = Metric::kCosine, .has_model = true};

TEST(ValidationTest, CollectionNamesAreLettersDigitsUnderscoreAndHyphen) {
  EXPECT_THAT(CheckCollectionName("My_docs-2"), IsOk());
  EXPECT_THAT(CheckCollectionName(""), StatusIs(kInvalid, "no name"));
  EXPECT_THAT(CheckCollectionName("a/b"), StatusIs(kInvalid, "'a/b'"));
  EXPECT_THAT(CheckCollectionName(std::string(64, 'a')), IsOk());
  EXPECT_THAT(CheckCollectionName(std::string(65, 'a')), StatusIs(kInvalid, "65 bytes"));
}

TEST(ValidationTest, IdsHave1To512BytesOfUtf8) {
  EXPECT_THAT(CheckId(std::string(512, 'i')), IsOk());
  EXPECT_THAT(CheckId(std::string(513, 'i')),
              StatusIs(kInvalid, "513 bytes; it must have 1 to 512"));
  EXPECT_THAT(CheckId(""), StatusIs(kInvalid, "empty"));
  EXPECT_THAT(CheckId("\xff"), StatusIs(kInvalid, "UTF-8"));
}

TEST(ValidationTest, Utf8IsCheckedByTheTableOfWellFormedSequences) {
  for (const char* good : {"", "abc", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80",
                           "\xf4\x8f\xbf\xbf", "\xed\x9f\xbf"}) {
    EXPECT_TRUE(IsValidUtf8(good)) << good;
  }
  for (const char* bad :
       {"\x80", "\xc0\xaf", "\xc1\xbf", "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80",
        "\xf5\x80\x80\x80", "\xe2\x82", "\xf0\x9f\x98", "\xc3(", "\xe2\x28\xa1"}) {
    EXPECT_FALSE(IsValidUtf8(bad)) << bad;
  }
  EXPECT_TRUE(IsValidUtf8(std::string_view("a\0b", 3)));
}

TEST(ValidationTest, TextsAreNeitherEmptyNorBlankNorTooLong) {
  EXPECT_THAT(CheckText("?!"), IsOk());
  EXPECT_THAT(CheckText(""), StatusIs(kInvalid, "empty"));
  EXPECT_THAT(CheckText(" "), IsOk());
  EXPECT_THAT(CheckDocument({.text = " \n\t"}, kTexts),
              StatusIs(kInvalid, "white space (3 bytes)"));
  EXPECT_THAT(CheckText(std::string(kTextBytesMax, 'x')), IsOk());
  EXPECT_THAT(CheckText(std::string(kTextBytesMax + 1, 'x')), StatusIs(kInvalid, "1048577 bytes"));
}

TEST(ValidationTest, VectorsHaveTheDimensionAndFiniteComponents) {
  const CollectionShape shape{.dimension = 2, .metric = Metric::kEuclidean};
  const float nan = std::nanf(""), infinity = std::numeric_limits<float>::infinity();
  EXPECT_THAT(CheckVector(std::vector<float>{0, 0}, shape), IsOk());
  EXPECT_THAT(CheckVector(std::vector<float>{1}, shape), StatusIs(kInvalid, "1 dimensions"));
  EXPECT_THAT(CheckVector(std::vector<float>{1, nan}, shape), StatusIs(kInvalid, "component 1"));
  EXPECT_THAT(CheckVector(std::vector<float>{infinity, 1}, shape),
              StatusIs(kInvalid, "component 0 of the vector is inf"));
}

TEST(ValidationTest, TheCosineMetricNeedsADirectionThatFloatsCanHold) {
  EXPECT_THAT(CheckVector(std::vector<float>{0, 0}, kTexts), StatusIs(kInvalid, "zero"));
  EXPECT_THAT(CheckVector(std::vector<float>{1e-30f, 0}, kTexts), StatusIs(kInvalid, "1e-30"));
  EXPECT_THAT(CheckVector(std::vector<float>{1e30f, 0}, kTexts), StatusIs(kInvalid, "1e+30"));
  EXPECT_THAT(CheckVector(std::vector<float>{1e-10f, 0}, kTexts), IsOk());
}

TEST(ValidationTest, MetadataIsLimitedInNamesBytesAndDepth) {
  Metadata metadata;
  for (int number = 0; number < 5'000; ++number) {
    metadata["key" + std::to_string(number)] = Value{true};
  }
  EXPECT_THAT(CheckMetadata(metadata), StatusIs(kInvalid, "5000 names; at most 1024"));
  EXPECT_THAT(CheckMetadata({{"", Value{}}}), StatusIs(kInvalid, "0 bytes"));
  EXPECT_THAT(CheckMetadata({{std::string(257, 'k'), Value{}}}), StatusIs(kInvalid, "257 bytes"));
  EXPECT_THAT(CheckMetadata({{"big", Value{std::string(kMetadataBytesMax, 'x')}}}),
              StatusIs(kInvalid, "1048579 bytes"));
  Value nested{ValueList{}};
  for (size_t depth = 1; depth < kMetadataDepthLimit; ++depth) nested = Value{ValueList{nested}};
  EXPECT_THAT(CheckMetadata({{"deep", nested}}), IsOk());
  for (size_t extra = 0; extra < 2; ++extra) nested = Value{ValueList{nested}};
  EXPECT_THAT(CheckMetadata({{"deep", nested}}), StatusIs(kInvalid, "more than 8 deep"));
  EXPECT_THAT(CheckMetadata({{"t", Value{Timestamp{.seconds = 0, .nanos = -1}}}}),
              StatusIs(kInvalid, "timestamp"));
}

TEST(ValidationTest, QueriesAreLimitedInTermsLimitOffsetAndEf) {
  QueryInput query;
  EXPECT_THAT(CheckQuery(query, kTexts), StatusIs(kInvalid, "0 terms"));
  query.terms.push_back({.source = std::string("hello")});
  EXPECT_THAT(CheckQuery(query, kTexts), IsOk());
  query.limit = 0;
  EXPECT_THAT(CheckQuery(query, kTexts), StatusIs(kInvalid, "the limit is 0"));
  query.limit = 100'001;
  EXPECT_THAT(CheckQuery(query, kTexts), StatusIs(kInvalid, "the limit is 100001"));
  query.limit = 10;
  query.offset = 99'991;
  EXPECT_THAT(CheckQuery(query, kTexts), StatusIs(kInvalid, "at most 100000"));
  query.offset = 0;
  query.ef_search = 16'385;
  EXPECT_THAT(CheckQuery(query, kTexts), StatusIs(kInvalid, "16385"));
  query.ef_search = 0;
  query.terms.front().weight = 0;
  const absl::Status zero_weight = CheckQuery(query, kTexts);
  EXPECT_THAT(zero_weight, StatusIs(kInvalid, "the weight is 0"));
  EXPECT_EQ(FieldOf(zero_weight), "terms[0].weight");
}

TEST(ValidationTest, CollectionSettingsHaveRanges) {
  EXPECT_THAT(CheckCollectionSettings({.name = "docs"}), IsOk());
  EXPECT_THAT(CheckCollectionSettings({.name = "docs", .dimension = 4'097}),
              StatusIs(kInvalid, "dimension is 4097"));
  EXPECT_THAT(CheckCollectionSettings({.name = "docs", .m = 1}), StatusIs(kInvalid, "2 to 96"));
  EXPECT_THAT(CheckCollectionSettings({.name = "docs", .ef_construction = 5'000}),
              StatusIs(kInvalid, "8 to 4096"));
}

}  // namespace
}  // namespace simile

#include "client/cli/output.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <random>
#include <sstream>
#include <string>
#include <vector>

namespace simile::cli {
namespace {

std::string Written(OutputFormat format, const std::vector<Json>& rows, bool single = false) {
  std::ostringstream stream;
  {
    Output output(stream, format, {"id", "score"}, single);
    for (const Json& row : rows) output.Add(row);
  }
  return stream.str();
}

const std::vector<Json>& TwoRows() {
  static const std::vector<Json> rows = {{{"id", "apple"}, {"score", 0.5}, {"text", "red"}},
                                         {{"id", "fig"}, {"score", 12.25}, {"text", "green"}}};
  return rows;
}

TEST(OutputTest, ATableHasItsColumnsOnlyAndNumbersToTheRight) {
  EXPECT_EQ(Written(OutputFormat::kTable, TwoRows()),
            "id       score\n"
            "apple   0.5000\n"
            "fig    12.2500\n");
}

TEST(OutputTest, ATableShowsMissingFieldsAsBlanksAndOtherKindsAsJson) {
  EXPECT_EQ(Written(OutputFormat::kTable,
                    {{{"id", "a"}, {"score", nullptr}}, {{"score", {1, "x"}}}, {{"id", "b"}}}),
            "id  score\n"
            "a\n"
            "    [1,\"x\"]\n"
            "b\n");
}

TEST(OutputTest, CharactersOfSeveralBytesKeepTheColumnsInLine) {
  EXPECT_EQ(Written(OutputFormat::kTable,
                    {{{"id", "\u00e9\u00e9\u00e9"}, {"score", 1}}, {{"id", "abc"}, {"score", 2}}}),
            "id   score\n"
            "\u00e9\u00e9\u00e9      1\n"
            "abc      2\n");
}

TEST(OutputTest, LongTextsAndLineBreaksStayInTheirRow) {
  const std::string table =
      Written(OutputFormat::kTable, {{{"id", "a\nb" + std::string(200, 'x')}, {"score", 1}}});
  EXPECT_EQ(std::count(table.begin(), table.end(), '\n'), 2);
  EXPECT_THAT(table, ::testing::HasSubstr("a b"));
  EXPECT_THAT(table, ::testing::HasSubstr("xxx…"));
  EXPECT_THAT(table, ::testing::Not(::testing::HasSubstr(std::string(80, 'x'))));
}

TEST(OutputTest, JsonIsOneArrayWithAllFields) {
  const std::string text = Written(OutputFormat::kJson, TwoRows());
  EXPECT_EQ(Json::parse(text), Json(TwoRows())) << text;
}

TEST(OutputTest, JsonLinesAreOneObjectALine) {
  EXPECT_EQ(Written(OutputFormat::kJsonLines, TwoRows()),
            "{\"id\":\"apple\",\"score\":0.5,\"text\":\"red\"}\n"
            "{\"id\":\"fig\",\"score\":12.25,\"text\":\"green\"}\n");
}

TEST(OutputTest, NoRowsAreNoTableAnEmptyArrayAndNoLines) {
  EXPECT_EQ(Written(OutputFormat::kTable, {}), "");
  EXPECT_EQ(Written(OutputFormat::kJson, {}), "[]\n");
  EXPECT_EQ(Written(OutputFormat::kJsonLines, {}), "");
}

TEST(OutputTest, ASingleRowIsFieldsOrAnObject) {
  const std::vector<Json> row = {TwoRows()[0]};
  EXPECT_EQ(Written(OutputFormat::kTable, row, /*single=*/true),
            "id     apple\n"
            "score  0.5\n"
            "text   red\n");
  const std::string json = Written(OutputFormat::kJson, row, /*single=*/true);
  EXPECT_EQ(Json::parse(json), row[0]) << json;
  EXPECT_EQ(Written(OutputFormat::kJsonLines, row, /*single=*/true),
            "{\"id\":\"apple\",\"score\":0.5,\"text\":\"red\"}\n");
}

TEST(OutputTest, StringsThatAreNotUtf8AreMended) {
  const Json row = {{"id", "a\xff\xc3"}, {"score", 1}};
  EXPECT_EQ(Dumped(row), "{\"id\":\"a\uFFFD\uFFFD\",\"score\":1}");
  EXPECT_EQ(Written(OutputFormat::kJsonLines, {row}), Dumped(row) + "\n");
  EXPECT_THAT(Written(OutputFormat::kJson, {row}), ::testing::HasSubstr("a\uFFFD\uFFFD"));
  EXPECT_THAT(Written(OutputFormat::kJson, {row}, /*single=*/true),
              ::testing::HasSubstr("a\uFFFD\uFFFD"));
}

TEST(FloatJsonTest, FloatsAreShortAndReadBackAsTheSameFloat) {
  EXPECT_EQ(Dumped(FloatJson(0.1f)), "0.1");
  EXPECT_EQ(Dumped(FloatJson(1.0f)), "1.0");
  EXPECT_EQ(Dumped(FloatJson(0.333333343f)), "0.33333334");
  std::mt19937 random(7);
  int long_texts = 0;
  for (int repeat = 0; repeat < 2'000; ++repeat) {
    const auto bits = static_cast<uint32_t>(random());
    float value = 0;
    std::memcpy(&value, &bits, sizeof(value));
    if (!std::isfinite(value)) continue;
    const std::string text = Dumped(FloatJson(value));
    EXPECT_EQ(std::strtof(text.c_str(), nullptr), value) << text;
    // 9 digits, sign, point, exponent; 15 digits before the point where there is no exponent.
    if (text.size() > 18) ++long_texts;
  }
  // The writer of JSON has an algorithm (Grisu2) that misses the shortest text now and then.
  EXPECT_LT(long_texts, 50);
}

TEST(FloatJsonTest, WhatIsNotFiniteIsNull) {
  EXPECT_TRUE(FloatJson(std::numeric_limits<float>::quiet_NaN()).is_null());
  EXPECT_TRUE(FloatJson(-std::numeric_limits<float>::infinity()).is_null());
}

TEST(ShortenedTest, TextsThatFitStayAsTheyAre) {
  EXPECT_EQ(Shortened("", 3), "");
  EXPECT_EQ(Shortened("abc", 3), "abc");
  EXPECT_EQ(Shortened("\u00e9\u4e2d\u00e9", 3), "\u00e9\u4e2d\u00e9");
}

TEST(ShortenedTest, LongerTextsAreCutBetweenCharacters) {
  EXPECT_EQ(Shortened("abcd", 3), "ab…");
  EXPECT_EQ(Shortened("\u00e9\u4e2d\U0001F600\u00e9", 3), "\u00e9\u4e2d…");
  EXPECT_EQ(Shortened("abcd", 1), "…");
}

TEST(ShortenedTest, ControlCharactersBecomeSpaces) {
  EXPECT_EQ(Shortened("a\tb\r\nc\x1b[0m", 80), "a b  c [0m");
}

}  // namespace
}  // namespace simile::cli

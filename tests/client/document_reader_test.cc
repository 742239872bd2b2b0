#include "client/cli/document_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <vector>

#include "tests/support/status_matchers.h"

namespace simile::cli {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// What a reader made of `content`, an item a string: "LINE ID TEXT" or "LINE error: MESSAGE".
std::vector<std::string> Read(const std::string& content, const ReaderOptions& options = {},
                              const std::string& path = "-") {
  std::istringstream stream(content);
  auto reader = DocumentReader::Open(stream, path, options);
  EXPECT_THAT(reader, IsOk());
  if (!reader.ok()) return {};
  std::vector<std::string> items;
  while (const auto item = (*reader)->Next()) {
    const absl::Status status = item->document.status();
    items.push_back(std::to_string(item->number) + " " +
                    (status.ok() ? item->document->id() + " " + item->document->text()
                                 : "error: " + testing_internal::Printed(status)));
  }
  EXPECT_FALSE((*reader)->Next().has_value());
  return items;
}

constexpr ReaderOptions JsonLines() { return {.format = InputFormat::kJsonLines}; }
constexpr ReaderOptions Lines() { return {.format = InputFormat::kLines}; }

TEST(DocumentReaderTest, JsonLinesKeepTheirIdOrAreCalledAfterTheirLine) {
  EXPECT_THAT(Read("{\"id\":\"a\",\"text\":\"red\"}\n\n  \r\n{\"text\":\"green\"}\r\n"
                   "{\"id\":7,\"text\":\"blue\"}",
                   JsonLines()),
              ElementsAre("1 a red", "4 line-4 green", "5 7 blue"));
}

TEST(DocumentReaderTest, PlainLinesAreTexts) {
  EXPECT_THAT(Read("red apple\r\n\n \t\n  green, \"fig\"\n{}", Lines()),
              ElementsAre("1 line-1 red apple", "4 line-4   green, \"fig\"", "5 line-5 {}"));
}

TEST(DocumentReaderTest, ThePrefixOfIdsCanBeChosen) {
  ReaderOptions options = Lines();
  options.id_prefix = "book/";
  EXPECT_THAT(Read("\nred", options), ElementsAre("2 book/2 red"));
  options.id_prefix = "";
  EXPECT_THAT(Read("\nred", options), ElementsAre("2 2 red"));
}

TEST(DocumentReaderTest, ABadJsonLineIsAnErrorWithItsLineAndReadingGoesOn) {
  EXPECT_THAT(
      Read("{\"text\":\"red\"}\n{\"text\":\n\n{\"body\":\"x\"}\n[1]\n{\"text\":\"\xff\"}\n"
           "{\"text\":\"green\"}\n",
           JsonLines()),
      ElementsAre("1 line-1 red", AllOf(HasSubstr("2 error: "), HasSubstr("not valid JSON")),
                  AllOf(HasSubstr("4 error: "), HasSubstr("'body'")),
                  AllOf(HasSubstr("5 error: "), HasSubstr("not a JSON object")),
                  AllOf(HasSubstr("6 error: "), HasSubstr("not valid JSON")), "7 line-7 green"));
}

TEST(DocumentReaderTest, APlainLineThatIsNotUtf8IsAnErrorWithItsLineAndReadingGoesOn) {
  EXPECT_THAT(
      Read("na\u00efve \U0001F600 \uFFFD\nna\xefve\ncut \xe4\xb8\nsurrogate \xed\xa0\x80\nlast",
           Lines()),
      ElementsAre("1 line-1 na\u00efve \U0001F600 \uFFFD",
                  AllOf(HasSubstr("2 error: "), HasSubstr("not valid UTF-8")),
                  HasSubstr("3 error: "), HasSubstr("4 error: "), "5 line-5 last"));
}

TEST(DocumentReaderTest, AByteOrderMarkIsNoPartOfTheText) {
  EXPECT_THAT(Read("\xEF\xBB\xBFred\n\xEF\xBB\xBFgreen", Lines()),
              ElementsAre("1 line-1 red", "2 line-2 \xEF\xBB\xBFgreen"));
  EXPECT_THAT(Read("\xEF\xBB\xBFid,text\na,red\n", {.format = InputFormat::kCsv}),
              ElementsAre("2 a red"));
}

TEST(DocumentReaderTest, AnEmptyStreamHasNoDocuments) {
  EXPECT_THAT(Read("", JsonLines()), IsEmpty());
  EXPECT_THAT(Read("\n\r\n  \n", Lines()), IsEmpty());
}

TEST(DocumentReaderTest, TheNameTellsTheFormatBeforeTheFirstByteDoes) {
  const std::string json = "{\"id\":\"a\",\"text\":\"red\"}\n";
  EXPECT_THAT(Read(json, {}, "x.jsonl"), ElementsAre("1 a red"));
  EXPECT_THAT(Read(json, {}, "x.ndjson"), ElementsAre("1 a red"));
  EXPECT_THAT(Read(json, {}, "x.txt"), ElementsAre("1 line-1 {\"id\":\"a\",\"text\":\"red\"}"));
  EXPECT_THAT(Read("text,id\nred,a\n", {}, "x.csv"), ElementsAre("2 a red"));
}

TEST(DocumentReaderTest, WithoutATellingNameTheFirstByteTellsTheFormat) {
  EXPECT_THAT(Read("{\"id\":\"a\",\"text\":\"red\"}\n"), ElementsAre("1 a red"));
  EXPECT_THAT(Read("text,id\n"), ElementsAre("1 line-1 text,id"));
  EXPECT_THAT(Read(""), IsEmpty());
}

TEST(DocumentReaderTest, AFormatThatWasGivenIsNotGuessed) {
  EXPECT_THAT(Read("{}", Lines(), "x.jsonl"), ElementsAre("1 line-1 {}"));
}

TEST(DocumentReaderTest, BytesReadReachTheSizeOfTheInput) {
  const std::string content = "red\r\n\ngreen\n";
  std::istringstream stream(content);
  const auto reader = DocumentReader::Open(stream, "-", Lines());
  ASSERT_THAT(reader, IsOk());
  (*reader)->Next();
  EXPECT_EQ((*reader)->bytes_read(), 5u);
  while ((*reader)->Next().has_value()) {
  }
  EXPECT_EQ((*reader)->bytes_read(), content.size());
}

}  // namespace
}  // namespace simile::cli

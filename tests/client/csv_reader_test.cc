// The CSV side of DocumentReader.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <sstream>
#include <string>
#include <vector>

#include "client/cli/document_reader.h"
#include "tests/support/status_matchers.h"

namespace simile::cli {
namespace {

using ::absl::StatusCode;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class CsvReaderTest : public ::testing::Test {
 protected:
  CsvReaderTest() { options_.format = InputFormat::kCsv; }

  std::vector<ReadDocument> Read(const std::string& content) {
    std::istringstream stream(content);
    auto reader = DocumentReader::Open(stream, "-", options_);
    EXPECT_THAT(reader, IsOk());
    std::vector<ReadDocument> items;
    if (!reader.ok()) return items;
    while (auto item = (*reader)->Next()) items.push_back(*std::move(item));
    return items;
  }

  ReaderOptions options_;
};

MATCHER_P3(IsItem, line, id, text, "") {
  *result_listener << "line " << arg.number << ": "
                   << (arg.document.ok() ? arg.document->ShortDebugString()
                                         : testing_internal::Printed(arg.document.status()));
  return arg.document.ok() && arg.number == static_cast<uint64_t>(line) &&
         arg.document->id() == id && arg.document->text() == text;
}

MATCHER_P2(IsBadItem, line, text, "") {
  *result_listener << "line " << arg.number;
  return arg.number == static_cast<uint64_t>(line) &&
         ::testing::Value(arg.document, StatusIs(StatusCode::kInvalidArgument, text));
}

// The value of a metadata column; null when there is none.
v1::Value MetadataOf(const ReadDocument& item, const std::string& name) {
  if (!item.document.ok()) return {};
  const auto found = item.document->metadata().find(name);
  return found == item.document->metadata().end() ? v1::Value() : found->second;
}

TEST_F(CsvReaderTest, TheHeaderSaysWhichFieldIsWhich) {
  const auto items = Read("color,text,id\nred,apple,a\ngreen,fig,\n");
  ASSERT_THAT(items, ElementsAre(IsItem(2, "a", "apple"), IsItem(3, "line-3", "fig")));
  EXPECT_EQ(MetadataOf(items[0], "color").string_value(), "red");
  EXPECT_EQ(MetadataOf(items[1], "color").string_value(), "green");
  EXPECT_EQ(items[0].document->metadata_size(), 1);
}

TEST_F(CsvReaderTest, TheColumnsOfIdAndTextCanBeChosen) {
  options_.id_column = "isbn";
  options_.text_column = "title";
  const auto items = Read("id,isbn,title,text\n1,978,Apples,more\n");
  ASSERT_THAT(items, ElementsAre(IsItem(2, "978", "Apples")));
  EXPECT_EQ(MetadataOf(items[0], "id").string_value(), "1");
  EXPECT_EQ(MetadataOf(items[0], "text").string_value(), "more");
}

TEST_F(CsvReaderTest, QuotesHoldCommasAndQuotes) {
  EXPECT_THAT(Read("id,text\na,\"red, \"\"sweet\"\" apple\"\n\"b\",\"\"\nc,\"\"\"\"\n\"\",d\n"),
              ElementsAre(IsItem(2, "a", "red, \"sweet\" apple"), IsItem(3, "b", ""),
                          IsItem(4, "c", "\""), IsItem(5, "line-5", "d")));
}

TEST_F(CsvReaderTest, AQuoteWithinAnUnquotedFieldIsItself) {
  EXPECT_THAT(Read("id,text\na,5\" wide\n"), ElementsAre(IsItem(2, "a", "5\" wide")));
}

TEST_F(CsvReaderTest, QuotesHoldLineBreaksAndAnItemIsWhereItBegins) {
  EXPECT_THAT(Read("id,text\r\na,\"one\r\n\r\nthree\"\r\nb,four\r\n"),
              ElementsAre(IsItem(2, "a", "one\n\nthree"), IsItem(5, "b", "four")));
}

TEST_F(CsvReaderTest, BlankLinesAreSkipped) {
  EXPECT_THAT(Read("text\n\nred\n \r\n\ngreen\n\n"),
              ElementsAre(IsItem(3, "line-3", "red"), IsItem(6, "line-6", "green")));
  EXPECT_THAT(Read("id,text\n"), IsEmpty());
}

TEST_F(CsvReaderTest, ARecordWithOtherThanTheHeadersFieldsIsAnErrorAndReadingGoesOn) {
  EXPECT_THAT(Read("id,text\na\nb,x,y\n\"c\nd\",\"e\",f\ng,red\n"),
              ElementsAre(IsBadItem(2, "1 fields; the header has 2"),
                          IsBadItem(3, "3 fields; the header has 2"),
                          IsBadItem(4, "3 fields; the header has 2"), IsItem(6, "g", "red")));
}

TEST_F(CsvReaderTest, AQuoteThatIsNeverClosedIsAnErrorAndNotATextWithTheRestOfTheFile) {
  EXPECT_THAT(Read("id,text\na,red\nb,\"green\nc,blue\n"),
              ElementsAre(IsItem(2, "a", "red"), IsBadItem(3, "quote that is not closed")));
}

TEST_F(CsvReaderTest, AFieldThatIsNotUtf8IsAnErrorAndReadingGoesOn) {
  EXPECT_THAT(Read("id,text,color\na,red,\xff\nb,gr\xfcn,x\n\xc3,x,x\nd,blue,x\n"),
              ElementsAre(IsBadItem(2, "not valid UTF-8"), IsBadItem(3, "not valid UTF-8"),
                          IsBadItem(4, "not valid UTF-8"), IsItem(5, "d", "blue")));
}

TEST_F(CsvReaderTest, AHeaderWithoutTheTextColumnIsRefusedWithItsName) {
  for (const std::string content : {"", "\n", "id,Text\na,red\n", "{\"text\": \"red\"}\n"}) {
    std::istringstream stream(content);
    EXPECT_THAT(DocumentReader::Open(stream, "-", options_),
                StatusIs(StatusCode::kInvalidArgument, "no column 'text'"))
        << content;
  }
}

TEST_F(CsvReaderTest, NumbersStayTextUnlessTypesAreInferred) {
  const auto items = Read("text,year\nred,2026\n");
  ASSERT_THAT(items, ElementsAre(IsItem(2, "line-2", "red")));
  EXPECT_EQ(MetadataOf(items[0], "year").string_value(), "2026");
}

TEST_F(CsvReaderTest, InferredTypesAreIntegersDoublesAndText) {
  options_.infer_types = true;
  const auto items = Read(
      "text,value\n7,9223372036854775807\n7,-12\n7,2.5\n7,1e3\n7,12 kg\n7,\n7,2026-01-02\n"
      "7,1e999\n");
  ASSERT_EQ(items.size(), 8u);
  EXPECT_EQ(items[0].document->text(), "7");
  EXPECT_EQ(MetadataOf(items[0], "value").int64_value(), std::numeric_limits<int64_t>::max());
  EXPECT_EQ(MetadataOf(items[1], "value").int64_value(), -12);
  EXPECT_EQ(MetadataOf(items[2], "value").double_value(), 2.5);
  EXPECT_EQ(MetadataOf(items[3], "value").double_value(), 1000.0);
  EXPECT_EQ(MetadataOf(items[4], "value").string_value(), "12 kg");
  EXPECT_TRUE(MetadataOf(items[5], "value").has_string_value());
  EXPECT_EQ(MetadataOf(items[6], "value").string_value(), "2026-01-02");
  EXPECT_EQ(MetadataOf(items[7], "value").string_value(), "1e999");
}

TEST_F(CsvReaderTest, WordsThatReadLikeSpecialNumbersStayWords) {
  options_.infer_types = true;
  for (const std::string word : {"Nan", "inf", "Infinity", "-inf", "nan(x)"}) {
    const auto items = Read("text,name\nred," + word + "\n");
    ASSERT_EQ(items.size(), 1u);
    EXPECT_EQ(MetadataOf(items[0], "name").string_value(), word);
  }
}

}  // namespace
}  // namespace simile::cli

// What a path names inside of maps and lists.
#include "filter/field_paths.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "filter/document_matcher.h"
#include "tests/filter/random_documents.h"

namespace simile {
namespace {

using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

Value Text(const char* text) { return {std::string(text)}; }

Metadata Book() {
  return {{"author", {ValueMap{{"name", Text("Ada")}, {"born", {int64_t{1815}}}}}},
          {"author.name", Text("a name with a dot")},
          {"editions",
           {ValueList{{ValueMap{{"year", {int64_t{1843}}}}},
                      {ValueList{{ValueMap{{"year", {int64_t{1999}}}, {"lang", Text("en")}}}}},
                      Text("lost")}}},
          {"title", Text("Notes")}};
}

bool Has(const Metadata& metadata, std::string field, Value value) {
  const Filter filter{HasAny{.field = std::move(field), .values = {std::move(value)}}};
  return Matches(filter, {.id = "x", .text = "", .metadata = metadata});
}

bool Exists(const Metadata& metadata, std::string field) {
  return Matches({FieldExists{.field = std::move(field)}},
                 {.id = "x", .text = "", .metadata = metadata});
}

TEST(FieldPathsTest, NamesEveryValueByThePathToIt) {
  std::vector<std::string> paths;
  ForEachField(Book(), [&](const std::string& path, const Value&) { paths.push_back(path); });
  EXPECT_THAT(
      paths, UnorderedElementsAre("author", "author.name", "author.born", "author.name", "editions",
                                  "editions.year", "editions.year", "editions.lang", "title"));
}

TEST(FieldPathsTest, AMapMatchesByItsPathsAndItselfOnlyExists) {
  const Metadata book = Book();
  EXPECT_TRUE(Has(book, "author.name", Text("Ada")));
  EXPECT_TRUE(Has(book, "author.name", Text("a name with a dot")));
  EXPECT_TRUE(Has(book, "author.born", {1815.0}));
  EXPECT_FALSE(Has(book, "author", Text("Ada")));
  EXPECT_TRUE(Exists(book, "author"));
  EXPECT_TRUE(Exists(book, "editions.lang"));
  EXPECT_FALSE(Exists(book, "author.died"));
  EXPECT_FALSE(Exists(book, "name"));
  EXPECT_FALSE(Exists(book, "author."));
  EXPECT_FALSE(Exists(book, ".name"));
}

TEST(FieldPathsTest, EveryMapOfAListIsLookedInto) {
  const Metadata book = Book();
  EXPECT_TRUE(Has(book, "editions.year", {int64_t{1843}}));
  EXPECT_TRUE(Has(book, "editions.year", {int64_t{1999}}));
  EXPECT_TRUE(Has(book, "editions", Text("lost")));
  EXPECT_FALSE(Has(book, "editions.year", Text("lost")));
}

TEST(FieldPathsTest, NamesWithDotsInsideOfMapsMeanTheSameAsMaps) {
  const Metadata metadata = {{"a", {ValueMap{{"b.c", Text("x")}}}},
                             {"a.b", {ValueMap{{"c", Text("y")}}}}};
  std::vector<std::string> values;
  ForEachValueAt(metadata, "a.b.c",
                 [&](const Value& value) { values.push_back(std::get<std::string>(value.kind)); });
  EXPECT_THAT(values, UnorderedElementsAre("x", "y"));
}

TEST(FieldPathsTest, BothDirectionsTellTheSameOfRandomDocuments) {
  RandomDocuments random(21);
  for (size_t turn = 0; turn < 2'000; ++turn) {
    const Metadata metadata = random.NextMetadata();
    const std::string field = random.NextField();
    size_t named = 0, found = 0;
    ForEachField(metadata, [&](const std::string& path, const Value&) { named += path == field; });
    ForEachValueAt(metadata, field, [&](const Value&) { ++found; });
    EXPECT_EQ(named, found) << field;
  }
}

}  // namespace
}  // namespace simile

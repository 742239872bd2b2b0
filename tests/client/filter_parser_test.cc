// Filters as people write them: the tree they become, and what is said about those that become
// none.
#include "client/cli/filter_parser.h"

#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/support/status_matchers.h"

namespace simile::cli {
namespace {

// In the text format of protobuf, on one line.
std::string Tree(const std::string& text) {
  const auto filter = ParseFilter(text);
  if (!filter.ok()) return filter.status().ToString();
  google::protobuf::TextFormat::Printer printer;
  printer.SetSingleLineMode(true);
  std::string tree;
  printer.PrintToString(*filter, &tree);
  while (tree.ends_with(' ')) tree.pop_back();
  return tree;
}

TEST(FilterParserTest, EachConditionHasItsPlaceInTheTree) {
  const struct {
    std::string text, tree;
  } cases[] = {
      {R"(genre == "novel")", R"(has_any { field: "genre" values { string_value: "novel" } })"},
      {"genre != 'it\\'s \"x\"'",
       R"(not { has_any { field: "genre" values { string_value: "it\'s \"x\"" } } })"},
      {"year > 1999",
       R"(in_range { field: "year" low { int64_value: 1999 } low_exclusive: true })"},
      {"year>=-2", R"(in_range { field: "year" low { int64_value: -2 } })"},
      {"price < 1.5e3",
       R"(in_range { field: "price" high { double_value: 1500 } high_exclusive: true })"},
      {"price <= .5 ", R"(--filter, column 10: '.' has no meaning here)"},
      {"id in (9223372036854775807, null, true)",
       R"(has_any { field: "id" values { int64_value: 9223372036854775807 } )"
       R"(values { null_value: NULL_VALUE } values { bool_value: true } })"},
      {"tags contains all ('a', 'b')",
       R"(has_all { field: "tags" values { string_value: "a" } values { string_value: "b" } })"},
      {"exists(draft)", R"(exists: "draft")"},
      {"exists(`any name`)", R"(exists: "any name")"},
      {"text contains 'word'", R"(text_has_word: "word")"},
      {"text == 'x'", R"(has_any { field: "text" values { string_value: "x" } })"},
      {"ids('a', 'b')", R"(ids { ids: "a" ids: "b" })"},
      {"at >= timestamp('1970-01-01T00:00:05Z')",
       R"(in_range { field: "at" low { timestamp_value { seconds: 5 } } })"},
  };
  for (const auto& [text, tree] : cases) {
    const std::string actual = Tree(text);
    if (tree.starts_with("--filter")) {
      EXPECT_NE(actual.find(tree), std::string::npos) << actual;
    } else {
      EXPECT_EQ(actual, tree) << text;
    }
  }
}

TEST(FilterParserTest, AndBindsCloserThanOrAndNotCloserStill) {
  const std::string a = R"(exists: "a")", b = R"(exists: "b")", c = R"(exists: "c")";
  EXPECT_EQ(Tree("exists(a) or exists(b) and exists(c)"), "any_of { filters { " + a +
                                                              " } filters { all_of { filters { " +
                                                              b + " } filters { " + c + " } } } }");
  EXPECT_EQ(Tree("(exists(a) or exists(b)) and not exists(c)"),
            "all_of { filters { any_of { filters { " + a + " } filters { " + b +
                " } } } filters { not { " + c + " } } }");
  EXPECT_EQ(Tree("not not exists(a)"), "not { not { " + a + " } }");
  EXPECT_EQ(Tree("((exists(a)))"), a);
}

TEST(FilterParserTest, ErrorsNameTheColumnAndWhatWouldDo) {
  const struct {
    std::string text, message;
  } cases[] = {
      {"", "column 1: expected the name of a field, 'not' or '(', found the end"},
      {"year = 5",
       "column 6: expected ==, !=, <, <=, >, >=, in or contains after 'year', found '='; "
       "did you mean '=='?"},
      {"year => 5", "did you mean '>='?"},
      {"a == 1 && b == 2",
       "column 8: expected 'and', 'or' or the end, found '&&'; did you mean 'and'?"},
      {"a == 1 AND b == 2", "did you mean 'and'?"},
      {"(a == 1", "column 1: this '(' is not closed"},
      {"a == 1)", "column 7: there is no '(' for this ')'"},
      {"a in 5", "column 6: expected '(', found '5'"},
      {"a in (5 6)", "column 9: expected ',' or ')', found '6'"},
      {"a == novel", "column 6: expected a value (strings need quotes), found 'novel'"},
      {"a == 'open", "column 6: the string has no closing '"},
      {"a == \"\\q\"", "column 6: the string has an escape"},
      {"a == 9223372036854775808", "column 6: 9223372036854775808 is no int64; write"},
      {"a == 1.2.3", "column 6: '1.2.3' is not a number"},
      {"a == timestamp('soon')", "column 16: 'soon' is no time"},
      {"a contains 5", "column 12: expected 'all' after 'contains', found '5'"},
      {"exists 5", "column 8: expected ==,"},
      {"exists(5)", "column 8: expected the name of a field, found '5'"},
      {"`open", "column 1: the name has no closing `"},
      {"a == 1 # b", "column 8: '#' has no meaning here"},
      {"ids(5)", "ids are strings"},
      {"a == 1 b", "column 8: expected 'and', 'or' or the end, found 'b'"},
      {std::string(200, '(') + "a == 1", "nested more than 100 deep"},
  };
  for (const auto& [text, message] : cases) {
    EXPECT_THAT(ParseFilter(text), StatusIs(absl::StatusCode::kInvalidArgument, message)) << text;
  }
}

}  // namespace
}  // namespace simile::cli

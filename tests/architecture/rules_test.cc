#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/architecture/code_text.h"
#include "tests/architecture/include_rules.h"
#include "tests/architecture/style_rules.h"

namespace simile {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

std::vector<std::string> IncludesOf(const std::string& path, const std::string& include) {
  return ForbiddenIncludes({.path = path, .content = "#include " + include + "\n"});
}

TEST(IncludeRulesTest, AFolderMayIncludeItselfAndWhatItStandsOn) {
  EXPECT_THAT(IncludesOf("index/flat_index.cc", "\"index/distance.h\""), IsEmpty());
  EXPECT_THAT(IncludesOf("server/engine/a.h", "\"storage/store.h\""), IsEmpty());
  EXPECT_THAT(IncludesOf("server/main.cc", "\"server/rpc/rpc_server.h\""), IsEmpty());
  EXPECT_THAT(IncludesOf("client/cli/main.cc", "\"client/importer.h\""), IsEmpty());
  EXPECT_THAT(IncludesOf("storage/store.cc", "<rocksdb/db.h>"), IsEmpty());
  EXPECT_THAT(IncludesOf("index/a.cc", "<vector>"), IsEmpty());
}

TEST(IncludeRulesTest, NothingIsIncludedAgainstTheFlowOfData) {
  EXPECT_THAT(IncludesOf("index/flat_index.cc", "\"server/engine/mutex.h\""),
              ElementsAre("index/flat_index.cc must not include server/engine/mutex.h"));
  EXPECT_THAT(IncludesOf("index/a.cc", "\"storage/store.h\""), SizeIs(1));
  EXPECT_THAT(IncludesOf("embedder/a.cc", "\"index/metric.h\""), SizeIs(1));
  EXPECT_THAT(IncludesOf("server/engine/a.cc", "\"server/rpc/convert.h\""), SizeIs(1));
  EXPECT_THAT(IncludesOf("server/rpc/a.cc", "\"server/options.h\""), SizeIs(1));
  EXPECT_THAT(IncludesOf("server/rpc/a.cc", "\"client/call_status.h\""), SizeIs(1));
  EXPECT_THAT(IncludesOf("client/a.cc", "\"client/cli/output.h\""), SizeIs(1));
  EXPECT_THAT(IncludesOf("client/a.cc", "\"server/engine/limits.h\""), SizeIs(1));
  EXPECT_THAT(IncludesOf("storage/a.cc", "\"tests/support/child_process.h\""), SizeIs(1));
}

TEST(IncludeRulesTest, LibrariesAreSeenWhereTheyBelong) {
  EXPECT_THAT(IncludesOf("server/engine/a.cc", "<rocksdb/db.h>"), SizeIs(1));
  EXPECT_THAT(IncludesOf("index/auto_index.cc", "<hnswlib.h>"), SizeIs(1));
  EXPECT_THAT(IncludesOf("server/engine/a.cc", "\"simile/v1/common.pb.h\""), SizeIs(1));
  EXPECT_THAT(IncludesOf("storage/a.cc", "\"spdlog/spdlog.h\""), SizeIs(1));
  EXPECT_THAT(IncludesOf("server/a.cc", "\"absl/strings/str_cat.h\""), SizeIs(1));
}

TEST(StyleRulesTest, LongFilesLinesAndFunctionsAreFound) {
  std::string lines;
  for (size_t line = 0; line <= kFileLinesMax; ++line) lines += "int a;\n";
  EXPECT_THAT(StyleViolations({"index/a.cc", lines}), ElementsAre(HasSubstr("501 lines")));
  EXPECT_THAT(StyleViolations({"index/a.cc", std::string(101, 'a') + "\n"}),
              ElementsAre(HasSubstr("index/a.cc:1 has 101 columns")));
  std::string body;
  for (size_t line = 0; line < kFunctionLinesMax; ++line) body += "  Call();\n";
  EXPECT_THAT(StyleViolations({"index/a.cc", "namespace simile {\nvoid F() {\n" + body + "}\n}\n"}),
              ElementsAre(HasSubstr("index/a.cc:2 begins a function of 72 lines")));
}

TEST(StyleRulesTest, ForbiddenCallsAreFoundInCodeOnly) {
  for (const char* bad :
       {"using namespace std;", "throw 1;", "int a = rand();", "exit(1);", "absl::StrCat(a);",
        "std::cout << 1;", "class KeyManager;", "delete pointer;", "sleep_for(1s);", "\tint a;",
        "int a; ", "// TODO: later"}) {
    EXPECT_THAT(StyleViolations({"index/a.cc", std::string(bad) + "\n"}), SizeIs(1)) << bad;
  }
  EXPECT_THAT(StyleViolations({"index/a.cc", "// may throw\nconst char* a = \"exit(1)\";\n"}),
              IsEmpty());
}

TEST(StyleRulesTest, AGuardNamesTheFile) {
  const std::string guard = "#ifndef SIMILE_INDEX_A_H_\n#define SIMILE_INDEX_A_H_\n";
  const std::string end = "#endif  // SIMILE_INDEX_A_H_\n";
  EXPECT_THAT(StyleViolations({"index/a.h", guard + end}), IsEmpty());
  EXPECT_THAT(StyleViolations({"index/b.h", guard + end}),
              ElementsAre(HasSubstr("SIMILE_INDEX_B_H_")));
}

TEST(CodeTextTest, CommentsAndStringsBecomeBlanks) {
  EXPECT_EQ(WithoutCommentsAndStrings("a /* b\nc */ d // e\nf"), "a     \n     d     \nf");
  EXPECT_EQ(WithoutCommentsAndStrings("f(\"{\\\"\", '{', 1'000);"), "f(     ,    , 1'000);");
  EXPECT_EQ(WithoutCommentsAndStrings("R\"x({)\")x\" + 1"), "           + 1");
}

TEST(CodeTextTest, FunctionsAreFoundInClassesAndNamespaces) {
  const auto functions = FunctionsOf(
      "namespace a {\nclass B {\n  int F() const { return 1; }\n  int G() {\n    if (x) {\n    }\n"
      "  }\n};\nconst int kTable[] = {1, 2};\nstruct C {\n  int d = 0;\n};\n}\n");
  ASSERT_THAT(functions, SizeIs(2));
  EXPECT_EQ(functions[0].line_count, 1u);
  EXPECT_EQ(functions[1].first_line, 4u);
  EXPECT_EQ(functions[1].line_count, 4u);
}

}  // namespace
}  // namespace simile

// Exit codes and messages of the command line against the real server, without a model.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/support/server_process.h"
#include "tests/support/temporary_directory.h"

namespace simile {
namespace {

using ::testing::HasSubstr;

class CommandLineTest : public ::testing::Test {
 protected:
  CommandLineTest() : server_(directory_.path() + "/data") {}

  void SetUp() override {
    ASSERT_TRUE(server_.serving()) << server_.log();
    ASSERT_EQ(server_.Run({"collection", "create", "v", "--dimension", "2"}).exit_code, 0);
  }

  TemporaryDirectory directory_;
  ServerProcess server_;
};

TEST_F(CommandLineTest, AnUnknownCollectionIsExitCode4) {
  const CommandResult result = server_.Run({"count", "nothing"});
  EXPECT_EQ(result.exit_code, 4);
  EXPECT_THAT(result.errors, HasSubstr("'nothing'"));
  EXPECT_EQ(result.output, "");
}

TEST_F(CommandLineTest, ACollectionThatExistsIsExitCode1) {
  const CommandResult result = server_.Run({"collection", "create", "v", "--dimension", "2"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.errors, HasSubstr("already"));
}

TEST_F(CommandLineTest, ACollectionIsShownInTheWordsOfTheOptions) {
  ASSERT_EQ(
      server_.Run({"collection", "create", "d", "--dimension", "3", "--metric", "dot"}).exit_code,
      0);
  const auto shown = nlohmann::json::parse(server_.Run({"collection", "show", "d"}).output);
  EXPECT_EQ(shown["metric"], "dot_product");
  EXPECT_EQ(shown["engine"], "auto");
  EXPECT_EQ(shown["state"], "ready");
  EXPECT_EQ(shown["dimension"], 3);
}

TEST_F(CommandLineTest, ABadNameIsRefusedWithTheRule) {
  const CommandResult result = server_.Run({"collection", "create", "a/b"});
  EXPECT_NE(result.exit_code, 0);
  EXPECT_THAT(result.errors, HasSubstr("a/b"));
}

TEST_F(CommandLineTest, ModelsAreNotLoadedByNameWithoutAModelsDirectory) {
  EXPECT_EQ(server_.Run({"model", "list"}).exit_code, 0);
  const CommandResult result = server_.Run({"model", "load", "some-model"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.errors, HasSubstr("--models-dir DIR"));
  EXPECT_EQ(server_.Run({"model", "unload", "some-model"}).exit_code, 4);
}

TEST_F(CommandLineTest, UsageErrorsAreExitCode2) {
  EXPECT_EQ(server_.Run({"serach", "v"}).exit_code, 2);
  EXPECT_EQ(server_.Run({"search"}).exit_code, 2);
  EXPECT_EQ(server_.Run({"search", "v", "--vector", "[1,0]", "-k", "0"}).exit_code, 2);
}

TEST_F(CommandLineTest, AnUnknownCommandIsNamed) {
  const CommandResult result = server_.Run({"colection", "list"});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.errors, HasSubstr("there is no command 'colection'"));
}

TEST_F(CommandLineTest, AFileThatIsNotThereIsExitCode4) {
  for (const std::vector<std::string>& command :
       std::vector<std::vector<std::string>>{{"import", "v", "/no/such/file"},
                                             {"search", "v", "--queries", "/no/such/file"},
                                             {"search", "v", "--vector", "@/no/such/file"},
                                             {"embed", "--input", "lines", "/no/such/file"}}) {
    const CommandResult result = server_.Run(command);
    EXPECT_EQ(result.exit_code, 4) << command.front();
    EXPECT_THAT(result.errors, HasSubstr("cannot open '/no/such/file'"));
  }
}

TEST_F(CommandLineTest, AServerThatIsNotThereIsExitCode3) {
  const CommandResult result =
      RunCommand({CommandLineBinary(), "count", "v", "--server", "127.0.0.1:1", "--timeout", "2"});
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_THAT(result.errors, HasSubstr("127.0.0.1:1"));
}

TEST_F(CommandLineTest, VectorsGoInAndComeOut) {
  const CommandResult imported = server_.Run(
      {"import", "v", "-", "--format", "jsonl"},
      "{\"id\": \"east\", \"vector\": [1, 0]}\n{\"id\": \"north\", \"vector\": [0, 1]}\n");
  ASSERT_EQ(imported.exit_code, 0) << imported.errors;
  const CommandResult found =
      server_.Run({"search", "v", "--vector", "[0.9, 0.1]", "-k", "1", "-o", "jsonl"});
  ASSERT_EQ(found.exit_code, 0) << found.errors;
  EXPECT_THAT(found.output, HasSubstr("\"east\""));
}

TEST_F(CommandLineTest, AWrongDimensionNamesBothNumbers) {
  const CommandResult result = server_.Run({"search", "v", "--vector", "[1, 2, 3]"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.errors, HasSubstr("3 dimensions; the collection has 2"));
}

TEST_F(CommandLineTest, DeletingACollectionNeedsItsNameAsConfirmation) {
  EXPECT_EQ(server_.Run({"collection", "delete", "v"}).exit_code, 2);
  EXPECT_EQ(server_.Run({"collection", "delete", "v", "--confirm", "v"}).exit_code, 0);
  EXPECT_EQ(server_.Run({"collection", "show", "v"}).exit_code, 4);
}

}  // namespace
}  // namespace simile

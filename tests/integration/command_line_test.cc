// Exit codes and messages of the command line against the real server, without a model.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
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

TEST_F(CommandLineTest, AnExportIsWhatAnImportReadsAndComesBackTheSame) {
  const std::string input =
      R"({"id":"a","text":"one","metadata":{"m":{"x":[1,2.5]}},"vector":[1,0.1]}
{"id":"b","text":"","metadata":{},"vector":[0.3,-1e-9]}
)";
  ASSERT_EQ(server_.Run({"import", "v", "-", "--format", "jsonl"}, input).exit_code, 0);
  const std::string file = directory_.path() + "/v.jsonl";
  const CommandResult exported = server_.Run({"export", "v", file});
  ASSERT_EQ(exported.exit_code, 0) << exported.errors;
  EXPECT_THAT(exported.errors, HasSubstr("exported 2 documents of 'v'"));
  EXPECT_FALSE(std::filesystem::exists(file + ".resume"));
  ASSERT_EQ(server_.Run({"collection", "create", "again", "--dimension", "2"}).exit_code, 0);
  ASSERT_EQ(server_.Run({"import", "again", file}).exit_code, 0);
  EXPECT_EQ(server_.Run({"export", "again"}).output, ReadFile(file));
  EXPECT_EQ(server_.Run({"export", "again", "--no-vectors"}).output.find("vector"),
            std::string::npos);
  EXPECT_THAT(server_.Run({"export", "again", "--filter", "exists(m)"}).errors,
              HasSubstr("exported 1 documents"));
}

TEST_F(CommandLineTest, PointsOfAnotherDatabaseGetACollectionForTheirVectors) {
  const CommandResult imported =
      server_.Run({"import", "points", "-", "--from", "qdrant", "--create"},
                  R"({"result":{"points":[{"id":1,"payload":{"text":"one","n":5},"vector":[1,0,2]},
                              {"id":2,"payload":{"text":"two"},"vector":[1,0]}]}})");
  EXPECT_EQ(imported.exit_code, 5);
  EXPECT_THAT(imported.errors, HasSubstr("item 2 ('2'): the vector has 2 dimensions"));
  EXPECT_EQ(server_.Run({"export", "points"}).output,
            "{\"id\":\"1\",\"text\":\"one\",\"metadata\":{\"n\":5},\"vector\":[1.0,0.0,2.0]}\n");
}

TEST_F(CommandLineTest, AnExportThatWasBrokenOffGoesOnAndOverwritesNothing) {
  std::string input;
  for (int number = 0; number < 1'200; ++number) {
    input += R"({"id":"n)" + std::to_string(number) + R"(","text":"t","vector":[1,2]})" + "\n";
  }
  ASSERT_EQ(server_.Run({"import", "v", "-", "--format", "jsonl"}, input).exit_code, 0);
  const std::string file = directory_.path() + "/v.jsonl";
  ASSERT_EQ(server_.Run({"export", "v", file}).exit_code, 0);
  const std::string whole = ReadFile(file);
  const CommandResult again = server_.Run({"export", "v", file});
  EXPECT_EQ(again.exit_code, 1);
  EXPECT_THAT(again.errors, HasSubstr("is there already"));
  EXPECT_THAT(server_.Run({"export", "v", file, "--resume"}).errors, HasSubstr("it is done"));

  // Broken off in the middle of a line behind the first page.
  size_t end = 0;
  for (int line = 0; line < 500; ++line) end = whole.find('\n', end) + 1;
  WriteFile(file, whole.substr(0, end + 7));
  const auto position = [&](const std::string& collection) {
    return R"({"what":{"collection":")" + collection +
           R"(","filter":"","vectors":true},"page_token":"500","documents":500,"bytes":)" +
           std::to_string(end) + "}";
  };
  WriteFile(file + ".resume", position("other"));
  EXPECT_THAT(server_.Run({"export", "v", file, "--resume"}).errors,
              HasSubstr("of another export"));
  WriteFile(file + ".resume", position("v"));
  const CommandResult resumed = server_.Run({"export", "v", file, "--resume"});
  EXPECT_EQ(resumed.exit_code, 0) << resumed.errors;
  EXPECT_EQ(ReadFile(file), whole);
}

TEST_F(CommandLineTest, ASnapshotIsTakenVerifiedAndRestored) {
  ASSERT_EQ(server_.Run({"put", "v", "a text", "--id", "a", "--vector", "[1,2]"}).exit_code, 0);
  ASSERT_EQ(server_.Run({"snapshot", "create", "one"}).exit_code, 0);
  ASSERT_EQ(server_.Run({"put", "v", "later", "--id", "b", "--vector", "[1,2]"}).exit_code, 0);
  EXPECT_THAT(server_.Run({"snapshot", "list", "-o", "jsonl"}).output, HasSubstr("\"one\""));
  EXPECT_EQ(server_.Run({"snapshot", "verify", "one"}).exit_code, 0);
  EXPECT_EQ(server_.Run({"snapshot", "show", "two"}).exit_code, 4);
  const CommandResult told = server_.Run(
      {"snapshot", "restore", "one", "--collection", "v", "--as", "again", "--dry-run"});
  EXPECT_THAT(told.errors, HasSubstr("would restore 'v' as 'again'"));
  EXPECT_EQ(server_.Run({"count", "again"}).exit_code, 4);
  EXPECT_EQ(server_.Run({"snapshot", "restore", "one"}).exit_code, 1);
  EXPECT_EQ(
      server_.Run({"snapshot", "restore", "one", "--collection", "v", "--as", "again"}).exit_code,
      0);
  EXPECT_THAT(server_.Run({"count", "again"}).output, HasSubstr("{\"count\":1}"));
  EXPECT_EQ(server_.Run({"snapshot", "restore", "one", "--replace"}).exit_code, 0);
  EXPECT_EQ(server_.Run({"snapshot", "create", "alone", "--collection", "nobody"}).exit_code, 4);
  const CommandResult alone =
      server_.Run({"snapshot", "create", "alone", "--collection", "again", "-o", "jsonl"});
  EXPECT_EQ(alone.exit_code, 0) << alone.errors;
  EXPECT_THAT(alone.output, HasSubstr("\"collection_count\":1"));
  const CommandResult schedule = server_.Run({"snapshot", "schedule", "-o", "jsonl"});
  EXPECT_EQ(schedule.exit_code, 0);
  EXPECT_THAT(schedule.output, HasSubstr("\"interval_s\":0"));
  EXPECT_THAT(schedule.errors, HasSubstr("--snapshot-interval-s"));
  const std::string snapshot = directory_.path() + "/data/snapshots/one";
  const std::string restored = directory_.path() + "/restored";
  const CommandResult made =
      RunCommand({ServerBinary(), "restore", snapshot, "--data-dir", restored});
  EXPECT_EQ(made.exit_code, 0) << made.errors;
  EXPECT_THAT(made.output, HasSubstr("v: 1 documents of 2 dimensions"));
  EXPECT_EQ(RunCommand({ServerBinary(), "restore", snapshot, "--data-dir", restored}).exit_code, 1);
  EXPECT_EQ(RunCommand({ServerBinary(), "restore", snapshot}).exit_code, 2);
  ServerProcess second(restored);
  ASSERT_TRUE(second.serving()) << second.log();
  EXPECT_THAT(second.Run({"get", "v", "a", "-o", "jsonl"}).output, HasSubstr("a text"));
  EXPECT_EQ(second.Run({"get", "v", "b"}).exit_code, 4);

  std::ofstream(snapshot + "/rocksdb/000099.sst") << "foreign";
  const CommandResult damaged = server_.Run({"snapshot", "verify", "one"});
  EXPECT_EQ(damaged.exit_code, 1);
  EXPECT_THAT(damaged.errors, HasSubstr("000099.sst does not belong to it"));
  EXPECT_EQ(RunCommand({ServerBinary(), "verify", snapshot}).exit_code, 1);
  EXPECT_EQ(server_.Run({"snapshot", "delete", "one"}).exit_code, 0);
  EXPECT_FALSE(std::filesystem::exists(snapshot));
}

TEST_F(CommandLineTest, MetadataIsChangedAndCountedByFilter) {
  const std::string input = R"({"id":"a","text":"x","metadata":{"g":"p","y":1},"vector":[1,1]}
{"id":"b","text":"x","metadata":{"g":"q","y":2},"vector":[1,2]}
{"id":"c","text":"x","metadata":{"g":"q","y":3},"vector":[1,3]}
)";
  ASSERT_EQ(server_.Run({"import", "v", "-", "--format", "jsonl"}, input).exit_code, 0);
  EXPECT_THAT(server_.Run({"facets", "v", "g", "-o", "jsonl"}).output,
              HasSubstr(R"({"field":"g","value":"q","document_count":2})"));
  EXPECT_THAT(server_.Run({"facets", "v", "y", "--range", "2..", "-o", "jsonl"}).output,
              HasSubstr(R"({"field":"y","value":"2..","document_count":2})"));
  EXPECT_THAT(
      server_.Run({"update", "v", "--filter", "g == \"q\"", "--set", "{\"g\": \"r\"}"}).errors,
      HasSubstr("changed 2 documents"));
  EXPECT_THAT(server_.Run({"count", "v", "--filter", "g == \"r\"", "-o", "jsonl"}).output,
              HasSubstr("2"));
  EXPECT_EQ(server_.Run({"update", "v", "a"}).exit_code, 2);
  EXPECT_EQ(server_.Run({"update", "v", "--set", "{}"}).exit_code, 2);
  EXPECT_EQ(server_.Run({"update", "v", "nobody", "--set", "{\"x\": 1}"}).exit_code, 5);
  EXPECT_THAT(server_.Run({"search", "v", "--vector", "[1,1]", "--explain"}).errors,
              HasSubstr("plan: exact"));
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

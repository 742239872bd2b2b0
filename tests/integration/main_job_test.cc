// Text in over gRPC, nearest neighbours out: the real server, model and command line.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "tests/support/server_process.h"
#include "tests/support/temporary_directory.h"

namespace simile {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;

std::vector<Json> JsonLines(const std::string& text) {
  std::vector<Json> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(Json::parse(line));
  return lines;
}

class MainJobTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(ModelDirectory() + "/model.safetensors")) {
      GTEST_SKIP() << "no model in " << ModelDirectory() << "; scripts/fetch_model.sh fetches it";
    }
    Start();
  }

  void Start(const std::vector<std::string>& more_flags = {}) {
    std::vector<std::string> flags = {"--model", ModelDirectory()};
    flags.insert(flags.end(), more_flags.begin(), more_flags.end());
    server_ = std::make_unique<ServerProcess>(directory_.path() + "/data", flags);
    ASSERT_TRUE(server_->serving()) << server_->log();
  }

  CommandResult Run(std::vector<std::string> arguments, const std::string& input = "") {
    return server_->Run(std::move(arguments), input);
  }

  void ImportFruit() {
    ASSERT_EQ(Run({"collection", "create", "docs"}).exit_code, 0);
    const CommandResult imported =
        Run({"import", "docs", "-", "--format", "jsonl"},
            R"({"id": "apple", "text": "A sweet red fruit of trees", "metadata": {"year": 1999}}
{"id": "car", "text": "A vehicle with four wheels and an engine", "metadata": {"year": 2005}}
{"id": "cat", "text": "A small animal that purrs", "metadata": {"tags": ["pet", "fur"]}}
{"id": "pear", "text": "A green fruit with a soft juicy flesh"}
)");
    ASSERT_EQ(imported.exit_code, 0) << imported.errors;
  }

  TemporaryDirectory directory_;
  std::unique_ptr<ServerProcess> server_;
};

TEST_F(MainJobTest, FindsTextsByMeaning) {
  ImportFruit();
  const CommandResult found =
      Run({"search", "docs", "something to eat from an orchard", "-k", "2", "-o", "jsonl"});
  ASSERT_EQ(found.exit_code, 0) << found.errors;
  const std::vector<Json> hits = JsonLines(found.output);
  ASSERT_EQ(hits.size(), 2u);
  EXPECT_EQ(hits[0]["rank"], 1);
  EXPECT_THAT((std::vector<std::string>{hits[0]["id"], hits[1]["id"]}),
              ::testing::UnorderedElementsAre("apple", "pear"));
  EXPECT_GE(hits[0]["score"].get<double>(), hits[1]["score"].get<double>());
  EXPECT_NEAR(hits[0]["score"].get<double>() + hits[0]["distance"].get<double>(), 1, 1e-5);
  EXPECT_TRUE(hits[0].contains("text"));
}

TEST_F(MainJobTest, MoreLikeThisAndUnlikeThat) {
  ImportFruit();
  const CommandResult like = Run({"search", "docs", "--like", "apple", "-k", "1", "-o", "jsonl"});
  ASSERT_EQ(like.exit_code, 0) << like.errors;
  EXPECT_EQ(JsonLines(like.output)[0]["id"], "pear");
  const CommandResult unlike = Run({"search", "docs", "fruit", "--unlike", "apple", "-o", "jsonl"});
  ASSERT_EQ(unlike.exit_code, 0) << unlike.errors;
  for (const Json& hit : JsonLines(unlike.output)) EXPECT_NE(hit["id"], "apple");
}

TEST_F(MainJobTest, GetAndListGiveBackWhatWasStored) {
  ImportFruit();
  const CommandResult got = Run({"get", "docs", "cat", "-o", "jsonl"});
  ASSERT_EQ(got.exit_code, 0) << got.errors;
  const Json cat = JsonLines(got.output)[0];
  EXPECT_EQ(cat["id"], "cat");
  EXPECT_EQ(cat["text"], "A small animal that purrs");
  EXPECT_EQ(cat["metadata"]["tags"], (Json{"pet", "fur"}));
  EXPECT_FALSE(cat.contains("vector"));

  EXPECT_EQ(JsonLines(Run({"list", "docs", "-o", "jsonl"}).output).size(), 4u);
  EXPECT_EQ(Json::parse(Run({"count", "docs", "-o", "json"}).output)["count"], 4);
  EXPECT_EQ(Run({"get", "docs", "nobody"}).exit_code, 4);
}

TEST_F(MainJobTest, DeletedDocumentsAreNotFoundAgain) {
  ImportFruit();
  ASSERT_EQ(Run({"delete", "docs", "apple"}).exit_code, 0);
  const CommandResult found = Run({"search", "docs", "apple", "-o", "jsonl"});
  for (const Json& hit : JsonLines(found.output)) EXPECT_NE(hit["id"], "apple");
  EXPECT_EQ(Json::parse(Run({"count", "docs", "-o", "json"}).output)["count"], 3);
}

TEST_F(MainJobTest, ARestartedServerAnswersTheSame) {
  ImportFruit();
  const std::vector<std::string> query = {"search", "docs", "orchard", "-o", "jsonl"};
  const std::string before = Run(query).output;
  ASSERT_EQ(server_->Stop(), 0) << server_->log();
  server_ = std::make_unique<ServerProcess>(directory_.path() + "/data",
                                            std::vector<std::string>{"--model", ModelDirectory()});
  ASSERT_TRUE(server_->serving()) << server_->log();
  EXPECT_EQ(Run(query).output, before);
}

TEST_F(MainJobTest, ManyQueriesFromAFileCarryTheirId) {
  ImportFruit();
  const CommandResult found = Run(
      {"search", "docs", "--queries", "-", "--input", "jsonl", "-k", "1", "-o", "jsonl"},
      "{\"id\": \"q1\", \"text\": \"pet that meows\"}\n{\"id\": \"q2\", \"text\": \"driving\"}\n");
  ASSERT_EQ(found.exit_code, 0) << found.errors;
  const std::vector<Json> hits = JsonLines(found.output);
  ASSERT_EQ(hits.size(), 2u);
  EXPECT_EQ(hits[0]["query_id"], "q1");
  EXPECT_EQ(hits[0]["id"], "cat");
  EXPECT_EQ(hits[1]["query_id"], "q2");
  EXPECT_EQ(hits[1]["id"], "car");
}

TEST_F(MainJobTest, EmbedAndTokenizeShowWhatTheModelSees) {
  const CommandResult embedded =
      Run({"embed", "--input", "lines", "-", "-o", "jsonl"}, "hello world\nsecond\n");
  ASSERT_EQ(embedded.exit_code, 0) << embedded.errors;
  const std::vector<Json> vectors = JsonLines(embedded.output);
  ASSERT_EQ(vectors.size(), 2u);
  EXPECT_EQ(vectors[0]["index"], 0);
  EXPECT_EQ(vectors[0]["token_count"], 4);
  EXPECT_EQ(vectors[0]["truncated"], false);
  ASSERT_EQ(vectors[0]["vector"].size(), 384u);
  // The published first values of this model for "hello world"; operands may be bfloat16.
  EXPECT_NEAR(vectors[0]["vector"][0].get<double>(), -0.034478, 1e-3);
  EXPECT_NEAR(vectors[0]["vector"][1].get<double>(), 0.03102, 1e-3);

  const Json tokens = JsonLines(Run({"tokenize", "hello world", "-o", "jsonl"}).output)[0];
  EXPECT_EQ(tokens["ids"], (Json{101, 7592, 2088, 102}));
  EXPECT_EQ(tokens["tokens"], (Json{"[CLS]", "hello", "world", "[SEP]"}));
  EXPECT_EQ(tokens["truncated"], false);
}

TEST_F(MainJobTest, ATokenHasAVectorOfItsContextAndOneOfItsOwn) {
  const auto rows = [this](const std::string& kind) {
    std::string texts;
    for (int text = 0; text < 20; ++text) texts += text % 2 == 0 ? "river bank\n" : "bank loan\n";
    return JsonLines(
        Run({"embed", "--tokens", kind, "--input", "lines", "-", "-o", "jsonl"}, texts).output);
  };
  const std::vector<Json> contextual = rows("contextual"), input = rows("input");
  ASSERT_EQ(contextual.size(), 20 * 4u);
  EXPECT_EQ(contextual[2]["token"], "bank");
  EXPECT_EQ(contextual[5]["token"], "bank");
  EXPECT_EQ(contextual[5]["index"], 1);
  EXPECT_EQ(contextual[5]["position"], 1);
  EXPECT_EQ(contextual[2]["vector"].size(), 384u);
  EXPECT_NE(contextual[2]["vector"], contextual[5]["vector"]);
  EXPECT_EQ(contextual[2]["vector"], contextual[18 * 4 + 2]["vector"]);
  EXPECT_EQ(input[2]["vector"], input[5]["vector"]);
}

TEST_F(MainJobTest, ACollectionKeepsItsPromptsAndItsPartOfTheVectors) {
  const std::string model = JsonLines(Run({"model", "list", "-o", "jsonl"}).output)[0]["name"];
  const CommandResult created = Run({"collection", "create", "cut", "--model", model, "--dimension",
                                     "128", "--document-prompt", "about: ", "--query-prompt", ""});
  ASSERT_EQ(created.exit_code, 0) << created.errors;
  EXPECT_THAT(created.errors, HasSubstr("128 dimensions"));
  ASSERT_EQ(Run({"put", "cut", "the cat sleeps", "--id", "cat"}).exit_code, 0);
  EXPECT_EQ(JsonLines(Run({"get", "cut", "cat", "--with-vector"}).output)[0]["vector"].size(),
            128u);
  const auto score = [this] {
    return JsonLines(Run({"search", "cut", "the cat sleeps"}).output)[0]["score"].get<double>();
  };
  EXPECT_LT(score(), 0.99);
  EXPECT_EQ(Run({"collection", "update", "cut"}).exit_code, 2);
  const CommandResult updated = Run({"collection", "update", "cut", "--query-prompt", "about: "});
  EXPECT_EQ(JsonLines(updated.output)[0]["query_prompt"], "about: ");
  EXPECT_GT(score(), 0.999);

  server_->Stop();
  Start({"--encoder-precision", "float32"});
  const Json shown = JsonLines(Run({"collection", "show", "cut", "-o", "jsonl"}).output)[0];
  EXPECT_EQ(shown["document_prompt"], "about: ");
  EXPECT_EQ(shown.contains("warnings"), shown["model_precision"] == "bfloat16");
  EXPECT_GT(score(), 0.999);
}

TEST_F(MainJobTest, WithFloat32AloneVectorsAreTheReferences) {
  server_->Stop();
  Start({"--encoder-precision", "float32"});
  EXPECT_THAT(server_->log(), HasSubstr("in float32"));
  const Json embedded = JsonLines(Run({"embed", "hello world", "-o", "jsonl"}).output)[0];
  EXPECT_NEAR(embedded["vector"][0].get<double>(), -0.034478, 1e-5);
  EXPECT_NEAR(embedded["vector"][1].get<double>(), 0.03102, 1e-5);
  EXPECT_THAT(Run({"info"}).output, HasSubstr("\"precision\":\"float32\""));
}

TEST_F(MainJobTest, TheLevelOfTheEncoderCanBeForced) {
  server_->Stop();
  Start({"--encoder-isa", "scalar"});
  EXPECT_THAT(server_->log(), HasSubstr("scalar in float32"));
  EXPECT_EQ(Run({"embed", "hi", "-o", "jsonl"}).exit_code, 0);
}

TEST_F(MainJobTest, ImportingTwiceStoresNothingTwice) {
  ImportFruit();
  const CommandResult again =
      Run({"import", "docs", "-", "--format", "jsonl"},
          R"({"id": "apple", "text": "A sweet red fruit that grows on trees"})"
          "\n");
  EXPECT_EQ(again.exit_code, 0) << again.errors;
  EXPECT_EQ(Json::parse(Run({"count", "docs", "-o", "json"}).output)["count"], 4);
}

TEST_F(MainJobTest, BadLinesAreReportedByNumberAndTheRestIsStored) {
  ASSERT_EQ(Run({"collection", "create", "docs"}).exit_code, 0);
  const CommandResult imported = Run({"import", "docs", "-", "--format", "jsonl"},
                                     "{\"id\": \"a\", \"text\": \"one\"}\nnot json\n"
                                     "{\"id\": \"b\", \"text\": \"\"}\n"
                                     "{\"id\": \"c\", \"text\": \"three\"}\n");
  EXPECT_EQ(imported.exit_code, 5);
  EXPECT_THAT(imported.errors, HasSubstr("line 2"));
  EXPECT_THAT(imported.errors, HasSubstr("line 3"));
  EXPECT_EQ(Json::parse(Run({"count", "docs", "-o", "json"}).output)["count"], 2);
}

}  // namespace
}  // namespace simile

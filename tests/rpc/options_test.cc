#include "server/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "tests/support/status_matchers.h"
#include "tests/support/temporary_directory.h"

namespace simile {
namespace {

using ::testing::HasSubstr;

// Every option with a value that is not its default.
const std::map<std::string, std::string> kAllOptions = {
    {"data-dir", "/srv/simile"},      {"model", "/srv/model"},
    {"models-dir", "/srv/models"},    {"listen", "127.0.0.1:1"},
    {"port-file", "/run/port"},       {"insecure", "true"},
    {"reflection", "false"},          {"log-level", "debug"},
    {"log-file", "/var/log/simile"},  {"search-threads", "101"},
    {"ingest-threads", "102"},        {"encoder-threads", "103"},
    {"load-threads", "104"},          {"search-queue-max", "105"},
    {"ingest-queue-max", "106"},      {"message-bytes-max", "107"},
    {"bytes-in-flight-max", "108"},   {"block-cache-bytes", "109"},
    {"memtable-bytes", "110"},        {"free-disk-bytes-min", "111"},
    {"shutdown-grace-ms", "112"},     {"encoder-isa", "scalar"},
    {"encoder-precision", "float32"}, {"checkpoint-interval-ms", "113"},
    {"memory-bytes-max", "114"},      {"filter-field-bytes-max", "115"},
    {"recall-sample-every", "116"},   {"snapshot-interval-s", "117"},
    {"snapshots-kept", "118"},
};

std::string EnvironmentName(std::string name) {
  for (char& c : name) c = c == '-' ? '_' : static_cast<char>(std::toupper(c));
  return "SIMILE_" + name;
}

class OptionsTest : public ::testing::Test {
 protected:
  absl::StatusOr<ParsedOptions> Parse(const std::vector<std::string>& flags) {
    return ParseOptions(flags, environment_);
  }

  // What --print-config says of every option, with values and sources.
  std::string Printed(std::vector<std::string> flags) {
    flags.emplace_back("--print-config");
    const auto parsed = Parse(flags);
    EXPECT_THAT(parsed, IsOk());
    return parsed.ok() ? parsed->print_and_exit.value_or("") : "";
  }

  std::string WriteConfig(const std::string& content) {
    const std::string path = directory_.path() + "/simile.toml";
    std::ofstream(path) << content;
    return path;
  }

  void ExpectAllSet(const std::string& printed, const std::string& source) {
    for (const auto& [name, value] : kAllOptions) {
      EXPECT_THAT(printed,
                  ::testing::ContainsRegex("(^|\n)" + name + " = \"?" + value + "\"? +# " + source))
          << name;
    }
  }

  TemporaryDirectory directory_;
  Environment environment_;
};

TEST_F(OptionsTest, DefaultsServeOnLoopbackWithoutModel) {
  const auto parsed = Parse({});
  ASSERT_THAT(parsed, IsOk());
  EXPECT_EQ(parsed->options.listen, "127.0.0.1:7464");
  EXPECT_EQ(parsed->options.model, "");
  EXPECT_FALSE(parsed->options.insecure);
  EXPECT_TRUE(parsed->options.reflection);
  EXPECT_EQ(parsed->options.message_bytes_max, 67'108'864u);
  EXPECT_FALSE(parsed->print_and_exit.has_value());
}

TEST_F(OptionsTest, EveryOptionThatIsPrintedIsInTheTableOfThisTest) {
  const std::string printed = Printed({});
  EXPECT_EQ(static_cast<size_t>(std::count(printed.begin(), printed.end(), '\n')),
            kAllOptions.size());
}

TEST_F(OptionsTest, EveryOptionCanBeAFlag) {
  std::vector<std::string> flags;
  for (const auto& [name, value] : kAllOptions) {
    flags.push_back("--" + name);
    flags.push_back(value);
  }
  ExpectAllSet(Printed(flags), "flag");
}

TEST_F(OptionsTest, EveryOptionCanStandInTheEnvironment) {
  for (const auto& [name, value] : kAllOptions) environment_[EnvironmentName(name)] = value;
  ExpectAllSet(Printed({}), "environment SIMILE_");
}

TEST_F(OptionsTest, EveryOptionCanStandInTheFile) {
  std::string content = "# A comment.\n";
  for (const auto& [name, value] : kAllOptions) {
    content += name + " = " + (value[0] == '/' ? "\"" + value + "\"" : value) + "\n";
  }
  ExpectAllSet(Printed({"--config", WriteConfig(content)}), "file ");
}

TEST_F(OptionsTest, FlagsGoBeforeEnvironmentBeforeFileBeforeDefault) {
  const std::string path =
      WriteConfig("search-threads = 11\ningest-threads = 12\nload-threads = 13\n");
  environment_["SIMILE_INGEST_THREADS"] = "22";
  environment_["SIMILE_LOAD_THREADS"] = "23";
  const auto parsed = Parse({"--config", path, "--load-threads", "33"});
  ASSERT_THAT(parsed, IsOk());
  EXPECT_EQ(parsed->options.search_threads, 11u);
  EXPECT_EQ(parsed->options.ingest_threads, 22u);
  EXPECT_EQ(parsed->options.load_threads, 33u);
  EXPECT_EQ(parsed->options.shutdown_grace_ms, 8'000u);
}

TEST_F(OptionsTest, TheModelDirectoryVariableServesTooAndGivesWayToTheUsualName) {
  environment_["SIMILE_MODEL_DIR"] = "/a";
  EXPECT_EQ(Parse({})->options.model, "/a");
  environment_["SIMILE_MODEL"] = "/b";
  EXPECT_EQ(Parse({})->options.model, "/b");
}

TEST_F(OptionsTest, TheFileCanBeNamedByTheEnvironment) {
  environment_["SIMILE_CONFIG"] = WriteConfig("search-threads = 11\n");
  EXPECT_EQ(Parse({})->options.search_threads, 11u);
}

TEST_F(OptionsTest, AnUnknownKeyOfTheFileIsNamedWithASuggestion) {
  EXPECT_THAT(Parse({"--config", WriteConfig("serch-threads = 3\n")}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "unknown key 'serch-threads'; did you mean 'search-threads'?"));
}

TEST_F(OptionsTest, AnUnknownFlagIsNamedWithASuggestion) {
  EXPECT_THAT(Parse({"--data-dri", "x"}),
              StatusIs(absl::StatusCode::kInvalidArgument, "did you mean --data-dir?"));
}

TEST_F(OptionsTest, AMissingFileIsNamed) {
  EXPECT_THAT(Parse({"--config", "/nowhere/simile.toml"}),
              StatusIs(absl::StatusCode::kNotFound, "/nowhere/simile.toml"));
}

TEST_F(OptionsTest, AValueThatDoesNotFitNamesOptionValueAndSource) {
  environment_["SIMILE_SEARCH_THREADS"] = "many";
  EXPECT_THAT(Parse({}), StatusIs(absl::StatusCode::kInvalidArgument,
                                  "option search-threads is 'many' (environment "
                                  "SIMILE_SEARCH_THREADS)"));
  environment_.clear();
  EXPECT_THAT(Parse({"--reflection", "maybe"}),
              StatusIs(absl::StatusCode::kInvalidArgument, "must be true or false"));
  EXPECT_THAT(Parse({"--search-threads", "-1"}),
              StatusIs(absl::StatusCode::kInvalidArgument, "search-threads"));
  EXPECT_THAT(Parse({"--search-threads", "0"}),
              StatusIs(absl::StatusCode::kInvalidArgument, "search-threads is 0"));
  EXPECT_THAT(Parse({"--log-level", "loud"}),
              StatusIs(absl::StatusCode::kInvalidArgument, "'loud'"));
  EXPECT_THAT(Parse({"--encoder-isa", "mmx"}),
              StatusIs(absl::StatusCode::kInvalidArgument, "must be one of auto"));
  EXPECT_THAT(Parse({"--encoder-precision", "float16"}),
              StatusIs(absl::StatusCode::kInvalidArgument, "auto, float32"));
  EXPECT_THAT(Parse({"--message-bytes-max", "99999999999"}),
              StatusIs(absl::StatusCode::kInvalidArgument, "at most 1073741824"));
}

TEST_F(OptionsTest, ABareFlagIsTrue) {
  EXPECT_TRUE(Parse({"--insecure", "--load-threads", "2"})->options.insecure);
  EXPECT_FALSE(Parse({"--reflection=false"})->options.reflection);
}

TEST_F(OptionsTest, HelpAndVersionArePrinted) {
  EXPECT_THAT(Parse({"--help"})->print_and_exit.value_or(""), HasSubstr("SIMILE_DATA_DIR"));
  EXPECT_THAT(Parse({"--version"})->print_and_exit.value_or(""), HasSubstr("simile-server 0."));
}

// A slip of the pen must not pass in silence, but the environment is not ours alone.
TEST_F(OptionsTest, AnUnknownVariableIsAWarning) {
  environment_["SIMILE_DATADIR"] = "/srv/simile";
  environment_["SIMILE_SERVER"] = "127.0.0.1:7464";
  environment_["HOME"] = "/root";
  const auto parsed = Parse({});
  ASSERT_THAT(parsed, IsOk());
  EXPECT_EQ(parsed->options.data_dir, "data");
  EXPECT_THAT(parsed->warnings,
              ::testing::ElementsAre(HasSubstr("SIMILE_DATADIR is no option and does nothing; did "
                                               "you mean SIMILE_DATA_DIR?")));
}

}  // namespace
}  // namespace simile

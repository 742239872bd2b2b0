// Start, stop and everything that can be wrong with a start.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "tests/support/server_process.h"
#include "tests/support/temporary_directory.h"

namespace simile {
namespace {

using ::testing::HasSubstr;

class ServerLifecycleTest : public ::testing::Test {
 protected:
  std::string data() const { return directory_.path() + "/data"; }

  CommandResult RunServer(std::vector<std::string> flags) {
    flags.insert(flags.begin(), ServerBinary());
    return RunCommand(flags);
  }

  TemporaryDirectory directory_;
};

TEST_F(ServerLifecycleTest, ServesWithoutModelAndEndsWithZeroOnSigterm) {
  ServerProcess server(data());
  ASSERT_TRUE(server.serving()) << server.log();
  EXPECT_EQ(server.Run({"collection", "create", "v", "--dimension", "3"}).exit_code, 0);
  EXPECT_EQ(server.Stop(), 0) << server.log();
}

TEST_F(ServerLifecycleTest, ASecondServerOnTheSameDataDirectoryIsRefused) {
  ServerProcess first(data());
  ASSERT_TRUE(first.serving()) << first.log();
  const CommandResult second = RunServer({"--data-dir", data(), "--listen", "127.0.0.1:0"});
  EXPECT_NE(second.exit_code, 0);
  EXPECT_THAT(second.errors, HasSubstr(data()));
}

TEST_F(ServerLifecycleTest, ATakenPortGetsOneClearSentence) {
  ServerProcess first(data());
  ASSERT_TRUE(first.serving()) << first.log();
  const CommandResult second = RunServer({"--data-dir", data() + "2", "--listen", first.address()});
  EXPECT_NE(second.exit_code, 0);
  EXPECT_THAT(second.errors, HasSubstr(first.address()));
}

TEST_F(ServerLifecycleTest, AModelDirectoryWithoutWeightsIsRefusedByName) {
  const std::string model = directory_.path() + "/empty-model";
  std::filesystem::create_directories(model);
  const CommandResult result =
      RunServer({"--data-dir", data(), "--listen", "127.0.0.1:0", "--model", model});
  EXPECT_NE(result.exit_code, 0);
  EXPECT_THAT(result.errors, HasSubstr(model));
}

TEST_F(ServerLifecycleTest, AnUnknownOptionIsRefused) {
  const CommandResult result = RunServer({"--data-dri", data()});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.errors, HasSubstr("data-dri"));
}

TEST_F(ServerLifecycleTest, ListeningBeyondLoopbackNeedsAnExplicitFlag) {
  const CommandResult result = RunServer({"--data-dir", data(), "--listen", "0.0.0.0:0"});
  EXPECT_NE(result.exit_code, 0);
  EXPECT_THAT(result.errors, HasSubstr("--insecure"));
}

TEST_F(ServerLifecycleTest, TheStartLineNamesVersionDataDirectoryAndAddress) {
  ServerProcess server(data());
  ASSERT_TRUE(server.serving()) << server.log();
  EXPECT_THAT(server.log(), HasSubstr("0.1.0"));
  EXPECT_THAT(server.log(), HasSubstr(data()));
  EXPECT_THAT(server.log(), HasSubstr(server.address()));
}

TEST_F(ServerLifecycleTest, InfoShowsVersionAndLimits) {
  ServerProcess server(data());
  ASSERT_TRUE(server.serving()) << server.log();
  const CommandResult info = server.Run({"info"});
  EXPECT_EQ(info.exit_code, 0) << info.errors;
  EXPECT_THAT(info.output, HasSubstr("0.1.0"));
  EXPECT_THAT(info.output, HasSubstr("67108864"));
}

}  // namespace
}  // namespace simile

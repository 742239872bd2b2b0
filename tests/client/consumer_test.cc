// The installed client in a project of somebody else.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/support/server_process.h"
#include "tests/support/temporary_directory.h"

namespace simile {
namespace {

using ::testing::HasSubstr;

class ConsumerTest : public ::testing::Test {
 protected:
  static CommandResult RunCmake(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), SIMILE_CMAKE_COMMAND);
    return RunCommand(arguments);
  }

  // Installs the client and builds the consumer against it, once for all tests.
  static void SetUpTestSuite() {
    directory_ = std::make_unique<TemporaryDirectory>();
    const std::string prefix = directory_->path() + "/prefix";
    const std::string build = directory_->path() + "/build";
    CommandResult result = RunCmake(
        {"--install", SIMILE_BINARY_DIR, "--prefix", prefix, "--component", "simile-library"});
    ASSERT_EQ(result.exit_code, 0) << result.output << result.errors;
    const std::string source = std::string(SIMILE_SOURCE_DIR) + "/tests/client/consumer";
    // The flags are those of sanitizers, which every part of a program needs.
    result = RunCmake({"-S", source, "-B", build, "-G", SIMILE_CMAKE_GENERATOR,
                       "-DCMAKE_PREFIX_PATH=" + prefix,
                       "-DCMAKE_CXX_COMPILER=" + std::string(SIMILE_CXX_COMPILER),
                       "-DCMAKE_CXX_FLAGS=" + std::string(SIMILE_CONSUMER_FLAGS)});
    ASSERT_EQ(result.exit_code, 0) << result.output << result.errors;
    result = RunCmake({"--build", build});
    ASSERT_EQ(result.exit_code, 0) << result.output << result.errors;
    consumer_ = build + "/consumer";
  }

  static void TearDownTestSuite() { directory_.reset(); }

  static std::unique_ptr<TemporaryDirectory> directory_;
  static std::string consumer_;
};

std::unique_ptr<TemporaryDirectory> ConsumerTest::directory_;
std::string ConsumerTest::consumer_;

TEST_F(ConsumerTest, StoresADocumentOnTheRealServer) {
  ServerProcess server(directory_->path() + "/data");
  ASSERT_TRUE(server.serving()) << server.log();
  const CommandResult result = RunCommand({consumer_, server.address(), "vectors"});
  EXPECT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_EQ(result.output, "documents: 1\n");
}

TEST_F(ConsumerTest, SaysThatThereIsNoServer) {
  // Nobody listens on port 1.
  const CommandResult result = RunCommand({consumer_, "127.0.0.1:1", "vectors"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.errors, HasSubstr("no server answers at 127.0.0.1:1"));
}

}  // namespace
}  // namespace simile

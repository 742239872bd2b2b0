// The example of embedder/README.md is a program that does what it says.
#include <gtest/gtest.h>

#include <string>

#include "tests/support/child_process.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/tiny_model.h"

namespace simile {
namespace {

const std::string kSource = SIMILE_SOURCE_DIR;

TEST(LibraryExampleTest, TheReadmeShowsTheProgram) {
  const std::string program = ReadFile(kSource + "/tests/embedder/library_example.cc");
  ASSERT_NE(program, "");
  EXPECT_NE(ReadFile(kSource + "/embedder/README.md").find(program), std::string::npos);
}

TEST(LibraryExampleTest, ItGoesFromADirectoryToVectors) {
  TemporaryDirectory directory;
  WriteTinyModel(directory.path() + "/tiny");
  const std::string program = std::string(SIMILE_BINARY_DIR) + "/bin/library_example";
  const CommandResult result = RunCommand({program, directory.path() + "/tiny"});
  EXPECT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_EQ(result.output.find("64 floats, first "), 0u) << result.output;
  const CommandResult none = RunCommand({program, directory.path() + "/none"});
  EXPECT_EQ(none.exit_code, 1);
  EXPECT_NE(none.errors.find("is not a directory"), std::string::npos) << none.errors;
}

}  // namespace
}  // namespace simile

#include "base/durable_file.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "tests/support/status_matchers.h"
#include "tests/support/temporary_directory.h"

namespace simile {
namespace {

namespace fs = std::filesystem;

class DurableFileTest : public ::testing::Test {
 protected:
  std::string PathOf(const std::string& name) const { return directory_.path() + "/" + name; }

  const TemporaryDirectory directory_;
};

TEST_F(DurableFileTest, WhatIsWrittenIsRead) {
  const std::string content(100'000, 'x');
  ASSERT_THAT(WriteDurably(PathOf("a"), content), IsOk());
  const auto read = ReadWholeFile(PathOf("a"), content.size());
  ASSERT_THAT(read, IsOk());
  EXPECT_EQ(*read, content);
}

TEST_F(DurableFileTest, AnOldFileIsReplacedAndNothingElseIsLeft) {
  ASSERT_THAT(WriteDurably(PathOf("a"), "a long old text"), IsOk());
  ASSERT_THAT(WriteDurably(PathOf("a"), "new"), IsOk());
  EXPECT_EQ(ReadWholeFile(PathOf("a"), 100).value(), "new");
  EXPECT_EQ(std::distance(fs::directory_iterator(directory_.path()), fs::directory_iterator()), 1);
}

TEST_F(DurableFileTest, AMissingDirectoryIsNotFoundAndNamesTheFile) {
  const std::string path = PathOf("missing/a");
  EXPECT_THAT(WriteDurably(path, "text"), StatusIs(absl::StatusCode::kNotFound, path));
  EXPECT_THAT(ReadWholeFile(path, 100), StatusIs(absl::StatusCode::kNotFound, path));
}

TEST_F(DurableFileTest, AFileThatCannotBeReplacedIsLeftAsItIs) {
  fs::create_directories(PathOf("a/b"));
  EXPECT_THAT(WriteDurably(PathOf("a"), "text"),
              StatusIs(absl::StatusCode::kFailedPrecondition, "renaming"));
  EXPECT_TRUE(fs::is_directory(PathOf("a/b")));
}

TEST_F(DurableFileTest, ALargerFileThanIsAllowedIsRefusedWithTheNumbers) {
  ASSERT_THAT(WriteDurably(PathOf("a"), "12345"), IsOk());
  EXPECT_THAT(ReadWholeFile(PathOf("a"), 4),
              StatusIs(absl::StatusCode::kResourceExhausted, "has 5 bytes; at most 4 are read"));
}

}  // namespace
}  // namespace simile

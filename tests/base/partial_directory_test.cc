// A directory that comes together in pieces.
#include "base/partial_directory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/durable_file.h"
#include "base/plain_path.h"
#include "base/sha256.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temporary_directory.h"

namespace simile {
namespace {

namespace fs = std::filesystem;
using absl::StatusCode;

PartialFile FileOf(const std::string& path, std::string_view content) {
  Sha256 sha256;
  sha256.Add(content);
  return {.path = path, .bytes = content.size(), .sha256 = sha256.Hex()};
}

class PartialDirectoryTest : public ::testing::Test {
 protected:
  std::string Path(const std::string& name) const { return root_.path() + "/" + name; }
  std::string Content(const std::string& name) const { return *ReadWholeFile(Path(name), 1000); }

  TemporaryDirectory root_;
  const PartialDirectory partial_{root_.path() + "/made/it.part"};
  const std::vector<PartialFile> files_ = {FileOf("a/one", "first"), FileOf("a/two", "second"),
                                           FileOf("b", "")};
};

TEST_F(PartialDirectoryTest, BecomesWhatItShouldBeWhenEveryByteIsThere) {
  EXPECT_FALSE(partial_.exists());
  ASSERT_THAT(partial_.Begin("what it is"), IsOk());
  EXPECT_TRUE(partial_.exists());
  EXPECT_EQ(partial_.Write(files_[0], 0, "fir").value(), 3u);
  EXPECT_EQ(partial_.BytesHeld(files_[0]).value(), 3u);
  EXPECT_THAT(partial_.Finish(files_, "LIST", Path("made/it")),
              StatusIs(StatusCode::kFailedPrecondition, "3 of the 5 bytes of a/one"));
  EXPECT_EQ(partial_.Write(files_[0], 3, "st").value(), 5u);
  EXPECT_EQ(partial_.Write(files_[1], 0, "second").value(), 6u);
  ASSERT_THAT(partial_.Finish(files_, "LIST", Path("made/it")), IsOk());
  EXPECT_FALSE(partial_.exists());
  EXPECT_EQ(Content("made/it/a/one"), "first");
  EXPECT_EQ(Content("made/it/b"), "");
  EXPECT_EQ(Content("made/it/LIST"), "what it is");
  EXPECT_FALSE(fs::exists(Path("made/it/UNFINISHED")));
}

TEST_F(PartialDirectoryTest, AChunkThatCameBeforeIsSkippedAndAGapRefused) {
  ASSERT_THAT(partial_.Begin("x"), IsOk());
  ASSERT_EQ(partial_.Write(files_[1], 0, "sec").value(), 3u);
  EXPECT_EQ(partial_.Write(files_[1], 0, "sec").value(), 3u);
  EXPECT_EQ(partial_.Write(files_[1], 1, "econ").value(), 5u);
  EXPECT_THAT(partial_.Write(files_[1], 6, ""),
              StatusIs(StatusCode::kInvalidArgument, "only the first 5 bytes"));
  EXPECT_THAT(partial_.Write(files_[1], 5, "dx"),
              StatusIs(StatusCode::kInvalidArgument, "ends behind it"));
  EXPECT_THAT(partial_.Write(files_[1], UINT64_MAX, "d"),
              StatusIs(StatusCode::kInvalidArgument, "begins at"));
  EXPECT_EQ(partial_.Write(files_[1], 5, "d").value(), 6u);
  EXPECT_EQ(Content("made/it.part/a/two"), "second");
}

TEST_F(PartialDirectoryTest, WrongBytesAreFoundAtTheEndAndCanComeAgain) {
  ASSERT_THAT(partial_.Begin("x"), IsOk());
  ASSERT_THAT(partial_.Write(files_[0], 0, "wrong"), IsOk());
  ASSERT_THAT(partial_.Write(files_[1], 0, "second"), IsOk());
  EXPECT_THAT(partial_.Finish(files_, "LIST", Path("made/it")),
              StatusIs(StatusCode::kDataLoss, "a/one has SHA-256"));
  EXPECT_FALSE(fs::exists(Path("made/it")));
  EXPECT_EQ(partial_.BytesHeld(files_[0]).value(), 0u);
  EXPECT_EQ(partial_.BytesHeld(files_[1]).value(), 6u);
  ASSERT_THAT(partial_.Write(files_[0], 0, "first"), IsOk());
  EXPECT_THAT(partial_.Finish(files_, "LIST", Path("made/it")), IsOk());
}

TEST_F(PartialDirectoryTest, TakesAFileFromElsewhereOnlyWhenItHasItsBytes) {
  ASSERT_THAT(partial_.Begin("x"), IsOk());
  ASSERT_THAT(partial_.Write(files_[0], 0, "fi"), IsOk());
  std::ofstream(Path("other")) << "fIrst";
  std::ofstream(Path("same")) << "first";
  EXPECT_FALSE(partial_.Adopt(files_[0], Path("missing"), true));
  EXPECT_FALSE(partial_.Adopt(files_[0], Path("other"), true));
  EXPECT_EQ(partial_.BytesHeld(files_[0]).value(), 2u);
  EXPECT_TRUE(partial_.Adopt(files_[0], Path("same"), false));
  EXPECT_EQ(partial_.BytesHeld(files_[0]).value(), 5u);
  EXPECT_EQ(fs::hard_link_count(Path("same")), 2u);
}

// The bytes of a linked file are another directory's too.
TEST_F(PartialDirectoryTest, DroppingALinkedFileLeavesTheOtherName) {
  ASSERT_THAT(partial_.Begin("x"), IsOk());
  std::ofstream(Path("same")) << "first";
  ASSERT_TRUE(partial_.Adopt(files_[0], Path("same"), false));
  ASSERT_THAT(partial_.Write(files_[1], 0, "second"), IsOk());
  std::ofstream(Path("same")) << "fIrst";
  EXPECT_THAT(partial_.Finish(files_, "LIST", Path("made/it")),
              StatusIs(StatusCode::kDataLoss, "a/one"));
  EXPECT_EQ(Content("same"), "fIrst");
}

TEST_F(PartialDirectoryTest, WhatCannotBeTheBeginningOfAFileIsRemoved) {
  ASSERT_THAT(partial_.Begin("x"), IsOk());
  fs::create_directories(Path("made/it.part/a/two"));
  std::ofstream(Path("made/it.part/a/one")) << "first and more";
  EXPECT_EQ(partial_.BytesHeld(files_[0]).value(), 0u);
  EXPECT_EQ(partial_.BytesHeld(files_[1]).value(), 0u);
  std::ofstream(Path("target")) << "";
  fs::create_symlink(Path("target"), Path("made/it.part/a/one"));
  EXPECT_EQ(partial_.BytesHeld(files_[0]).value(), 0u);
  EXPECT_EQ(partial_.Write(files_[0], 0, "first").value(), 5u);
  EXPECT_EQ(Content("target"), "");
}

TEST_F(PartialDirectoryTest, AFileThatDoesNotBelongThereIsNamed) {
  ASSERT_THAT(partial_.Begin("x"), IsOk());
  ASSERT_THAT(partial_.Write(files_[0], 0, "first"), IsOk());
  ASSERT_THAT(partial_.Write(files_[1], 0, "second"), IsOk());
  std::ofstream(Path("made/it.part/a/foreign")) << "x";
  EXPECT_THAT(partial_.Finish(files_, "LIST", Path("made/it")),
              StatusIs(StatusCode::kDataLoss, "a/foreign"));
}

// Between the last two renames of Finish.
TEST_F(PartialDirectoryTest, AnInterruptedEndIsGoneOnWith) {
  ASSERT_THAT(partial_.Begin("what it is"), IsOk());
  ASSERT_THAT(partial_.Write(files_[0], 0, "first"), IsOk());
  ASSERT_THAT(partial_.Write(files_[1], 0, "second"), IsOk());
  fs::rename(Path("made/it.part/UNFINISHED"), Path("made/it.part/LIST"));
  EXPECT_EQ(partial_.Contents("LIST", 100).value(), "what it is");
  EXPECT_THAT(partial_.Finish(files_, "LIST", Path("made/it")), IsOk());
  EXPECT_EQ(Content("made/it/LIST"), "what it is");
}

TEST(PlainPathTest, NothingLeadsOutOfTheDirectory) {
  for (const char* const good : {"a", "rocksdb/000012.sst", "a/b/c", "MANIFEST-000004", "a..b"}) {
    EXPECT_TRUE(IsPlainPath(good)) << good;
  }
  for (const char* const bad :
       {"", "/a", "..", "a/../b", "a//b", ".a", "a/.b", "a/", "a b", "a\\b", "a\nb", "\xc3\xa4"}) {
    EXPECT_FALSE(IsPlainPath(bad)) << bad;
  }
}

}  // namespace
}  // namespace simile

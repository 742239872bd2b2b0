#include "client/cli/text_input.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

#include "tests/support/status_matchers.h"
#include "tests/support/temporary_directory.h"

namespace simile::cli {
namespace {

using ::testing::ElementsAre;

MATCHER_P3(IsInput, index, id, text, "") {
  *result_listener << arg.index << " '" << arg.id << "' '" << arg.text << "'";
  return arg.index == static_cast<size_t>(index) && arg.id == id && arg.text == text;
}

class TextInputTest : public ::testing::Test {
 protected:
  absl::StatusOr<TextInput> Read(const std::string& content, bool json_lines) {
    const std::string path = directory_.path() + "/input";
    std::ofstream(path, std::ios::binary) << content;
    return ReadTexts(path, json_lines);
  }

  TemporaryDirectory directory_;
};

TEST_F(TextInputTest, EachLineThatIsNotBlankIsAText) {
  const auto input = Read("red apple\n\n \t\r\n  green\r\nlast", /*json_lines=*/false);
  ASSERT_THAT(input, IsOk());
  EXPECT_THAT(input->texts, ElementsAre(IsInput(0, "", "red apple"), IsInput(3, "", "  green"),
                                        IsInput(4, "", "last")));
  EXPECT_EQ(input->bad_count, 0u);
}

TEST_F(TextInputTest, AByteOrderMarkIsNoPartOfTheFirstText) {
  const auto input = Read("\xEF\xBB\xBFred\n\xEF\xBB\xBFgreen\n", /*json_lines=*/false);
  ASSERT_THAT(input, IsOk());
  EXPECT_THAT(input->texts,
              ElementsAre(IsInput(0, "", "red"), IsInput(1, "", "\xEF\xBB\xBFgreen")));
}

TEST_F(TextInputTest, JsonLinesMayHaveAnId) {
  const auto input = Read(
      "{\"id\": \"a\", \"text\": \"red\"}\r\n\n{\"text\": \"green\"}\n"
      "{\"text\": \"blue\", \"id\": 7}\n",
      /*json_lines=*/true);
  ASSERT_THAT(input, IsOk());
  EXPECT_THAT(input->texts, ElementsAre(IsInput(0, "a", "red"), IsInput(2, "", "green"),
                                        IsInput(3, "7", "blue")));
}

TEST_F(TextInputTest, BadLinesAreCountedAndReportedAndTheRestIsRead) {
  ::testing::internal::CaptureStderr();
  const auto input = Read("{\"text\": \"red\"}\nplain\n{\"text\": 7}\n[]\n{\"text\": \"green\"}\n",
                          /*json_lines=*/true);
  const std::string said = ::testing::internal::GetCapturedStderr();
  ASSERT_THAT(input, IsOk());
  EXPECT_THAT(input->texts, ElementsAre(IsInput(0, "", "red"), IsInput(4, "", "green")));
  EXPECT_EQ(input->bad_count, 3u);
  EXPECT_THAT(said, ::testing::HasSubstr("line 2: "));
  EXPECT_THAT(said, ::testing::HasSubstr("line 3: "));
  EXPECT_THAT(said, ::testing::HasSubstr("line 4: "));
}

TEST_F(TextInputTest, AFileThatCannotBeOpenedIsNamed) {
  const std::string path = directory_.path() + "/nothing";
  EXPECT_THAT(ReadTexts(path, false), StatusIs(absl::StatusCode::kNotFound, path));
}

std::vector<InputText> TextsOfSizes(const std::vector<size_t>& sizes) {
  std::vector<InputText> texts;
  for (const size_t size : sizes) {
    texts.push_back({.index = texts.size(), .text = std::string(size, 'x')});
  }
  return texts;
}

MATCHER_P2(IsBatch, first, end, "") {
  *result_listener << arg.first << " to " << arg.end;
  return arg.first == static_cast<size_t>(first) && arg.end == static_cast<size_t>(end);
}

TEST(BatchesOfTest, NoTextsAreNoBatch) { EXPECT_TRUE(BatchesOf({}).empty()); }

TEST(BatchesOfTest, ABatchHasAtMost256Texts) {
  EXPECT_THAT(BatchesOf(TextsOfSizes(std::vector<size_t>(256, 1))), ElementsAre(IsBatch(0, 256)));
  EXPECT_THAT(BatchesOf(TextsOfSizes(std::vector<size_t>(600, 1))),
              ElementsAre(IsBatch(0, 256), IsBatch(256, 512), IsBatch(512, 600)));
}

TEST(BatchesOfTest, ABatchHasAtMostAsManyTextsAsAskedFor) {
  EXPECT_THAT(BatchesOf(TextsOfSizes({1, 1, 1, 1, 1}), 2),
              ElementsAre(IsBatch(0, 2), IsBatch(2, 4), IsBatch(4, 5)));
}

TEST(BatchesOfTest, ABatchHasAtMostOneMebibyte) {
  constexpr size_t kHalf = 1 << 19;
  EXPECT_THAT(BatchesOf(TextsOfSizes({kHalf, kHalf, kHalf})),
              ElementsAre(IsBatch(0, 2), IsBatch(2, 3)));
  EXPECT_THAT(BatchesOf(TextsOfSizes({kHalf, kHalf + 1, kHalf - 1})),
              ElementsAre(IsBatch(0, 1), IsBatch(1, 3)));
}

TEST(BatchesOfTest, ATextBeyondTheLimitIsABatchByItself) {
  EXPECT_THAT(BatchesOf(TextsOfSizes({1, 3 << 20, 1, 1})),
              ElementsAre(IsBatch(0, 1), IsBatch(1, 2), IsBatch(2, 4)));
}

}  // namespace
}  // namespace simile::cli

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "embedder/model_config.h"
#include "embedder/unicode_tables.h"
#include "embedder/wordpiece_tokenizer.h"
#include "tests/support/status_matchers.h"

namespace simile {
namespace {

using Json = nlohmann::json;
using ::testing::ElementsAre;

std::string ModelDirectory() {
  const char* directory = std::getenv("SIMILE_MODEL_DIR");
  return directory != nullptr ? directory
                              : std::string(SIMILE_SOURCE_DIR) + "/models/all-MiniLM-L6-v2";
}

std::unique_ptr<WordpieceTokenizer> SmallTokenizer(bool fold = true) {
  auto tokenizer = WordpieceTokenizer::Create(
      {.vocabulary = {"[UNK]", "[CLS]", "[SEP]", "[MASK]", "un", "##aff", "##able", "!",
                      "caf\u00e9", "cafe", "A", "a", "\u4e2d"},
       .special_tokens = {"[UNK]", "[CLS]", "[SEP]", "[MASK]"},
       .fold = fold});
  EXPECT_THAT(tokenizer, IsOk());
  return *std::move(tokenizer);
}

TEST(TokenizerTest, GivesTheReferencesIdsInEveryGoldenCase) {
  auto settings = ReadTokenizerSettings(ModelDirectory());
  if (settings.status().code() == absl::StatusCode::kNotFound) {
    GTEST_SKIP() << "no model in " << ModelDirectory() << "; scripts/fetch_model.sh fetches it";
  }
  ASSERT_THAT(settings, IsOk());
  const auto tokenizer = WordpieceTokenizer::Create(*std::move(settings));
  ASSERT_THAT(tokenizer, IsOk());
  constexpr size_t kTokensMax = 256;
  std::ifstream golden(std::string(SIMILE_SOURCE_DIR) +
                       "/tests/testdata/embedder/tokenizer_golden.jsonl");
  size_t cases = 0;
  for (std::string line; std::getline(golden, line); ++cases) {
    const Json expected = Json::parse(line);
    const TokenSequence sequence =
        (*tokenizer)->Encode(expected["text"].get<std::string>(), kTokensMax);
    EXPECT_EQ(Json(sequence.ids), expected["ids"]) << expected["text"];
    EXPECT_EQ(sequence.truncated, expected["untruncated"].get<size_t>() > kTokensMax)
        << expected["text"];
  }
  EXPECT_EQ(cases, 2'972u);
}

TEST(TokenizerTest, TakesTheLongestPieceFirst) {
  EXPECT_THAT(SmallTokenizer()->Encode("unaffable!", 16).ids, ElementsAre(1, 4, 5, 6, 7, 2));
}

TEST(TokenizerTest, OnePartThatMatchesNothingMakesTheWordUnknown) {
  EXPECT_THAT(SmallTokenizer()->Encode("unaffx un", 16).ids, ElementsAre(1, 0, 4, 2));
}

TEST(TokenizerTest, SpecialTokensAreFoundInRawTextAndCaseMatters) {
  EXPECT_THAT(SmallTokenizer()->Encode("un[MASK]un", 16).ids, ElementsAre(1, 4, 3, 4, 2));
  EXPECT_EQ(SmallTokenizer()->Encode("[mask]", 16).ids.size(), 5u);
}

TEST(TokenizerTest, FoldingStripsAccentsAndLowersUnlessTheModelIsCased) {
  EXPECT_THAT(SmallTokenizer()->Encode("CAF\u00c9 A", 16).ids, ElementsAre(1, 9, 11, 2));
  EXPECT_THAT(SmallTokenizer(false)->Encode("caf\u00e9 A", 16).ids, ElementsAre(1, 8, 10, 2));
}

TEST(TokenizerTest, IdeographsAreWordsOfTheirOwn) {
  EXPECT_THAT(SmallTokenizer()->Encode("a\u4e2da", 16).ids, ElementsAre(1, 11, 12, 11, 2));
}

TEST(TokenizerTest, StopsAtTheLimitAndSaysSo) {
  const auto tokenizer = SmallTokenizer();
  EXPECT_THAT(tokenizer->Encode("a a a", 5).ids, ElementsAre(1, 11, 11, 11, 2));
  EXPECT_FALSE(tokenizer->Encode("a a a", 5).truncated);
  EXPECT_THAT(tokenizer->Encode("a a a a", 5).ids, ElementsAre(1, 11, 11, 11, 2));
  EXPECT_TRUE(tokenizer->Encode("a a a a", 5).truncated);
  EXPECT_FALSE(tokenizer->Encode("a a a   ", 5).truncated);
}

TEST(TokenizerTest, ACutTextHasTheFirstIdsOfTheWholeOne) {
  const auto tokenizer = SmallTokenizer();
  const std::string text = "unaffable a[MASK]un! caf\u00e9 \u4e2da unaffable!! A unable[SEP] a";
  const TokenSequence whole = tokenizer->Encode(text, 100);
  ASSERT_FALSE(whole.truncated);
  for (size_t limit = 2; limit < whole.ids.size(); ++limit) {
    const TokenSequence cut = tokenizer->Encode(text, limit);
    ASSERT_EQ(cut.ids.size(), limit);
    EXPECT_TRUE(cut.truncated);
    EXPECT_TRUE(std::equal(cut.ids.begin(), cut.ids.end() - 1, whole.ids.begin())) << limit;
    EXPECT_EQ(cut.ids.back(), 2u);
  }
  EXPECT_FALSE(tokenizer->Encode(text, whole.ids.size()).truncated);
}

TEST(TokenizerTest, TheLongestSpecialTokenIsTakenAndOnesBeyondAsciiToo) {
  const auto tokenizer = WordpieceTokenizer::Create(
      {.vocabulary = {"[UNK]", "[CLS]", "[SEP]", "<s>", "<s>!", "\u2581x", "a"},
       .special_tokens = {"[CLS]", "<s>", "<s>!", "\u2581x"}});
  ASSERT_THAT(tokenizer, IsOk());
  EXPECT_THAT((*tokenizer)->Encode("a<s>!a<s>a\u2581xa", 16).ids,
              ElementsAre(1, 6, 4, 6, 3, 6, 5, 6, 2));
}

TEST(TokenizerTest, ALongTextCostsNoMoreMemoryThanItsTokens) {
  constexpr size_t kBytes = 10'000'000;
  const auto tokenizer = SmallTokenizer();
  // What is read: a first page, a word without end, characters that are dropped.
  for (const std::string unit : {"a ", "a", "\u200b", "!"}) {
    std::string text;
    while (text.size() < kBytes) text += unit;
    const TokenSequence sequence = tokenizer->Encode(text, 8);
    EXPECT_LE(sequence.ids.capacity(), 16u);
    EXPECT_EQ(sequence.truncated, unit == "a " || unit == "!");
    EXPECT_EQ(sequence.ids.back(), 2u);
  }
}

TEST(TokenizerTest, AWordOverTheLimitThatIsUnknownCountsAsOneToken) {
  EXPECT_THAT(SmallTokenizer()->Encode("unaffablex", 3).ids, ElementsAre(1, 0, 2));
}

TEST(TokenizerTest, TheEmptyTextIsStartAndEnd) {
  EXPECT_THAT(SmallTokenizer()->Encode("", 16).ids, ElementsAre(1, 2));
  EXPECT_THAT(SmallTokenizer()->Encode(std::string_view("\0\0", 2), 16).ids, ElementsAre(1, 2));
}

TEST(TokenizerTest, AVocabularyWithoutItsSpecialTokensIsRefused) {
  EXPECT_THAT(WordpieceTokenizer::Create({.vocabulary = {"[UNK]", "[CLS]"}}),
              StatusIs(absl::StatusCode::kFailedPrecondition, "no token '[SEP]'"));
}

TEST(UnicodeTablesTest, ClassesAndFoldingFollowTheReferencesOldTables) {
  EXPECT_EQ(ClassOf(0x85), CharacterClass::kControl);
  EXPECT_EQ(ClassOf(0x200B), CharacterClass::kControl);
  EXPECT_EQ(ClassOf(0x301), CharacterClass::kMark);
  EXPECT_EQ(ClassOf(0x3000), CharacterClass::kSpace);
  EXPECT_EQ(ClassOf(0x2B825), CharacterClass::kLetter);
  EXPECT_EQ(ClassOf(0x2B925), CharacterClass::kIdeograph);
  EXPECT_EQ(ClassOf('$'), CharacterClass::kPunctuation);
  EXPECT_EQ(ClassOf(0x2E43), CharacterClass::kLetter);  // Punctuation since Unicode 9.
  EXPECT_THAT(Folded(0xC9), ElementsAre('e', 0, 0));
  EXPECT_THAT(Folded(0x130), ElementsAre('i', 0, 0));
  EXPECT_THAT(Folded(0xD55C), ElementsAre(0x1112, 0x1161, 0x11AB));  // Hangul "han".
}

}  // namespace
}  // namespace simile

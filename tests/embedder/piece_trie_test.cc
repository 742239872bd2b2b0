#include "embedder/piece_trie.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>
#include <vector>

namespace simile {
namespace {

TEST(PieceTrieTest, FindsTheLongestPieceThatATextBeginsWith) {
  const PieceTrie trie(PieceTrie::Pieces{{"a", 1}, {"abc", 2}, {"abcde", 3}, {"b", 4}});
  EXPECT_EQ(trie.LongestPrefix("abcdx").length, 3u);
  EXPECT_EQ(trie.LongestPrefix("abcdx").value, 2u);
  EXPECT_EQ(trie.LongestPrefix("abcdef").value, 3u);
  EXPECT_EQ(trie.LongestPrefix("ax").value, 1u);
  EXPECT_EQ(trie.LongestPrefix("xa").length, 0u);
  EXPECT_EQ(trie.LongestPrefix("").length, 0u);
}

TEST(PieceTrieTest, WithoutPiecesNothingMatches) {
  EXPECT_EQ(PieceTrie().LongestPrefix("abc").length, 0u);
  EXPECT_EQ(PieceTrie().LongestPrefix(std::string_view("\0\0", 2)).length, 0u);
  EXPECT_EQ(PieceTrie(PieceTrie::Pieces{{"", 7}}).LongestPrefix("abc").length, 0u);
}

TEST(PieceTrieTest, OfEqualPiecesTheLastCounts) {
  EXPECT_EQ(PieceTrie(PieceTrie::Pieces{{"ab", 1}, {"ab", 2}}).LongestPrefix("ab").value, 2u);
}

TEST(PieceTrieTest, AgreesWithAMapOnRandomBytes) {
  std::mt19937 random(11);
  // Few different bytes, the extremes among them, so that pieces share beginnings.
  const std::string bytes(
      "\0\x01"
      "ab\x7f\x80\xfe\xff",
      8);
  const auto random_string = [&](size_t length_max) {
    std::string text(random() % (length_max + 1), ' ');
    for (char& c : text) c = bytes[random() % bytes.size()];
    return text;
  };
  std::map<std::string, uint32_t> expected;
  for (uint32_t value = 0; value < 3'000; ++value) expected[random_string(8)] = value;
  expected.erase("");
  PieceTrie::Pieces pieces(expected.begin(), expected.end());
  const PieceTrie trie(std::move(pieces));
  for (int round = 0; round < 20'000; ++round) {
    const std::string text = random_string(12);
    size_t length = text.size();
    while (length > 0 && !expected.contains(text.substr(0, length))) --length;
    const PieceTrie::Match match = trie.LongestPrefix(text);
    ASSERT_EQ(match.length, length);
    if (length == 0) continue;
    ASSERT_EQ(match.value, expected[text.substr(0, length)]);
  }
}

}  // namespace
}  // namespace simile

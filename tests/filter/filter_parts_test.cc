#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <set>
#include <vector>

#include "base/bit_set.h"
#include "filter/posting.h"
#include "filter/row_labels.h"
#include "filter/scalar.h"
#include "filter/word_match.h"

namespace simile {
namespace {

TEST(NumberTest, AreInOrderAcrossTheBordersOfBothTypes) {
  constexpr int64_t kLargest = std::numeric_limits<int64_t>::max();
  const std::vector<Number> ascending = {*Number::Of(-INFINITY),
                                         *Number::Of(-0x1p64),
                                         *Number::Of(std::nextafter(-0x1p63, -INFINITY)),
                                         Number::Of(-kLargest - 1),
                                         Number::Of(-kLargest),
                                         *Number::Of(-1.5),
                                         Number::Of(int64_t{-1}),
                                         *Number::Of(-2e-20),
                                         *Number::Of(-1e-20),
                                         *Number::Of(-0x1p-1074),
                                         Number::Of(int64_t{0}),
                                         *Number::Of(0x1p-1074),
                                         Number::Of((int64_t{1} << 53) + 1),
                                         Number::Of(kLargest - 1),
                                         Number::Of(kLargest),
                                         *Number::Of(0x1p63),
                                         *Number::Of(std::nextafter(0x1p63, INFINITY)),
                                         *Number::Of(INFINITY)};
  for (size_t a = 0; a < ascending.size(); ++a) {
    for (size_t b = 0; b < ascending.size(); ++b) {
      EXPECT_EQ(ascending[a] < ascending[b], a < b) << a << " " << b;
      EXPECT_EQ(ascending[a] == ascending[b], a == b) << a << " " << b;
    }
  }
  EXPECT_EQ(*Number::Of(-0x1p63), Number::Of(-kLargest - 1));
  EXPECT_EQ(*Number::Of(-0.0), Number::Of(int64_t{0}));
  EXPECT_FALSE(Number::Of(std::nan("")).has_value());
}

TEST(PostingTest, HoldsWhatWasAddedAndNotTakenAway) {
  Posting posting;
  std::set<uint32_t> expected;
  const auto check = [&] {
    std::set<uint32_t> rows;
    posting.ForEach([&](uint32_t row) { rows.insert(row); });
    EXPECT_EQ(rows, expected);
    EXPECT_EQ(posting.count(), expected.size());
  };
  check();
  for (const uint32_t row : {70'000u, 3u, 3u, 70'000u, 5u, 4'000'000u}) {
    posting.Add(row);
    expected.insert(row);
    check();
  }
  for (const auto& dead_rows :
       std::vector<std::vector<uint32_t>>{{}, {5, 6}, {3, 70'000}, {4'000'000}}) {
    BitSet dead(4'000'001);
    for (const uint32_t row : dead_rows) {
      dead.Add(row);
      expected.erase(row);
    }
    posting.Subtract(dead);
    check();
  }
  posting.Add(9);
  expected.insert(9);
  check();
}

TEST(BitSetTest, SetsOfDifferentSizesTakeWhatIsMissingForAbsent) {
  BitSet small(10), large(200);
  small.Add(3);
  small.Add(9);
  large.Add(3);
  large.Add(150);
  BitSet both = large;
  both.Intersect(small);
  EXPECT_EQ(both.Count(), 1u);
  EXPECT_TRUE(both.Contains(3));
  BitSet either = small;
  either.Unite(large);
  EXPECT_EQ(either.Count(), 3u);
  EXPECT_TRUE(either.Contains(150));
  BitSet without = large;
  without.Subtract(small);
  EXPECT_EQ(without.Count(), 1u);
  EXPECT_FALSE(without.Contains(3));
  EXPECT_FALSE(small.Contains(10'000));
  EXPECT_TRUE(BitSet(70).IsEmpty());
}

TEST(RowLabelsTest, SetsOfRowsBecomeSetsOfTheirLabelsWhetherInOrderOrNot) {
  std::mt19937 random(3);
  RowLabels row_labels;
  std::vector<uint64_t> known;
  for (size_t row = 0; row < 1'000; ++row) {
    row_labels.Append();
    known.push_back(row + 37);  // A place of its own within a word.
    row_labels.Set(row, known.back());
  }
  for (size_t turn = 0; turn < 200; ++turn) {
    BitSet rows(known.size());
    std::set<uint64_t> expected;
    for (size_t row = 0; row < known.size(); ++row) {
      if (random() % 3 != 0) continue;
      rows.Add(row);
      expected.insert(known[row]);
    }
    const BitSet labels = row_labels.LabelsOf(rows);
    std::set<uint64_t> found;
    labels.ForEach([&](size_t label) { found.insert(label); });
    ASSERT_EQ(found, expected);
    // Rows that are used again have any label.
    const size_t row = random() % known.size();
    known[row] = 2'000 + turn;
    row_labels.Set(row, known[row]);
  }
}

TEST(WordMatchTest, FindsWholeWordsInEitherCaseOfAscii) {
  EXPECT_TRUE(HasWord("The Quick, brown fox", "quick"));
  EXPECT_TRUE(HasWord("fox", "FOX"));
  EXPECT_TRUE(HasWord("snake_case 2nd", "2ND"));
  EXPECT_TRUE(HasWord("über straße", "straße"));
  EXPECT_FALSE(HasWord("über straße", "stra"));
  EXPECT_FALSE(HasWord("Über", "über"));
  EXPECT_FALSE(HasWord("foxes", "fox"));
  EXPECT_FALSE(HasWord("a b", ""));
  EXPECT_TRUE(IsWord("straße_2"));
  EXPECT_FALSE(IsWord("two words"));
  EXPECT_FALSE(IsWord(""));
}

}  // namespace
}  // namespace simile

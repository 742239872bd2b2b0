// Facets without an index, and which values are told.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "filter/facet_tally.h"

namespace simile {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> Told(const FacetCounts& counts) {
  std::vector<std::string> told;
  for (const ValueCount& one : counts.values) {
    const Value value = ValueOf(one.value);
    const auto* const text = std::get_if<std::string>(&value.kind);
    told.push_back((text != nullptr ? *text : "other") + " " + std::to_string(one.document_count));
  }
  return told;
}

TEST(TopValuesTest, KeepsTheMostFrequentAndAmongEqualsTheFirstInOrder) {
  TopValues top(3);
  const char* const names[] = {"d", "b", "e", "a", "c"};
  for (const char* const name : names) top.Offer(std::string(name), name[0] == 'e' ? 7 : 2);
  top.Offer(std::string("never"), 0);
  FacetCounts counts{.values = top.Take()};
  EXPECT_THAT(Told(counts), ElementsAre("e 7", "a 2", "b 2"));
  EXPECT_EQ(top.value_count(), 5u);
}

TEST(TopValuesTest, TellsNothingWhenNothingIsWantedButCounts) {
  TopValues top(0);
  top.Offer(true, 3);
  EXPECT_EQ(top.value_count(), 1u);
  EXPECT_TRUE(top.Take().empty());
}

TEST(FacetTallyTest, ADocumentCountsOnceForEachOfItsValuesAndForEachRange) {
  Facet facet{.field = "tags", .limit = 10};
  facet.ranges.push_back({.field = "tags", .low = RangeBound{{std::string("b")}}});
  FacetTally tally(facet, 100);
  const auto tags = [](std::vector<std::string> names) {
    ValueList list;
    for (std::string& name : names) list.push_back({std::move(name)});
    return Metadata{{"tags", {std::move(list)}}};
  };
  tally.Add(tags({"a", "b", "b"}));
  tally.Add(tags({"b", "c"}));
  tally.Add(tags({"a"}));
  tally.Add({{"other", {true}}});
  EXPECT_THAT(Told(tally.Take()), ElementsAre("a 2", "b 2", "c 1"));
  EXPECT_THAT(tally.Take().range_counts, ElementsAre(2u));
}

TEST(FacetTallyTest, StopsAtTooManyDifferentValues) {
  const Facet facet{.field = "n", .limit = 10};
  FacetTally tally(facet, 5);
  for (int64_t number = 0; number < 100; ++number) tally.Add({{"n", {number}}});
  EXPECT_TRUE(tally.has_too_many_values());
}

TEST(ScalarTest, AValueComesBackAsTheNumberItWas) {
  const double doubles[] = {0.5,       -1.25, 0x1p63, 0x1p63 + 2048,
                            -0x1p64,   1e300, -1e300, std::numeric_limits<double>::infinity(),
                            0x1p53 + 2};
  for (const double number : doubles) {
    const Value value = ValueOf(*ScalarOf({number}));
    const auto* const whole = std::get_if<int64_t>(&value.kind);
    EXPECT_EQ(whole != nullptr ? static_cast<double>(*whole) : std::get<double>(value.kind),
              number);
  }
  for (const int64_t number :
       {std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max(), int64_t{-7}}) {
    EXPECT_EQ(ValueOf(*ScalarOf({number})), Value{number});
  }
}

}  // namespace
}  // namespace simile

// The index of metadata against a look at every document.
#include "filter/metadata_index.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "filter/document_matcher.h"
#include "filter/facet_tally.h"
#include "tests/filter/random_documents.h"

namespace simile {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct Known {
  std::string text;
  Metadata metadata;
};

class MetadataIndexTest : public ::testing::Test {
 protected:
  void Put(uint64_t label, Metadata metadata, std::string text = "") {
    const uint32_t row = index_.Stage(metadata);
    index_.Publish(label, row);
    known_[label] = {.text = std::move(text), .metadata = std::move(metadata)};
  }

  void Remove(uint64_t label) {
    index_.Remove(label);
    known_.erase(label);
  }

  // The label of a document is the number in its id.
  FilterEvaluation Evaluate(const Filter& filter) const {
    return index_.Evaluate(filter, [](const std::vector<std::string>& ids) {
      std::vector<uint64_t> labels;
      for (const std::string& id : ids) labels.push_back(std::stoull(id.substr(2)));
      return labels;
    });
  }

  // What is certain and what the undecided documents tell, together, is what matches.
  void ExpectRight(const Filter& filter) {
    const FilterEvaluation evaluation = Evaluate(filter);
    std::set<uint64_t> found;
    evaluation.matching.ForEach([&](size_t label) { found.insert(label); });
    EXPECT_EQ(found.size(), evaluation.count);
    EXPECT_TRUE(std::ranges::is_sorted(evaluation.undecided));
    for (const uint64_t label : evaluation.undecided) {
      EXPECT_FALSE(found.contains(label));
      if (IsMatch(filter, label)) found.insert(label);
    }
    undecided_ += evaluation.undecided.size();
    std::set<uint64_t> expected;
    for (const auto& [label, document] : known_) {
      if (IsMatch(filter, label)) expected.insert(label);
    }
    EXPECT_EQ(found, expected);
  }

  bool IsMatch(const Filter& filter, uint64_t label) const {
    const std::string id = RandomDocuments::IdOf(label);
    const Known& document = known_.at(label);
    return Matches(filter, {.id = id, .text = document.text, .metadata = document.metadata});
  }

  static Filter Equal(std::string field, Value value) {
    return {HasAny{.field = std::move(field), .values = {std::move(value)}}};
  }

  MetadataIndex index_{{.field_bytes_max = 1 << 20}};
  std::map<uint64_t, Known> known_;
  size_t undecided_ = 0;
};

TEST_F(MetadataIndexTest, RandomFiltersUnderRandomChangesMatchWhatALookAtEveryDocumentDoes) {
  constexpr size_t kLabels = 400;
  RandomDocuments random(7);
  for (size_t change = 0; change < 30'000; ++change) {
    const uint64_t label = random.Below(kLabels);
    if (random.Below(5) == 0) {
      Remove(label);
    } else {
      Put(label, random.NextMetadata(), random.NextText());
    }
    // Rows of versions that are not committed are never seen.
    if (random.Below(50) == 0) index_.Discard(index_.Stage(random.NextMetadata()));
    if (change % 10 == 0) ExpectRight(random.NextFilter(5, kLabels + 20));
    if (HasFailure()) FAIL() << "after change " << change;
  }
  // The rows of 30,000 versions were used again and again.
  const MetadataIndexStatistics statistics = index_.Statistics();
  EXPECT_EQ(statistics.rows, known_.size());
  EXPECT_LE(statistics.dead_rows, 4'096u);
  EXPECT_EQ(statistics.fields, 5u + 25u + 125u);  // Paths of one to three names.
  EXPECT_LT(statistics.memory_bytes, 2'000'000u);
}

TEST_F(MetadataIndexTest, AChangeIsSeenAtOnce) {
  Put(3, {{"year", {int64_t{1999}}}});
  EXPECT_EQ(Evaluate(Equal("year", {int64_t{1999}})).count, 1u);
  Put(3, {{"year", {int64_t{2000}}}});
  EXPECT_EQ(Evaluate(Equal("year", {int64_t{1999}})).count, 0u);
  EXPECT_TRUE(Evaluate(Equal("year", {2000.0})).matching.Contains(3));
  Remove(3);
  EXPECT_EQ(Evaluate(Equal("year", {2000.0})).count, 0u);
}

TEST_F(MetadataIndexTest, SaysWhyNothingCanMatch) {
  Put(1, {{"year", {int64_t{1999}}}});
  EXPECT_THAT(Evaluate(Equal("yaer", {int64_t{1999}})).notes,
              Contains(HasSubstr("no document has a field 'yaer'")));
  EXPECT_THAT(Evaluate(Equal("year", {std::string("1999")})).notes,
              Contains(HasSubstr("field 'year' has no value of type string")));
  EXPECT_THAT(Evaluate(Equal("year", {int64_t{5}})).notes, IsEmpty());
}

TEST_F(MetadataIndexTest, WhatIsOverTheBudgetIsDecidedByTheDocuments) {
  for (uint64_t label = 0; label < 12'000; ++label) {
    Put(label, {{"url", {std::string(200, 'x') + std::to_string(label)}},
                {"parity", {static_cast<int64_t>(label % 2)}}});
  }
  EXPECT_THAT(index_.Statistics().fields_over_budget, testing::ElementsAre("url"));
  EXPECT_LT(index_.Statistics().memory_bytes, 3u << 20);
  const Filter url = Equal("url", {std::string(200, 'x') + "77"});
  ExpectRight(url);
  EXPECT_EQ(undecided_, 12'000u);
  EXPECT_THAT(Evaluate(url).notes, Contains(HasSubstr("field 'url' is not indexed")));
  // Only where the rest leaves it open.
  undecided_ = 0;
  ExpectRight({AllOf{{url, Equal("parity", {int64_t{1}})}}});
  EXPECT_EQ(undecided_, 6'000u);
  ExpectRight({AnyOf{{url, Equal("parity", {int64_t{1}})}}});
  ExpectRight({Not{{url}}});
}

TEST_F(MetadataIndexTest, FieldsBeyondTheLimitAreDecidedByTheDocuments) {
  MetadataIndex few({.fields_max = 2});
  few.Publish(1, few.Stage({{"a", {true}}, {"b", {true}}, {"c", {true}}}));
  const auto no_ids = [](const std::vector<std::string>&) { return std::vector<uint64_t>(); };
  EXPECT_EQ(few.Evaluate(Equal("a", {true}), no_ids).count, 1u);
  EXPECT_EQ(few.Evaluate(Equal("c", {true}), no_ids).undecided, std::vector<uint64_t>{1});
  EXPECT_EQ(few.Evaluate(Equal("unknown", {true}), no_ids).undecided, std::vector<uint64_t>{1});
}

TEST_F(MetadataIndexTest, WhatIsReadFromTheStoreDoesNotTakeTheFieldFromLaterChanges) {
  EXPECT_FALSE(index_.is_complete());
  Put(1, {{"v", {int64_t{2}}}});
  Put(2, {{"v", {int64_t{2}}}});
  Remove(2);
  for (uint64_t label = 1; label <= 3; ++label) index_.Load(label, {{"v", {int64_t{1}}}});
  known_[3] = {.text = "", .metadata = {{"v", {int64_t{1}}}}};
  index_.EndLoading();
  EXPECT_TRUE(index_.is_complete());
  ExpectRight(Equal("v", {int64_t{1}}));
  ExpectRight(Equal("v", {int64_t{2}}));
  EXPECT_EQ(index_.Statistics().rows, 2u);
}

TEST_F(MetadataIndexTest, OnlyTheFieldsThatWereAskedForAreIndexed) {
  MetadataIndex index({.fields = {"year", "author.name"}});
  for (uint64_t label = 0; label < 10; ++label) {
    index.Publish(label, index.Stage({{"year", {static_cast<int64_t>(label)}},
                                      {"genre", {std::string("novel")}},
                                      {"author", {ValueMap{{"name", {std::string("A")}}}}}}));
  }
  const auto none = [](const std::vector<std::string>&) { return std::vector<uint64_t>(); };
  EXPECT_EQ(index.Statistics().fields, 2u);
  EXPECT_TRUE(index.Statistics().has_unindexed_fields);
  EXPECT_EQ(index.Evaluate(Equal("year", {int64_t{3}}), none).count, 1u);
  EXPECT_EQ(index.Evaluate(Equal("author.name", {std::string("A")}), none).count, 10u);
  const FilterEvaluation open = index.Evaluate(Equal("genre", {std::string("novel")}), none);
  EXPECT_EQ(open.undecided.size(), 10u);
  EXPECT_THAT(open.notes, Contains(HasSubstr("'genre' is not among those")));
  EXPECT_FALSE(index.Count({.field = "genre", .limit = 3}, nullptr).has_value());
}

TEST_F(MetadataIndexTest, AFieldThatWasAskedForAndIsNowhereNeedsNoLookAtDocuments) {
  MetadataIndex index({.fields = {"year"}});
  index.Publish(1, index.Stage({{"genre", {std::string("novel")}}}));
  const auto none = [](const std::vector<std::string>&) { return std::vector<uint64_t>(); };
  const FilterEvaluation evaluation = index.Evaluate(Equal("year", {int64_t{3}}), none);
  EXPECT_THAT(evaluation.undecided, IsEmpty());
  EXPECT_THAT(evaluation.notes, Contains(HasSubstr("no document has a field 'year'")));
  EXPECT_EQ(index.Count({.field = "year", .limit = 3}, nullptr)->value_count, 0u);
}

TEST_F(MetadataIndexTest, FacetsCountWhatALookAtEveryDocumentDoes) {
  RandomDocuments random(5);
  for (uint64_t label = 0; label < 300; ++label) Put(label, random.NextMetadata());
  for (uint64_t label = 0; label < 300; label += 3) Put(label, random.NextMetadata());
  for (uint64_t label = 1; label < 300; label += 7) Remove(label);
  for (size_t turn = 0; turn < 200; ++turn) {
    Facet facet{.field = random.NextField(), .limit = random.Below(12)};
    facet.ranges.push_back({.field = facet.field, .low = RangeBound{{int64_t{1}}}});
    facet.ranges.push_back({.field = facet.field,
                            .low = RangeBound{{0.5}},
                            .high = RangeBound{{int64_t{3}}, /*is_inclusive=*/false}});
    const FilterEvaluation some = Evaluate({FieldExists{.field = random.NextField()}});
    const bool all = turn % 4 == 0;
    FacetTally tally(facet, 1'000);
    for (const auto& [label, document] : known_) {
      if (all || some.matching.Contains(label)) tally.Add(document.metadata);
    }
    const FacetCounts expected = tally.Take();
    const auto counts = index_.Count(facet, all ? nullptr : &some.matching);
    ASSERT_TRUE(counts.has_value());
    EXPECT_EQ(counts->value_count, expected.value_count);
    EXPECT_EQ(counts->range_counts, expected.range_counts);
    ASSERT_EQ(counts->values.size(), expected.values.size());
    EXPECT_LE(counts->values.size(), facet.limit);
    for (size_t at = 0; at < expected.values.size(); ++at) {
      EXPECT_EQ(counts->values[at].value, expected.values[at].value);
      EXPECT_EQ(counts->values[at].document_count, expected.values[at].document_count);
    }
  }
}

}  // namespace
}  // namespace simile

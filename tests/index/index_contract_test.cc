#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "index/vector_index.h"
#include "tests/index/index_engines.h"
#include "tests/index/seeded_vectors.h"
#include "tests/support/status_matchers.h"

namespace simile {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr size_t kDimension = 8;

// What VectorIndex promises, for every engine under every metric.
class IndexContractTest : public ::testing::TestWithParam<std::tuple<IndexMaker, Metric>> {
 protected:
  static Metric metric() { return std::get<1>(GetParam()); }

  void SetUp() override {
    index_ = std::get<0>(GetParam()).make({.dimension = kDimension, .metric = metric()});
  }

  void Add(const SeededVectors& vectors) {
    for (size_t at = 0; at < vectors.size(); ++at) {
      ASSERT_THAT(index_->Upsert(at, vectors[at]), IsOk());
    }
  }

  std::vector<uint64_t> Search(std::span<const float> query, const SearchOptions& options) {
    const auto answer = index_->Search(query, options);
    EXPECT_THAT(answer, IsOk());
    return answer.ok() ? LabelsOf(*answer) : std::vector<uint64_t>();
  }

  // The distance as the metric defines it, in double.
  static double Distance(std::span<const float> a, std::span<const float> b) {
    double dot = 0, a_squared = 0, b_squared = 0, apart_squared = 0;
    for (size_t i = 0; i < a.size(); ++i) {
      const double x = a[i], y = b[i];
      dot += x * y;
      a_squared += x * x;
      b_squared += y * y;
      apart_squared += (x - y) * (x - y);
    }
    switch (metric()) {
      case Metric::kCosine:
        return 1 - dot / std::sqrt(a_squared * b_squared);
      case Metric::kEuclidean:
        return std::sqrt(apart_squared);
      case Metric::kDotProduct:
        break;
    }
    return -dot;
  }

  std::unique_ptr<VectorIndex> index_;
};

TEST_P(IndexContractTest, AnEmptyIndexAnswersNothing) {
  const SeededVectors query(1, kDimension, 1);
  EXPECT_THAT(Search(query[0], {.k = 3}), IsEmpty());
  EXPECT_EQ(index_->Statistics().vector_count, 0u);
}

TEST_P(IndexContractTest, AnswersComeNearestFirstWithTheMetricsDistance) {
  const SeededVectors vectors(300, kDimension, 1);
  Add(vectors);
  const SeededVectors queries(20, kDimension, 2);
  for (size_t at = 0; at < queries.size(); ++at) {
    const auto answer = index_->Search(queries[at], {.k = 7, .strategy = SearchStrategy::kGraph});
    ASSERT_THAT(answer, IsOk());
    ASSERT_THAT(answer->neighbors, SizeIs(7));
    EXPECT_TRUE(answer->complete);
    for (size_t rank = 0; rank < 7; ++rank) {
      const Neighbor& neighbor = answer->neighbors[rank];
      EXPECT_NEAR(neighbor.distance, Distance(queries[at], vectors[neighbor.label]), 1e-4);
      if (rank > 0) {
        EXPECT_GE(neighbor.distance, answer->neighbors[rank - 1].distance);
      }
    }
  }
}

TEST_P(IndexContractTest, AnExactSearchMissesNothing) {
  const SeededVectors vectors(300, kDimension, 3);
  Add(vectors);
  const SeededVectors query(1, kDimension, 4);
  const auto answer = index_->Search(query[0], {.k = 10, .exact = true});
  ASSERT_THAT(answer, IsOk());
  EXPECT_TRUE(answer->exact);
  EXPECT_EQ(answer->strategy, SearchStrategy::kExactScan);
  const double farthest = answer->neighbors.back().distance;
  size_t nearer = 0;
  for (size_t at = 0; at < vectors.size(); ++at) {
    nearer += Distance(query[0], vectors[at]) < farthest - 1e-4 ? 1 : 0;
  }
  EXPECT_LE(nearer, 9u);
}

TEST_P(IndexContractTest, AskingForMoreThanThereIsGivesAll) {
  Add(SeededVectors(50, kDimension, 5));
  const SeededVectors query(1, kDimension, 6);
  EXPECT_THAT(Search(query[0], {.k = 1000}), SizeIs(50));
}

TEST_P(IndexContractTest, AReplacedVectorIsFoundAtItsNewPlaceOnly) {
  const SeededVectors vectors(100, kDimension, 7);
  Add(vectors);
  const SeededVectors moved(1, kDimension, 8);
  ASSERT_THAT(index_->Upsert(42, moved[0]), IsOk());
  EXPECT_EQ(index_->Statistics().vector_count, 100u);
  const auto answer = index_->Search(moved[0], {.k = 100});
  ASSERT_THAT(answer, IsOk());
  ASSERT_THAT(answer->neighbors, SizeIs(100));
  for (const Neighbor& neighbor : answer->neighbors) {
    if (neighbor.label != 42) continue;
    EXPECT_NEAR(neighbor.distance, Distance(moved[0], moved[0]), 1e-4);
  }
}

TEST_P(IndexContractTest, ARemovedLabelIsNeverAnswered) {
  const SeededVectors vectors(100, kDimension, 9);
  Add(vectors);
  for (uint64_t label = 0; label < 100; label += 2) EXPECT_TRUE(index_->Remove(label));
  EXPECT_FALSE(index_->Remove(0));
  EXPECT_FALSE(index_->Remove(1000));
  EXPECT_EQ(index_->Statistics().vector_count, 50u);
  const std::vector<uint64_t> labels = Search(vectors[0], {.k = 100});
  EXPECT_THAT(labels, SizeIs(50));
  for (const uint64_t label : labels) EXPECT_EQ(label % 2, 1u);
}

TEST_P(IndexContractTest, ARemovedLabelCanComeBack) {
  const SeededVectors vectors(3, kDimension, 10);
  Add(vectors);
  EXPECT_TRUE(index_->Remove(1));
  ASSERT_THAT(index_->Upsert(1, vectors[1]), IsOk());
  EXPECT_THAT(Search(vectors[1], {.k = 3}), SizeIs(3));
}

LabelSet OddLabels(size_t end) {
  BitSet labels(end);
  for (size_t label = 1; label < end; label += 2) labels.Add(label);
  return LabelSet(std::move(labels));
}

TEST_P(IndexContractTest, AFilteredSearchAnswersAsManyAsPass) {
  Add(SeededVectors(200, kDimension, 11));
  const SeededVectors query(1, kDimension, 12);
  const LabelSet odd = OddLabels(200);
  const std::vector<uint64_t> labels = Search(query[0], {.k = 90, .filter = &odd});
  EXPECT_THAT(labels, SizeIs(90));
  for (const uint64_t label : labels) EXPECT_TRUE(odd.Contains(label));
}

TEST_P(IndexContractTest, EqualDistancesComeByLabel) {
  const SeededVectors vectors(1, kDimension, 13);
  for (const uint64_t label : {9u, 3u, 6u}) ASSERT_THAT(index_->Upsert(label, vectors[0]), IsOk());
  EXPECT_THAT(Search(vectors[0], {.k = 3}), ElementsAre(3, 6, 9));
}

TEST_P(IndexContractTest, RefusesWhatItCannotCompare) {
  const std::vector<float> shorter(kDimension - 1, 1.0f), fine(kDimension, 1.0f);
  EXPECT_THAT(index_->Upsert(1, shorter), StatusIs(absl::StatusCode::kInvalidArgument, "7"));
  EXPECT_THAT(index_->Search(shorter, {}), StatusIs(absl::StatusCode::kInvalidArgument, "7"));
  EXPECT_THAT(index_->Search(fine, {.k = 0}),
              StatusIs(absl::StatusCode::kInvalidArgument, "k is 0"));
  const std::vector<float> endless(kDimension, std::numeric_limits<float>::max());
  const std::vector<float> no_number(kDimension, std::numeric_limits<float>::quiet_NaN());
  EXPECT_THAT(index_->Upsert(1, no_number), StatusIs(absl::StatusCode::kInvalidArgument, "length"));
  EXPECT_THAT(index_->Search(no_number, {}), StatusIs(absl::StatusCode::kInvalidArgument, ""));
  if (metric() != Metric::kCosine) {
    EXPECT_THAT(index_->Upsert(1, endless), StatusIs(absl::StatusCode::kInvalidArgument, "length"));
  }
  const std::vector<float> zero(kDimension, 0.0f);
  if (metric() == Metric::kCosine) {
    EXPECT_THAT(index_->Upsert(1, zero), StatusIs(absl::StatusCode::kInvalidArgument, ""));
    EXPECT_THAT(index_->Search(zero, {}), StatusIs(absl::StatusCode::kInvalidArgument, ""));
  } else {
    EXPECT_THAT(index_->Upsert(1, zero), IsOk());
  }
}

std::string NameOf(const ::testing::TestParamInfo<std::tuple<IndexMaker, Metric>>& info) {
  const char* const metrics[] = {"Cosine", "Euclidean", "DotProduct"};
  return std::get<0>(info.param).name + metrics[static_cast<size_t>(std::get<1>(info.param))];
}

INSTANTIATE_TEST_SUITE_P(Engines, IndexContractTest,
                         ::testing::Combine(::testing::ValuesIn(AllIndexMakers()),
                                            ::testing::Values(Metric::kCosine, Metric::kEuclidean,
                                                              Metric::kDotProduct)),
                         NameOf);

TEST(NewVectorIndexTest, RefusesSettingsOutOfTheirRange) {
  const IndexSettings good = {.dimension = 4};
  EXPECT_THAT(NewVectorIndex(good), IsOk());
  for (auto damage : std::vector<void (*)(IndexSettings&)>{
           [](IndexSettings& settings) { settings.dimension = 0; },
           [](IndexSettings& settings) { settings.m = 1; },
           [](IndexSettings& settings) { settings.m = 97; },
           [](IndexSettings& settings) { settings.ef_construction = 7; },
           [](IndexSettings& settings) { settings.ef_construction = 4097; },
           [](IndexSettings& settings) { settings.ef_search = 0; },
           [](IndexSettings& settings) { settings.ef_search = 16385; }}) {
    IndexSettings settings = good;
    damage(settings);
    EXPECT_THAT(NewVectorIndex(settings), StatusIs(absl::StatusCode::kInvalidArgument, ""));
  }
}

}  // namespace
}  // namespace simile

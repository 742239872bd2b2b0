// A batch is answered as its queries are alone, though they share what is read.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "index/vector_index.h"
#include "tests/index/index_engines.h"
#include "tests/index/seeded_vectors.h"
#include "tests/support/status_matchers.h"

namespace simile {
namespace {

constexpr size_t kDimension = 100;
constexpr size_t kVectors = 1'200;

class BatchSearchTest : public ::testing::TestWithParam<std::tuple<IndexMaker, Metric>> {
 protected:
  void SetUp() override {
    const auto& [maker, metric] = GetParam();
    index_ = maker.make({.dimension = kDimension, .metric = metric, .m = 4, .ef_construction = 8});
    Fill();
  }

  // Some do not fit the codes, and removed ones leave gaps between the others.
  void Fill() {
    for (size_t at = 0; at < kVectors; ++at) {
      std::vector<float> vector(vectors_[at].begin(), vectors_[at].end());
      if (at % 50 == 49) vector[at % kDimension] *= 30;
      ASSERT_THAT(index_->Upsert(at, vector), IsOk());
    }
    for (size_t at = 100; at < kVectors; at += 37) ASSERT_TRUE(index_->Remove(at));
  }

  static LabelSet Every(size_t nth) {
    BitSet labels(kVectors);
    for (size_t at = 0; at < kVectors; at += nth) labels.Add(at);
    return LabelSet(std::move(labels));
  }

  void ExpectSameAnswers(const std::vector<BatchQuery>& queries) {
    const auto answers = index_->SearchBatch(queries);
    ASSERT_EQ(answers.size(), queries.size());
    for (size_t at = 0; at < queries.size(); ++at) {
      SCOPED_TRACE(at);
      const auto alone = index_->Search(queries[at].vector, queries[at].options);
      ASSERT_THAT(alone, IsOk());
      ASSERT_THAT(answers[at], IsOk());
      EXPECT_EQ(answers[at]->strategy, alone->strategy);
      EXPECT_EQ(answers[at]->exact, alone->exact);
      EXPECT_EQ(answers[at]->complete, alone->complete);
      EXPECT_EQ(answers[at]->work.codes_compared, alone->work.codes_compared);
      EXPECT_EQ(answers[at]->work.vectors_compared, alone->work.vectors_compared);
      EXPECT_EQ(answers[at]->estimate.candidates, alone->estimate.candidates);
      ASSERT_EQ(answers[at]->neighbors.size(), alone->neighbors.size());
      for (size_t rank = 0; rank < alone->neighbors.size(); ++rank) {
        EXPECT_EQ(answers[at]->neighbors[rank].label, alone->neighbors[rank].label);
        EXPECT_EQ(answers[at]->neighbors[rank].distance, alone->neighbors[rank].distance);
      }
    }
  }

  const SeededVectors vectors_{kVectors, kDimension, 1};
  const SeededVectors queries_{100, kDimension, 2};
  std::unique_ptr<VectorIndex> index_;
};

TEST_P(BatchSearchTest, AnyNumberOfQueriesIsAnsweredAsEachIsAlone) {
  for (const size_t count : {0u, 1u, 2u, 3u, 5u, 17u, 32u, 33u, 70u}) {
    SCOPED_TRACE(::testing::Message() << count << " queries");
    std::vector<BatchQuery> queries;
    for (size_t at = 0; at < count; ++at) {
      queries.push_back({.vector = queries_[at], .options = {.k = 1 + at % 20, .exact = true}});
    }
    ExpectSameAnswers(queries);
  }
}

TEST_P(BatchSearchTest, EachQueryHasItsOwnFilter) {
  const LabelSet some = Every(3), few = Every(101), none{BitSet(kVectors)};
  const LabelSet* const filters[] = {nullptr, &some, &few, &some, &none};
  std::vector<BatchQuery> queries;
  for (size_t at = 0; at < 43; ++at) {
    queries.push_back(
        {.vector = queries_[at], .options = {.k = 10, .exact = true, .filter = filters[at % 5]}});
  }
  ExpectSameAnswers(queries);
}

TEST_P(BatchSearchTest, MoreThanThereIsCanBeAskedFor) {
  const LabelSet few = Every(400);
  std::vector<BatchQuery> queries;
  for (size_t at = 0; at < 7; ++at) {
    queries.push_back({.vector = queries_[at],
                       .options = {.k = at % 2 == 0 ? 3 * kVectors : 50,
                                   .exact = true,
                                   .filter = at % 3 == 0 ? &few : nullptr}});
  }
  ExpectSameAnswers(queries);
}

TEST_P(BatchSearchTest, AQueryThatIsWrongSpoilsNoOther) {
  const std::vector<float> short_query(kDimension - 1, 1.0f);
  const std::vector<BatchQuery> queries = {{.vector = queries_[0], .options = {.exact = true}},
                                           {.vector = short_query},
                                           {.vector = queries_[1], .options = {.k = 0}},
                                           {.vector = queries_[2], .options = {.exact = true}}};
  const auto answers = index_->SearchBatch(queries);
  ASSERT_EQ(answers.size(), 4u);
  EXPECT_THAT(answers[1], StatusIs(absl::StatusCode::kInvalidArgument, "99"));
  EXPECT_THAT(answers[2], StatusIs(absl::StatusCode::kInvalidArgument, "k is 0"));
  for (const size_t at : {0u, 3u}) {
    ASSERT_THAT(answers[at], IsOk());
    const auto alone = index_->Search(queries[at].vector, queries[at].options);
    EXPECT_EQ(LabelsOf(*answers[at]), LabelsOf(*alone));
  }
}

TEST_P(BatchSearchTest, WalksAreAnsweredAsAloneToo) {
  std::vector<BatchQuery> queries;
  for (size_t at = 0; at < 20; ++at) {
    queries.push_back(
        {.vector = queries_[at],
         .options = {
             .k = 10, .ef_search = 40, .exact = at % 4 == 3, .strategy = SearchStrategy::kGraph}});
  }
  ExpectSameAnswers(queries);
}

TEST_P(BatchSearchTest, AnEmptyIndexAnswersNothing) {
  const auto empty = std::get<0>(GetParam()).make({.dimension = kDimension});
  const std::vector<BatchQuery> queries(3, {.vector = queries_[0], .options = {.exact = true}});
  for (const auto& answer : empty->SearchBatch(queries)) {
    ASSERT_THAT(answer, IsOk());
    EXPECT_TRUE(answer->neighbors.empty());
  }
}

std::string NameOf(const ::testing::TestParamInfo<BatchSearchTest::ParamType>& test) {
  const char* const metrics[] = {"Cosine", "Euclidean", "DotProduct"};
  const auto& [maker, metric] = test.param;
  return maker.name + metrics[static_cast<size_t>(metric)];
}

INSTANTIATE_TEST_SUITE_P(EveryIndex, BatchSearchTest,
                         ::testing::Combine(::testing::ValuesIn(AllIndexMakers()),
                                            ::testing::Values(Metric::kCosine, Metric::kEuclidean,
                                                              Metric::kDotProduct)),
                         NameOf);

}  // namespace
}  // namespace simile

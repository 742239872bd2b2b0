// An exact answer of a graph is the scan's, though it compares codes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <tuple>

#include "index/flat_index.h"
#include "index/hnsw_index.h"
#include "index/quantizer.h"
#include "tests/index/seeded_vectors.h"
#include "tests/support/status_matchers.h"

namespace simile {
namespace {

using ::testing::Combine;
using ::testing::Values;

class CodeScanTest
    : public ::testing::TestWithParam<std::tuple<CodeFormat, Metric, size_t /*dimension*/>> {
 protected:
  static CodeFormat codes() { return std::get<0>(GetParam()); }
  static Metric metric() { return std::get<1>(GetParam()); }
  static size_t dimension() { return std::get<2>(GetParam()); }

  // Learnt from the first vectors only: some of the others do not fit the codes.
  void Fill(size_t count) {
    const SeededVectors vectors(count, dimension(), 1);
    FlatIndex sample(metric(), dimension());
    for (size_t at = 0; at < 200; ++at) ASSERT_THAT(sample.Upsert(at, vectors[at]), IsOk());
    graph_ = std::make_unique<HnswIndex>(IndexSettings{.dimension = dimension(),
                                                       .metric = metric(),
                                                       .codes = codes(),
                                                       .m = 4,
                                                       .ef_construction = 8},
                                         sample.Components());
    scan_ = std::make_unique<FlatIndex>(metric(), dimension());
    for (size_t at = 0; at < count; ++at) {
      std::vector<float> vector(vectors[at].begin(), vectors[at].end());
      // One component far outside of what was learnt, and vectors much longer than others.
      if (at % 50 == 49) vector[at % dimension()] *= 30;
      if (at % 70 == 69) {
        for (float& component : vector) component *= 5;
      }
      ASSERT_THAT(graph_->Upsert(at, vector), IsOk());
      ASSERT_THAT(scan_->Upsert(at, vector), IsOk());
    }
  }

  void ExpectSameAnswer(std::span<const float> query, size_t k) {
    const auto expected = scan_->Search(query, {.k = k});
    const auto answer = graph_->Search(query, {.k = k, .exact = true});
    ASSERT_THAT(expected, IsOk());
    ASSERT_THAT(answer, IsOk());
    EXPECT_TRUE(answer->exact);
    ASSERT_EQ(answer->neighbors.size(), expected->neighbors.size());
    for (size_t at = 0; at < k; ++at) {
      EXPECT_EQ(answer->neighbors[at].label, expected->neighbors[at].label);
      EXPECT_EQ(answer->neighbors[at].distance, expected->neighbors[at].distance);
    }
    compared_ += answer->work.vectors_compared;
  }

  std::unique_ptr<HnswIndex> graph_;
  std::unique_ptr<FlatIndex> scan_;
  size_t compared_ = 0;
};

TEST_P(CodeScanTest, FindsTheVeryNeighborsThatAScanOfAllVectorsFinds) {
  constexpr size_t kCount = 3'000, kQueries = 60;
  Fill(kCount);
  const SeededVectors queries(kQueries, dimension(), 2);
  for (size_t at = 0; at < queries.size(); ++at) {
    SCOPED_TRACE(at);
    ExpectSameAnswer(queries[at], at % 3 == 0 ? 1 : 20);
  }
  // Beside bytes nearly all are ruled out by their codes.
  if (codes() == CodeFormat::kSq8 && metric() == Metric::kCosine && dimension() == 100) {
    EXPECT_LT(compared_, kCount * kQueries / 4);
  }
}

TEST_P(CodeScanTest, EqualDistancesComeByLabel) {
  Fill(500);
  const SeededVectors one(1, dimension(), 3);
  for (uint64_t label = 1'000; label < 1'040; ++label) {
    ASSERT_THAT(graph_->Upsert(label, one[0]), IsOk());
    ASSERT_THAT(scan_->Upsert(label, one[0]), IsOk());
  }
  ExpectSameAnswer(one[0], 17);
}

INSTANTIATE_TEST_SUITE_P(All, CodeScanTest,
                         Combine(Values(CodeFormat::kSq8, CodeFormat::kSq4, CodeFormat::kFloat32),
                                 Values(Metric::kCosine, Metric::kEuclidean, Metric::kDotProduct),
                                 Values(size_t{3}, size_t{16}, size_t{100})));

TEST(CoarseRowTest, ARowIsCoarseWhenRoundingTookMoreThanTheMost) {
  constexpr size_t kDimension = 48;
  const SeededVectors vectors(400, kDimension, 6);
  std::vector<float> sample;
  for (size_t at = 0; at < vectors.size(); ++at) {
    sample.insert(sample.end(), vectors[at].begin(), vectors[at].end());
  }
  for (const CodeFormat format : {CodeFormat::kSq8, CodeFormat::kSq4}) {
    const index_internal::Quantizer quantizer(format, kDimension, sample);
    index_internal::AlignedBytes row(quantizer.row_bytes());
    size_t coarse = 0;
    for (size_t at = 0; at < vectors.size(); ++at) {
      const auto encoded = quantizer.EncodeRow(vectors[at].data(), row.data());
      coarse += encoded.is_coarse ? 1 : 0;
      double lost = 0;
      index_internal::QueryCode decoded;
      quantizer.QueryOfRow(row.data(), encoded.squares, decoded);
      const auto* levels = reinterpret_cast<const int8_t*>(decoded.components.data());
      for (size_t axis = 0; axis < kDimension; ++axis) {
        const double off = vectors[at][axis] * quantizer.scale() - levels[axis];
        lost += off * off;
      }
      EXPECT_EQ(encoded.is_coarse, std::sqrt(lost) > quantizer.RowErrorMax()) << std::sqrt(lost);
    }
    EXPECT_LT(coarse, vectors.size() / 10);
  }
}

}  // namespace
}  // namespace simile

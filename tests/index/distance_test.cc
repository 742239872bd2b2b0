#include "index/distance.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/index/seeded_vectors.h"
#include "tests/support/status_matchers.h"

namespace simile {
namespace {

// Around every vector width and its multiples, and the dimensions of real models.
const size_t kDimensions[] = {1,  2,  3,  7,  8,  9,   15,  16,  17,  31,  32,   33,
                              47, 63, 64, 65, 96, 127, 128, 129, 384, 768, 1000, 4096};

TEST(DistanceTest, TheKernelsAgreeWithDoublePrecision) {
  for (const size_t dimension : kDimensions) {
    const SeededVectors vectors(2, dimension, static_cast<uint32_t>(dimension));
    double dot = 0, squared = 0, magnitude = 0;
    for (size_t i = 0; i < dimension; ++i) {
      const double a = vectors[0][i], b = vectors[1][i];
      dot += a * b;
      squared += (a - b) * (a - b);
      magnitude += std::abs(a * b);
    }
    const double tolerance = 1e-6 * (1 + magnitude + squared);
    EXPECT_NEAR(DotFunction()(vectors[0].data(), vectors[1].data(), dimension), dot, tolerance)
        << "dimension " << dimension;
    EXPECT_NEAR(SquaredDistanceFunction()(vectors[0].data(), vectors[1].data(), dimension), squared,
                tolerance)
        << "dimension " << dimension;
  }
}

TEST(DistanceTest, AVectorIsNoDistanceFromItself) {
  for (const size_t dimension : kDimensions) {
    const SeededVectors vectors(1, dimension, 3);
    EXPECT_EQ(SquaredDistanceFunction()(vectors[0].data(), vectors[0].data(), dimension), 0);
  }
}

TEST(DistanceTest, NothingBeyondTheLastComponentIsRead) {
  // What lies behind is no number, and would make the sum none.
  std::vector<float> a(64, std::numeric_limits<float>::quiet_NaN());
  for (size_t dimension = 1; dimension < a.size(); ++dimension) {
    a[dimension - 1] = 1;
    EXPECT_EQ(DotFunction()(a.data(), a.data(), dimension), static_cast<float>(dimension));
  }
}

TEST(DistanceTest, CosineScalesToLengthOne) {
  const DistanceKernel kernel(Metric::kCosine, 2);
  const auto prepared = kernel.Prepare(std::vector<float>{3, 4});
  ASSERT_THAT(prepared, IsOk());
  EXPECT_FLOAT_EQ((*prepared)[0], 0.6f);
  EXPECT_FLOAT_EQ((*prepared)[1], 0.8f);
  EXPECT_NEAR(kernel.ToDistance(kernel.Key(prepared->data(), prepared->data())), 0, 1e-6);
}

TEST(DistanceTest, CosineOfTinyAndHugeVectorsIsDefined) {
  const DistanceKernel kernel(Metric::kCosine, 2);
  for (const float scale : {1e-30f, 1e30f}) {
    const auto prepared = kernel.Prepare(std::vector<float>{3 * scale, 4 * scale});
    ASSERT_THAT(prepared, IsOk());
    EXPECT_NEAR((*prepared)[0], 0.6f, 1e-6);
  }
}

TEST(DistanceTest, TheOtherMetricsKeepTheVector) {
  for (const Metric metric : {Metric::kEuclidean, Metric::kDotProduct}) {
    const auto prepared = DistanceKernel(metric, 2).Prepare(std::vector<float>{3, 4});
    ASSERT_THAT(prepared, IsOk());
    EXPECT_EQ(*prepared, (std::vector<float>{3, 4}));
  }
}

TEST(DistanceTest, EuclideanDistanceIsNotSquared) {
  const DistanceKernel kernel(Metric::kEuclidean, 2);
  const float a[] = {0, 0}, b[] = {3, 4};
  EXPECT_FLOAT_EQ(kernel.ToDistance(kernel.Key(a, b)), 5);
}

TEST(DistanceTest, DotProductDistanceIsSmallerWhenNearer) {
  const DistanceKernel kernel(Metric::kDotProduct, 2);
  const float query[] = {1, 1}, near[] = {3, 4}, far[] = {1, 0};
  EXPECT_FLOAT_EQ(kernel.ToDistance(kernel.Key(query, near)), -7);
  EXPECT_LT(kernel.Key(query, near), kernel.Key(query, far));
}

}  // namespace
}  // namespace simile

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "tests/index/seeded_vectors.h"
#include "tests/support/status_matchers.h"

namespace simile {
namespace {

constexpr size_t kVectors = 20000;
constexpr size_t kDimension = 384;

// As many vectors, and as long, as bench/index_bench takes from real texts; built by two threads,
// as a start builds it.
TEST(RecallLargeTest, TwentyThousandVectorsAtTheDefaults) {
  const SeededVectors vectors(kVectors, kDimension, 1), queries(200, kDimension, 2);
  const auto graph = NewVectorIndex({.dimension = kDimension, .engine = IndexEngine::kHnswlib});
  const auto truth = NewVectorIndex({.dimension = kDimension, .engine = IndexEngine::kFlat});
  std::vector<std::thread> builders;
  for (size_t first = 0; first < 2; ++first) {
    builders.emplace_back([&, first] {
      for (size_t at = first; at < kVectors; at += 2) {
        ASSERT_THAT((*graph)->Upsert(at, vectors[at]), IsOk());
        ASSERT_THAT((*truth)->Upsert(at, vectors[at]), IsOk());
      }
    });
  }
  for (std::thread& builder : builders) builder.join();
  EXPECT_GE(RecallOf(**graph, **truth, queries, 10), 0.95);
}

}  // namespace
}  // namespace simile

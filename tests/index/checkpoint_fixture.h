#ifndef SIMILE_TESTS_INDEX_CHECKPOINT_FIXTURE_H_
#define SIMILE_TESTS_INDEX_CHECKPOINT_FIXTURE_H_

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "index/hnsw_index.h"
#include "tests/index/index_engines.h"
#include "tests/index/seeded_vectors.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temporary_directory.h"

namespace simile {

// A graph that keeps files in a directory of its own.
class CheckpointFixture : public ::testing::Test {
 protected:
  static constexpr size_t kDimension = 16;

  IndexSettings Settings() const {
    return {.dimension = kDimension,
            .metric = Metric::kEuclidean,
            .m = 8,
            .ef_construction = 40,
            .directory = directory_.path() + "/index",
            .identity = 0x1234};
  }

  std::string PathOf(const std::string& name) const { return Settings().directory + "/" + name; }

  // Names of the files whose names begin so.
  std::vector<std::string> FilesOf(const std::string& prefix) const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(Settings().directory)) {
      const std::string name = entry.path().filename().string();
      if (name.starts_with(prefix)) names.push_back(name);
    }
    return names;
  }

  std::unique_ptr<VectorIndex> NewIndex() const {
    return NewHnswIndex(Settings(), CodeFormat::kSq8);
  }

  // What the last checkpoint left.
  absl::StatusOr<HnswIndex::Restored> Open() const { return HnswIndex::Open(Settings(), 2); }

  static void Put(VectorIndex& index, const SeededVectors& vectors, size_t first, size_t count) {
    for (size_t at = first; at < first + count; ++at) {
      ASSERT_THAT(index.Upsert(at, vectors[at]), IsOk());
    }
  }

  static SearchAnswer Searched(const VectorIndex& index, std::span<const float> query,
                               bool exact = false) {
    auto answer = index.Search(
        query, {.k = 10, .ef_search = 64, .exact = exact, .strategy = SearchStrategy::kGraph});
    EXPECT_THAT(answer, IsOk());
    return answer.ok() ? *std::move(answer) : SearchAnswer{};
  }

  // Whether an exact search for the vector finds the label at its very place.
  static bool Has(const VectorIndex& index, uint64_t label, std::span<const float> vector) {
    const SearchAnswer answer = Searched(index, vector, /*exact=*/true);
    return !answer.neighbors.empty() && answer.neighbors.front().label == label &&
           answer.neighbors.front().distance == 0;
  }

  const TemporaryDirectory directory_;
};

}  // namespace simile

#endif  // SIMILE_TESTS_INDEX_CHECKPOINT_FIXTURE_H_

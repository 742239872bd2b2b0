#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "index/auto_index.h"
#include "index/vector_index.h"
#include "tests/index/seeded_vectors.h"
#include "tests/support/status_matchers.h"

namespace simile {
namespace {

constexpr size_t kDimension = 16;
constexpr size_t kWriters = 3;
constexpr size_t kVectorsEach = 250;

// Writers insert, replace and remove labels of their own while others search; each writer sees its
// own vector as soon as its call has returned.
void WriteAndSearch(VectorIndex& index) {
  const SeededVectors vectors(kWriters * kVectorsEach, kDimension, 1);
  std::atomic<bool> writing{true};
  std::atomic<size_t> unseen{0}, bad_answers{0}, searches{0};
  std::vector<std::thread> writers, searchers;
  for (size_t writer = 0; writer < kWriters; ++writer) {
    writers.emplace_back([&, writer] {
      for (size_t number = 0; number < kVectorsEach; ++number) {
        const size_t label = writer * kVectorsEach + number;
        EXPECT_THAT(index.Upsert(label, vectors[label]), IsOk());
        const auto answer = index.Search(vectors[label], {.k = 1, .exact = true});
        if (!answer.ok() || answer->neighbors.front().label != label) ++unseen;
        if (number % 3 == 0) {
          EXPECT_THAT(index.Upsert(label, vectors[label]), IsOk());
        }
        if (number % 5 == 0) {
          EXPECT_TRUE(index.Remove(label));
        }
      }
    });
  }
  for (size_t searcher = 0; searcher < 2; ++searcher) {
    searchers.emplace_back([&, searcher] {
      for (size_t at = searcher; writing; at = (at + 2) % vectors.size()) {
        const auto answer = index.Search(vectors[at], {.k = 10});
        if (!answer.ok() || answer->neighbors.size() > 10) ++bad_answers;
        ++searches;
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  writing = false;
  for (std::thread& searcher : searchers) searcher.join();
  EXPECT_EQ(unseen, 0u);
  EXPECT_EQ(bad_answers, 0u);
  EXPECT_GT(searches, 0u);
  EXPECT_EQ(index.Statistics().vector_count, kWriters * kVectorsEach * 4 / 5);
}

TEST(IndexConcurrencyTest, TheScanIsSearchedWhileItChanges) {
  WriteAndSearch(**NewVectorIndex({.dimension = kDimension, .engine = IndexEngine::kFlat}));
}

TEST(IndexConcurrencyTest, TheGraphIsSearchedWhileItChanges) {
  WriteAndSearch(**NewVectorIndex({.dimension = kDimension, .engine = IndexEngine::kHnswlib}));
}

TEST(IndexConcurrencyTest, AnIndexIsSearchedWhileItChangesItsEngine) {
  AutoIndex index({.dimension = kDimension}, 200);
  WriteAndSearch(index);
}

}  // namespace
}  // namespace simile

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "index/vector_index.h"
#include "tests/index/index_engines.h"
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
      size_t at = searcher;
      do {
        const auto answer =
            index.Search(vectors[at], {.k = 10, .strategy = SearchStrategy::kGraph});
        if (!answer.ok() || answer->neighbors.size() > 10) ++bad_answers;
        const std::vector<BatchQuery> batch(
            3, {.vector = vectors[at], .options = {.k = 10, .exact = true}});
        for (const auto& one : index.SearchBatch(batch)) {
          if (!one.ok() || one->neighbors.size() > 10) ++bad_answers;
        }
        ++searches;
        at = (at + 2) % vectors.size();
      } while (writing);
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

// Every label is replaced again and again, and some are removed for a while: dead vectors gather
// all the time, and the graph is repaired under searches and inserts.
TEST(GraphRepairConcurrencyTest, EveryLabelIsFoundWhileTheGraphIsRepairedAroundIt) {
  constexpr size_t kLabels = 400, kRounds = 6;
  const SeededVectors vectors(kLabels * (kRounds + 1), kDimension, 2);
  const auto index = NewHnswIndex({.dimension = kDimension}, CodeFormat::kSq8);
  for (size_t label = 0; label < kLabels; ++label) {
    ASSERT_THAT(index->Upsert(label, vectors[label]), IsOk());
  }
  std::atomic<bool> writing{true};
  std::atomic<size_t> lost{0}, searches{0};
  std::vector<std::thread> threads;
  for (size_t writer = 0; writer < 2; ++writer) {
    threads.emplace_back([&, writer] {
      for (size_t step = writer; step < kLabels * kRounds; step += 2) {
        const size_t label = step % kLabels;
        if (label % 7 == 6) index->Remove(label);
        EXPECT_THAT(index->Upsert(label, vectors[kLabels + step]), IsOk());
      }
    });
  }
  std::thread searcher([&] {
    size_t at = 0;
    do {
      const auto answer = index->Search(
          vectors[at], {.k = 20, .ef_search = 40, .strategy = SearchStrategy::kGraph});
      if (!answer.ok() || answer->neighbors.size() < 20) ++lost;
      ++searches;
      at = (at + 1) % vectors.size();
    } while (writing);
  });
  for (std::thread& thread : threads) thread.join();
  writing = false;
  searcher.join();
  EXPECT_EQ(lost, 0u);
  EXPECT_GT(searches, 0u);
  EXPECT_EQ(index->Statistics().vector_count, kLabels);
  // How far the repair came depends on how long threads were kept from running inside the graph.
  // Once they are gone, a few more writes bring it to its end.
  for (size_t step = kLabels * (kRounds - 1); step < kLabels * kRounds; ++step) {
    ASSERT_THAT(index->Upsert(step % kLabels, vectors[kLabels + step]), IsOk());
  }
  EXPECT_LT(index->Statistics().removed_count, kLabels / 2);
  size_t found = 0;
  for (size_t label = 0; label < kLabels; ++label) {
    const size_t last = kLabels + kLabels * (kRounds - 1) + label;
    const auto answer =
        index->Search(vectors[last], {.k = 1, .ef_search = 40, .strategy = SearchStrategy::kGraph});
    found += answer->neighbors.front().label == label ? 1 : 0;
  }
  EXPECT_GE(found, kLabels - 4);
}

class IndexConcurrencyTest : public ::testing::TestWithParam<IndexMaker> {};

TEST_P(IndexConcurrencyTest, IsSearchedWhileItChanges) {
  WriteAndSearch(*GetParam().make({.dimension = kDimension}));
}

INSTANTIATE_TEST_SUITE_P(EveryIndex, IndexConcurrencyTest, ::testing::ValuesIn(AllIndexMakers()),
                         [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace simile

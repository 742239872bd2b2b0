#include "index/distance_growth.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "index/hnsw_search.h"
#include "index/label_slots.h"
#include "index/quantizer.h"
#include "index/search_costs.h"
#include "tests/index/checkpoint_fixture.h"
#include "tests/index/index_engines.h"
#include "tests/index/seeded_vectors.h"
#include "tests/support/status_matchers.h"

namespace simile::index_internal {
namespace {

constexpr size_t kVectors = 4'000;

std::vector<float> Uniform(size_t count, uint32_t seed) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> uniform(-1, 1);
  std::vector<float> values(count);
  for (float& value : values) value = uniform(random);
  return values;
}

// A Euclidean graph of `vectors`, which lie end to end.
class Graph {
 public:
  Graph(size_t dimension, const std::vector<float>& vectors, CodeFormat format)
      : graph_({.dimension = dimension, .euclidean = true, .m = 8, .ef_construction = 64},
               Quantizer(format, dimension, vectors)) {
    for (size_t at = 0; at * dimension < vectors.size(); ++at) {
      const auto slot = static_cast<uint32_t>(at);
      const auto vector = std::span(vectors).subspan(at * dimension, dimension);
      EXPECT_THAT(graph_.Place(slot, at, vector), IsOk());
      graph_.Insert(slot, scratch_);
      graph_.SetState(slot, HnswGraph::State::kLive);
      label_slots_.Put(at, slot);
    }
  }

  // A slot that is linked, and not live yet, as while it is being inserted.
  void LinkNew(std::span<const float> vector) {
    const auto slot = static_cast<uint32_t>(graph_.slot_end());
    ASSERT_THAT(graph_.Place(slot, slot, vector), IsOk());
    graph_.Insert(slot, scratch_);
  }

  // Where all are said to be live.
  SearchAnswer Search(const DistanceGrowth& growth, std::span<const float> query, bool exact) {
    const DistanceKernel kernel(Metric::kEuclidean, query.size());
    const std::atomic<size_t> upserting{0};
    const HnswSearch::Place place{.graph = graph_,
                                  .label_slots = label_slots_,
                                  .kernel = kernel,
                                  .costs = SearchCosts::Of(graph_.quantizer(), /*euclidean=*/true),
                                  .growth = growth,
                                  .ef_search = 96,
                                  .dead_count = 0,
                                  .upserting = upserting};
    const SearchOptions options{.k = 1, .exact = exact, .strategy = SearchStrategy::kGraph};
    return HnswSearch(place, query, options, scratch_).Run();
  }

  void Kill(size_t first, size_t end) {
    for (size_t slot = first; slot < end; ++slot) {
      graph_.SetState(static_cast<uint32_t>(slot), HnswGraph::State::kDead);
    }
  }

  void Teach(DistanceGrowth& growth, size_t added, size_t vectors = kVectors) {
    growth.Note(added, vectors, graph_, scratch_);
  }

 private:
  WalkScratch scratch_;
  HnswGraph graph_;
  LabelSlots label_slots_;
};

TEST(DistanceGrowthTest, SquaredDistancesOfEvenlySpreadPointsGrowByAboutTwoOverTheirDimension) {
  for (const CodeFormat format : {CodeFormat::kFloat32, CodeFormat::kSq8}) {
    for (const size_t dimension : {2u, 4u}) {
      Graph graph(dimension, Uniform(kVectors * dimension, 1), format);
      DistanceGrowth growth;
      graph.Teach(growth, kVectors);
      const WalkEnd end = growth.EndOf(160, 10);
      EXPECT_EQ(end.rank, 10u);
      EXPECT_GT(end.places, 160u);
      EXPECT_NEAR(std::log(end.times_as_far) / std::log(16.0), 2 / static_cast<double>(dimension),
                  0.3 / static_cast<double>(dimension));
    }
  }
}

TEST(DistanceGrowthTest, AWalkEndsAfterEfCandidatesWhereNothingIsKnown) {
  const DistanceGrowth growth;
  const WalkEnd end = growth.EndOf(96, 10);
  EXPECT_EQ(end.places, 96u);
  EXPECT_EQ(end.rank, 0u);
}

TEST(DistanceGrowthTest, AWalkForAsManyAsItKeepsEndsAfterThem) {
  Graph graph(4, Uniform(kVectors * 4, 1), CodeFormat::kFloat32);
  DistanceGrowth growth;
  graph.Teach(growth, kVectors);
  EXPECT_EQ(growth.EndOf(100, 100).places, 100u);
  EXPECT_EQ(growth.EndOf(100, 100).rank, 0u);
  EXPECT_EQ(growth.EndOf(100, 50).rank, 50u);
  EXPECT_EQ(growth.EndOf(100, 1).rank, 1u);
}

TEST(DistanceGrowthTest, CopiesOfOneVectorTeachNothing) {
  Graph graph(4, std::vector<float>(1'000 * 4, 0.5f), CodeFormat::kFloat32);
  DistanceGrowth growth;
  graph.Teach(growth, 1'000, 1'000);
  EXPECT_EQ(growth.EndOf(96, 10).rank, 0u);
}

TEST(DistanceGrowthTest, AFewGroupsOfCopiesDoNotSpeakForAll) {
  std::vector<float> vectors = Uniform(kVectors * 4, 1);
  // Every eighth run of 20 vectors becomes copies of its first.
  for (size_t at = 0; at < kVectors; ++at) {
    if (at / 20 % 8 != 0 || at % 20 == 0) continue;
    std::copy_n(&vectors[at / 20 * 20 * 4], 4, &vectors[at * 4]);
  }
  for (const CodeFormat format : {CodeFormat::kFloat32, CodeFormat::kSq8}) {
    DistanceGrowth growth, of_copies;
    Graph(4, Uniform(kVectors * 4, 1), format).Teach(growth, kVectors);
    Graph(4, vectors, format).Teach(of_copies, kVectors);
    const float expected = growth.EndOf(100, 10).times_as_far;
    EXPECT_NEAR(of_copies.EndOf(100, 10).times_as_far / expected, 1, 0.1);
  }
}

TEST(DistanceGrowthTest, WhatIsLeftOfAnEmptiedGraphIsLearntFromOrNothingIs) {
  Graph graph(4, Uniform(kVectors * 4, 1), CodeFormat::kFloat32);
  DistanceGrowth growth;
  graph.Kill(300, kVectors);
  graph.Teach(growth, kVectors, 300);
  EXPECT_EQ(growth.EndOf(100, 10).rank, 10u);
  graph.Kill(10, 300);
  graph.Teach(growth, kVectors, 10);
  EXPECT_EQ(growth.EndOf(100, 10).rank, 0u);
}

// What a plane has taught is forgotten for what a space of 8 dimensions teaches, but only then.
class RelearningTest : public ::testing::Test {
 protected:
  void SetUp() override {
    plane_.Teach(growth_, kVectors);
    of_plane_ = growth_.EndOf(100, 10).times_as_far;
  }
  bool HasForgotten() const { return growth_.EndOf(100, 10).times_as_far < of_plane_ / 2; }

  Graph plane_{2, Uniform(kVectors * 2, 1), CodeFormat::kFloat32};
  Graph space_{8, Uniform(kVectors * 8, 1), CodeFormat::kFloat32};
  DistanceGrowth growth_;
  float of_plane_ = 0;
};

TEST_F(RelearningTest, WhenAsManyWereAddedAsThereWere) {
  space_.Teach(growth_, kVectors - 1);
  EXPECT_FALSE(HasForgotten());
  space_.Teach(growth_, 1);
  EXPECT_TRUE(HasForgotten());
}

TEST_F(RelearningTest, WhenHalfOfTheVectorsAreGone) {
  space_.Teach(growth_, 1, kVectors / 2);
  EXPECT_FALSE(HasForgotten());
  space_.Teach(growth_, 1, kVectors / 2 - 1);
  EXPECT_TRUE(HasForgotten());
}

TEST(DistanceGrowthTest, ASlotThatIsBeingInsertedHidesNothing) {
  constexpr size_t kDimension = 8, kQueries = 50;
  Graph graph(kDimension, Uniform(kVectors * kDimension, 1), CodeFormat::kFloat32);
  DistanceGrowth growth;
  graph.Teach(growth, kVectors);
  ASSERT_NE(growth.EndOf(96, 1).rank, 0u);
  const std::vector<float> queries = Uniform(kQueries * kDimension, 2);
  for (size_t at = 0; at < kQueries; ++at) {
    const auto query = std::span(queries).subspan(at * kDimension, kDimension);
    graph.LinkNew(query);
    EXPECT_EQ(LabelsOf(graph.Search(growth, query, /*exact=*/false)),
              LabelsOf(graph.Search(growth, query, /*exact=*/true)));
  }
}

TEST(KeyDistanceTest, KeysAreInProportionToDistances) {
  constexpr size_t kDimension = 64, kRows = 50;
  // A query, and rows at growing distances from it.
  std::vector<float> query = Uniform(kDimension, 1), noise = Uniform(kDimension, 2), all = query;
  const auto scaled_to_one = [](std::vector<float> vector) {
    float squares = 0;
    for (const float component : vector) squares += component * component;
    for (float& component : vector) component /= std::sqrt(squares);
    return vector;
  };
  query = scaled_to_one(query);
  std::vector<std::vector<float>> rows;
  for (size_t at = 0; at < kRows; ++at) {
    std::vector<float> row = query;
    for (size_t axis = 0; axis < kDimension; ++axis) {
      row[axis] += 0.01f * static_cast<float>(at + 5) * noise[axis];
    }
    rows.push_back(scaled_to_one(row));
    all.insert(all.end(), rows.back().begin(), rows.back().end());
  }
  for (const bool euclidean : {false, true}) {
    for (const CodeFormat format : {CodeFormat::kFloat32, CodeFormat::kSq8, CodeFormat::kSq4}) {
      SCOPED_TRACE(::testing::Message() << static_cast<int>(format) << " " << euclidean);
      const Quantizer quantizer(format, kDimension, std::span(all).subspan(kDimension));
      HnswGraph graph({.dimension = kDimension, .euclidean = euclidean}, quantizer);
      QueryCode code;
      quantizer.EncodeQuery(query.data(), code);
      uint32_t slots[kRows], near_slots[kRows + 16], near_keys[kRows + 16];
      float largest_squares = 0;
      for (uint32_t slot = 0; slot < kRows; ++slot) {
        ASSERT_THAT(graph.Place(slot, slot, rows[slot]), IsOk());
        slots[slot] = slot;
        largest_squares = std::max(largest_squares, graph.SquaresOf(slot));
      }
      ASSERT_EQ(graph.NearerThan(code, slots, kFarthestKey, near_slots, near_keys), kRows);
      const auto distance_of = [&](size_t row) {
        double sum = 0;
        for (size_t axis = 0; axis < kDimension; ++axis) {
          const double off = rows[row][axis] - query[axis];
          sum += off * off;
        }
        return sum;
      };
      const float farthest = graph.DistanceAt(near_keys[kRows - 1], code);
      const double tolerance = format == CodeFormat::kSq4 ? 0.08 : 0.01;
      for (size_t row = 0; row < kRows; ++row) {
        const float distance = graph.DistanceAt(near_keys[row], code);
        EXPECT_NEAR(distance / farthest, distance_of(row) / distance_of(kRows - 1), tolerance);
        // There and back.
        const uint32_t key = quantizer.KeyAt(distance, code, largest_squares, euclidean);
        EXPECT_NEAR(graph.DistanceAt(key, code), distance, 1e-5f * farthest + 2e-7f)
            << near_keys[row] << " became " << key;
      }
    }
  }
}

// Vectors of which a few lie close together far from all others.
class AdaptiveWalkTest : public CheckpointFixture {
 protected:
  static constexpr size_t kFew = 12, kEf = 200;

  void Fill(VectorIndex& index) const {
    Put(index, vectors_, 0, vectors_.size());
    for (size_t at = 0; at < kFew; ++at) {
      std::vector<float> near = Lonely();
      near[at] += 0.05f;
      ASSERT_THAT(index.Upsert(vectors_.size() + at, near), IsOk());
    }
  }

  std::vector<float> Lonely() const {
    std::vector<float> lonely(vectors_.dimension(), 0.0f);
    lonely[0] = 20;
    return lonely;
  }

  static size_t NodesOf(const VectorIndex& index, std::span<const float> query) {
    const auto answer =
        index.Search(query, {.k = 10, .ef_search = kEf, .strategy = SearchStrategy::kGraph});
    EXPECT_THAT(answer, IsOk());
    EXPECT_EQ(answer->neighbors.size(), 10u);
    return answer->work.nodes_visited;
  }

  const SeededVectors vectors_{3'000, kDimension, 1};
  const SeededVectors queries_{100, kDimension, 2};
};

TEST_F(AdaptiveWalkTest, EndsWhereTheNearestAreFarNearerThanAllElse) {
  const auto index = NewIndex();
  Fill(*index);
  EXPECT_LT(NodesOf(*index, Lonely()), kEf / 4);
}

TEST_F(AdaptiveWalkTest, TakesAboutEfStepsOnAverage) {
  const auto index = NewIndex();
  Fill(*index);
  size_t sum = 0, least = kVectors, most = 0;
  for (size_t at = 0; at < queries_.size(); ++at) {
    const size_t nodes = NodesOf(*index, queries_[at]);
    sum += nodes;
    least = std::min(least, nodes);
    most = std::max(most, nodes);
  }
  EXPECT_GT(sum, kEf * queries_.size() * 2 / 3);
  EXPECT_LT(sum, kEf * queries_.size() * 3 / 2);
  EXPECT_LT(least, kEf * 9 / 10);
  EXPECT_GT(most, kEf * 11 / 10);
}

TEST_F(AdaptiveWalkTest, GoesByDistancesInAnIndexOfFilesToo) {
  {
    const auto index = NewIndex();
    Fill(*index);
    ASSERT_THAT(index->Checkpoint(1), IsOk());
  }
  const auto restored = Open();
  ASSERT_THAT(restored, IsOk());
  EXPECT_LT(NodesOf(*restored->index, Lonely()), kEf / 4);
}

TEST_F(AdaptiveWalkTest, GoesByProductsAsByDistances) {
  const auto index =
      NewHnswIndex({.dimension = kDimension, .metric = Metric::kDotProduct}, CodeFormat::kFloat32);
  Fill(*index);
  EXPECT_LT(NodesOf(*index, Lonely()), kEf / 4);
}

// What a walk for the k nearest finds of those that a scan finds.
double RecallOfWalks(const VectorIndex& index, std::span<const std::vector<float>> queries,
                     size_t k) {
  size_t found = 0;
  for (const std::vector<float>& query : queries) {
    const auto walked = index.Search(query, {.k = k, .strategy = SearchStrategy::kGraph});
    const auto scanned = index.Search(query, {.k = k, .exact = true});
    EXPECT_THAT(walked, IsOk());
    EXPECT_EQ(walked->strategy, SearchStrategy::kGraph);
    const std::vector<uint64_t> labels = LabelsOf(*walked);
    for (const uint64_t label : LabelsOf(*scanned))
      found += static_cast<size_t>(std::ranges::count(labels, label));
  }
  return static_cast<double>(found) / static_cast<double>(queries.size() * k);
}

TEST_F(AdaptiveWalkTest, FindsWhatLiesBehindTheRemoved) {
  constexpr size_t kRemoved = 150, kCrowd = 20;
  for (const Metric metric : {Metric::kCosine, Metric::kEuclidean, Metric::kDotProduct}) {
    for (const CodeFormat codes : {CodeFormat::kSq8, CodeFormat::kSq4, CodeFormat::kFloat32}) {
      SCOPED_TRACE(::testing::Message()
                   << static_cast<int>(metric) << " " << static_cast<int>(codes));
      const auto index = NewHnswIndex({.dimension = kDimension, .metric = metric}, codes);
      Put(*index, vectors_, 0, vectors_.size());
      std::vector<std::vector<float>> alone, crowded;
      for (size_t at = 0; at < kRemoved; ++at) {
        alone.emplace_back(vectors_[at].begin(), vectors_[at].end());
        ASSERT_TRUE(index->Remove(at));
      }
      // By sq4 the longest products are clipped, with a limit and without.
      const double enough = codes == CodeFormat::kSq4 ? 0.9 : 0.97;
      EXPECT_GE(RecallOfWalks(*index, alone, 1), enough);
      EXPECT_GE(RecallOfWalks(*index, alone, 10), enough);
      // A whole crowd around each of a few places.
      for (size_t place = 0; place < 2; ++place) {
        crowded.emplace_back(queries_[place].begin(), queries_[place].end());
        for (size_t at = 0; at < kCrowd; ++at) {
          std::vector<float> near = crowded.back();
          near[at % kDimension] += 0.001f * static_cast<float>(at + 1);
          ASSERT_THAT(index->Upsert(10'000 + at, near), IsOk());
        }
        for (size_t at = 0; at < kCrowd; ++at) ASSERT_TRUE(index->Remove(10'000 + at));
      }
      EXPECT_GE(RecallOfWalks(*index, crowded, 1), enough);
      EXPECT_GE(RecallOfWalks(*index, crowded, 10), 0.9);
    }
  }
}

TEST_F(AdaptiveWalkTest, FindsTheNearestOfVectorsOfAnyLength) {
  struct Case {
    Metric metric;
    float length, query_length;
  };
  const auto scaled = [](std::span<const float> vector, float length) {
    std::vector<float> all(vector.begin(), vector.end());
    for (float& component : all) component *= length;
    return all;
  };
  for (const Case& c :
       {Case{Metric::kDotProduct, 1e-20f, 1e-20f}, Case{Metric::kDotProduct, 1e16f, 1e16f},
        Case{Metric::kDotProduct, 1, 1e15f}, Case{Metric::kDotProduct, 1e15f, 1},
        Case{Metric::kEuclidean, 1e-3f, 1e-3f}, Case{Metric::kEuclidean, 1e10f, 1e10f}}) {
    for (const CodeFormat codes : {CodeFormat::kFloat32, CodeFormat::kSq8, CodeFormat::kSq4}) {
      SCOPED_TRACE(::testing::Message() << static_cast<int>(c.metric) << " " << c.length << " "
                                        << c.query_length << " " << static_cast<int>(codes));
      std::vector<float> sample;
      std::vector<std::vector<float>> queries;
      for (size_t at = 0; at < 500; ++at) {
        const std::vector<float> vector = scaled(vectors_[at], c.length);
        sample.insert(sample.end(), vector.begin(), vector.end());
      }
      HnswIndex index({.dimension = kDimension, .metric = c.metric, .codes = codes}, sample);
      for (size_t at = 0; at < vectors_.size(); ++at) {
        ASSERT_THAT(index.Upsert(at, scaled(vectors_[at], c.length)), IsOk());
      }
      for (size_t at = 0; at < queries_.size(); ++at) {
        queries.push_back(scaled(queries_[at], c.query_length));
      }
      EXPECT_GE(RecallOfWalks(index, queries, 10), 0.9);
    }
  }
}

}  // namespace
}  // namespace simile::index_internal

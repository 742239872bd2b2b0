#include "embedder/query_vector_cache.h"

#include <gtest/gtest.h>

#include <vector>

namespace simile {
namespace {

using Ids = std::vector<uint32_t>;
using Floats = std::vector<float>;

TEST(QueryVectorCacheTest, GivesBackWhatWasPutForTheSameIdsAndCounts) {
  QueryVectorCache cache(10, 1 << 20);
  EXPECT_FALSE(cache.Find(Ids{1, 2}).has_value());
  cache.Put(Ids{1, 2}, Floats{0.5f, 0.25f});
  EXPECT_EQ(cache.Find(Ids{1, 2}), (Floats{0.5f, 0.25f}));
  EXPECT_FALSE(cache.Find(Ids{2, 1}).has_value());
  EXPECT_FALSE(cache.Find(Ids{1}).has_value());
  const QueryVectorCacheStatistics statistics = cache.Statistics();
  EXPECT_EQ(statistics.hits, 1u);
  EXPECT_EQ(statistics.misses, 3u);
  EXPECT_EQ(statistics.entries, 1u);
}

TEST(QueryVectorCacheTest, WhatWasNotUsedForLongestGoesFirst) {
  QueryVectorCache cache(2, 1 << 20);
  cache.Put(Ids{1}, Floats{1});
  cache.Put(Ids{2}, Floats{2});
  EXPECT_TRUE(cache.Find(Ids{1}).has_value());
  cache.Put(Ids{3}, Floats{3});
  EXPECT_EQ(cache.Statistics().entries, 2u);
  EXPECT_TRUE(cache.Find(Ids{1}).has_value());
  EXPECT_FALSE(cache.Find(Ids{2}).has_value());
  EXPECT_TRUE(cache.Find(Ids{3}).has_value());
}

TEST(QueryVectorCacheTest, StaysWithinItsBytes) {
  constexpr size_t kBytesMax = 10'000;
  QueryVectorCache cache(1'000, kBytesMax);
  for (uint32_t id = 0; id < 100; ++id) cache.Put(Ids(id + 1, id), Floats(64, 1));
  const QueryVectorCacheStatistics statistics = cache.Statistics();
  EXPECT_LE(statistics.bytes, kBytesMax);
  EXPECT_GT(statistics.entries, 5u);
  EXPECT_TRUE(cache.Find(Ids(100, 99)).has_value());
}

TEST(QueryVectorCacheTest, AVectorTooLargeForItIsNotKept) {
  QueryVectorCache cache(10, 1'000);
  cache.Put(Ids{1}, Floats{1});
  cache.Put(Ids{2}, Floats(1'000, 1));
  EXPECT_FALSE(cache.Find(Ids{2}).has_value());
  EXPECT_TRUE(cache.Find(Ids{1}).has_value());
}

TEST(QueryVectorCacheTest, WithoutRoomItKeepsNothing) {
  QueryVectorCache cache(0, 1 << 20);
  cache.Put(Ids{1}, Floats{1});
  EXPECT_FALSE(cache.Find(Ids{1}).has_value());
  EXPECT_EQ(cache.Statistics().bytes, 0u);
}

}  // namespace
}  // namespace simile

#include "index/code_kernels.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <random>
#include <span>
#include <tuple>
#include <vector>

#include "index/code_key.h"
#include "index/quantizer.h"
#include "index/slot_memory.h"
#include "tests/support/status_matchers.h"

namespace simile::index_internal {
namespace {

constexpr size_t kRows = 300;
constexpr size_t kDimensions[] = {1, 63, 64, 100, 384, 1000};

// Some rows of one format in a memory of their own.
class Rows {
 public:
  Rows(CodeFormat format, size_t dimension)
      : dimension_(dimension),
        vectors_(Random(kRows * dimension, 1)),
        quantizer_(format, dimension, vectors_),
        memory_({.code_bytes = quantizer_.row_bytes(), .links_max = 1}) {
    EXPECT_THAT(memory_.Reserve(kRows), IsOk());
    for (uint32_t slot = 0; slot < kRows; ++slot) {
      memory_.Squares(slot) = quantizer_.EncodeRow(Vector(slot), memory_.Code(slot)).squares;
    }
  }

  static std::vector<float> Random(size_t count, uint32_t seed) {
    std::mt19937 random(seed);
    std::normal_distribution<float> normal;
    std::vector<float> values(count);
    for (float& value : values) value = normal(random);
    return values;
  }

  const float* Vector(uint32_t slot) const { return vectors_.data() + slot * dimension_; }
  const Quantizer& quantizer() const { return quantizer_; }
  const SlotMemory& memory() const { return memory_; }
  CodeRows rows() const {
    return {.chunks = memory_.chunks(),
            .codes_offset = memory_.codes_offset(),
            .squares_offset = memory_.squares_offset(),
            .row_bytes = quantizer_.row_bytes()};
  }

 private:
  const size_t dimension_;
  const std::vector<float> vectors_;
  const Quantizer quantizer_;
  SlotMemory memory_;
};

struct Near {
  std::vector<uint32_t> slots;
  std::vector<uint32_t> keys;

  bool operator==(const Near&) const = default;
};

Near NearerThan(uint32_t bound, NearerFunction nearer, const Rows& rows, const QueryCode& query,
                std::span<const uint32_t> slots) {
  Near near{.slots = std::vector<uint32_t>(slots.size() + 16),
            .keys = std::vector<uint32_t>(slots.size() + 16)};
  const size_t count = nearer(rows.rows(), query, slots.data(), slots.size(), bound,
                              near.slots.data(), near.keys.data());
  near.slots.resize(count);
  near.keys.resize(count);
  return near;
}

class CodeKernelsTest : public ::testing::TestWithParam<std::tuple<CodeKernels, CodeFormat, bool>> {
 protected:
  static CodeFormat format() { return std::get<1>(GetParam()); }
  static bool euclidean() { return std::get<2>(GetParam()); }
  static NearerFunction nearer() { return std::get<0>(GetParam()).nearer(format(), euclidean()); }
  static NearerFunction oracle() { return ScalarCodeKernels()->nearer(format(), euclidean()); }

  // The float whose ordered bits they are.
  static float FloatOf(uint32_t key) {
    return std::bit_cast<float>(key ^ ((key >> 31) != 0 ? 0x80000000u : kFarthestKey));
  }

  // Sums of floats in another order differ in the last bits.
  static void ExpectSame(const Near& near, const Near& expected) {
    if (format() != CodeFormat::kFloat32) {
      EXPECT_EQ(near.slots, expected.slots);
      EXPECT_EQ(near.keys, expected.keys);
      return;
    }
    ASSERT_EQ(near.slots, expected.slots);
    for (size_t at = 0; at < near.keys.size(); ++at) {
      const float key = FloatOf(expected.keys[at]);
      EXPECT_NEAR(FloatOf(near.keys[at]), key, 1e-4f + 1e-6f * std::fabs(key)) << at;
    }
  }
};

TEST_P(CodeKernelsTest, KeysAreThoseOfPlainLoops) {
  std::vector<uint32_t> slots(kRowsMax);
  std::mt19937 random(3);
  for (uint32_t& slot : slots) slot = static_cast<uint32_t>(random() % kRows);
  for (const size_t dimension : kDimensions) {
    SCOPED_TRACE(::testing::Message() << dimension << " dimensions");
    const Rows rows(format(), dimension);
    QueryCode query;
    rows.quantizer().EncodeQuery(Rows::Random(dimension, 2).data(), query);
    for (const size_t count : {0u, 1u, 2u, 3u, 4u, 5u, 16u, 17u, 31u, 32u, 100u, 256u}) {
      const auto some = std::span(slots).first(count);
      ExpectSame(NearerThan(kFarthestKey, nearer(), rows, query, some),
                 NearerThan(kFarthestKey, oracle(), rows, query, some));
    }
  }
}

TEST_P(CodeKernelsTest, OnlyRowsBelowTheBoundAreGivenInTheirOrder) {
  const Rows rows(format(), 64);
  QueryCode query;
  rows.quantizer().EncodeQuery(Rows::Random(64, 2).data(), query);
  std::vector<uint32_t> slots(100);
  for (uint32_t at = 0; at < slots.size(); ++at) slots[at] = 2 * at;
  const Near all = NearerThan(kFarthestKey, nearer(), rows, query, slots);
  ASSERT_EQ(all.slots, slots);
  std::vector<uint32_t> sorted = all.keys;
  std::ranges::sort(sorted);
  const uint32_t bound = sorted[30];
  Near expected;
  for (size_t at = 0; at < slots.size(); ++at) {
    if (all.keys[at] >= bound) continue;
    expected.slots.push_back(slots[at]);
    expected.keys.push_back(all.keys[at]);
  }
  EXPECT_EQ(NearerThan(bound, nearer(), rows, query, slots), expected);
  EXPECT_EQ(NearerThan(0, nearer(), rows, query, slots), Near());
}

TEST_P(CodeKernelsTest, ARowIsNearestToItself) {
  const Rows rows(format(), 384);
  std::vector<uint32_t> slots(200);
  for (uint32_t at = 0; at < slots.size(); ++at) slots[at] = at;
  for (uint32_t slot = 0; slot < 20; ++slot) {
    QueryCode query;
    rows.quantizer().QueryOfRow(rows.memory().Code(slot), rows.memory().Squares(slot), query);
    const Near near = NearerThan(kFarthestKey, nearer(), rows, query, slots);
    EXPECT_EQ(std::ranges::min_element(near.keys) - near.keys.begin(), slot);
    if (euclidean() && format() == CodeFormat::kFloat32) {
      EXPECT_LT(FloatOf(near.keys[slot]), 1e-3f);
    } else if (euclidean()) {
      EXPECT_LE(near.keys[slot], 1u);
    }
  }
}

TEST_P(CodeKernelsTest, KeysUnderTwoRowsAsQueriesAreTheSameBothWays) {
  const Rows rows(format(), 100);
  QueryCode a, b;
  rows.quantizer().QueryOfRow(rows.memory().Code(7), rows.memory().Squares(7), a);
  rows.quantizer().QueryOfRow(rows.memory().Code(9), rows.memory().Squares(9), b);
  const std::vector<uint32_t> seven = {7}, nine = {9};
  EXPECT_EQ(NearerThan(kFarthestKey, nearer(), rows, a, nine).keys,
            NearerThan(kFarthestKey, nearer(), rows, b, seven).keys);
}

TEST_P(CodeKernelsTest, ComponentsAreRoundedAsByPlainLoops) {
  if (format() == CodeFormat::kFloat32) GTEST_SKIP() << "float32 is not rounded";
  const RoundFunction round = std::get<0>(GetParam()).round(format());
  const RoundFunction plain = ScalarCodeKernels()->round(format());
  const float range = format() == CodeFormat::kSq8 ? 127 : 15;
  for (const size_t dimension : kDimensions) {
    SCOPED_TRACE(::testing::Message() << dimension << " dimensions");
    std::vector<float> vector = Rows::Random(dimension, 4);
    // Halves, which lie between two codes, what is clipped, and what no integer can hold.
    const float special[] = {0.5f, 1.5f, -0.5f, -2.5f, -range, range + 0.5f, 1e12f, -1e15f, 0};
    for (size_t at = 0; at < dimension && at < std::size(special); ++at) {
      vector[dimension - 1 - at] = special[at] / 20;
    }
    std::vector<int8_t> rounded(dimension + 64, 99), expected(dimension + 64, 99);
    const RoundedComponents said = round(vector.data(), dimension, 20, rounded.data());
    const RoundedComponents plainly = plain(vector.data(), dimension, 20, expected.data());
    EXPECT_EQ(rounded, expected);
    EXPECT_EQ(said.squares, plainly.squares);
    EXPECT_EQ(said.sum, plainly.sum);
    EXPECT_EQ(said.in_upper_half, plainly.in_upper_half);
    EXPECT_NEAR(said.lost_squares / plainly.lost_squares, 1, 1e-4);
  }
}

TEST(ScalarCodeKernelsTest, ComponentsBecomeTheNearestValueOfACode) {
  const float vector[] = {0.2f, 1.5f, 2.5f, -3.7f, 7.9f, -200, 1e20f};
  int8_t rounded[7];
  const RoundedComponents sq8 = ScalarCodeKernels()->round(CodeFormat::kSq8)(vector, 7, 1, rounded);
  EXPECT_EQ((std::vector<int>(rounded, rounded + 7)),
            (std::vector<int>{0, 2, 2, -4, 8, -127, 127}));
  EXPECT_EQ(sq8.sum, 8);
  EXPECT_EQ(sq8.squares, 2 * 2 + 2 * 2 + 4 * 4 + 8 * 8 + 2 * 127 * 127);
  EXPECT_EQ(sq8.in_upper_half, 2u);
  const RoundedComponents sq4 = ScalarCodeKernels()->round(CodeFormat::kSq4)(vector, 7, 1, rounded);
  EXPECT_EQ((std::vector<int>(rounded, rounded + 7)), (std::vector<int>{1, 1, 3, -3, 7, -15, 15}));
  EXPECT_EQ(sq4.in_upper_half, 3u);
}

std::vector<NearRow> NearerOfBatch(const BatchComparison& batches, const Rows& rows,
                                   QueryBatch batch, std::span<const uint32_t> slots,
                                   const std::vector<uint32_t>& bounds) {
  std::vector<NearRow> near(slots.size() * batch.queries.size());
  batches.Pack(batch);
  near.resize(batches.NearerThan(rows.rows(), batch, slots, bounds.data(), near.data()));
  return near;
}

TEST_P(CodeKernelsTest, ABatchFindsWhatItsQueriesFindAlone) {
  if (format() == CodeFormat::kFloat32) return;  // Has no batches.
  const BatchComparison batches(std::get<0>(GetParam()), format(), euclidean());
  std::mt19937 random(4);
  std::vector<uint32_t> in_order(kRowsMax), anywhere(kRowsMax);
  for (uint32_t at = 0; at < kRowsMax; ++at) in_order[at] = at;
  for (uint32_t& slot : anywhere) slot = static_cast<uint32_t>(random() % kRows);
  for (const size_t dimension : {1u, 100u, 384u}) {
    const Rows rows(format(), dimension);
    for (const size_t queries : {1u, 2u, 3u, 5u, 16u, 17u, 31u, 32u}) {
      QueryBatch batch;
      batch.queries.resize(queries);
      for (size_t query = 0; query < queries; ++query) {
        const auto seed = static_cast<uint32_t>(10 + query);
        rows.quantizer().EncodeQuery(Rows::Random(dimension, seed).data(), batch.queries[query]);
      }
      for (const auto& slots : {in_order, anywhere}) {
        for (const size_t count : {1u, 3u, 15u, 16u, 17u, 33u, 48u, 100u, 256u}) {
          SCOPED_TRACE(::testing::Message() << dimension << " dimensions, " << queries
                                            << " queries, " << count << " rows");
          const auto some = std::span(slots).first(count);
          // All rows of the first query are near, none of the last, about half of the others.
          std::vector<uint32_t> bounds(queries, 0x80000000u);
          if (euclidean()) bounds.assign(queries, 2'000);
          bounds.back() = 0;
          bounds.front() = kFarthestKey;
          std::vector<Near> alone(queries), together(queries);
          for (size_t query = 0; query < queries; ++query) {
            alone[query] = NearerThan(bounds[query], oracle(), rows, batch.queries[query], some);
          }
          for (const NearRow& near : NearerOfBatch(batches, rows, batch, some, bounds)) {
            ASSERT_LT(near.query, queries);
            together[near.query].slots.push_back(near.slot);
            together[near.query].keys.push_back(near.key);
          }
          // Of one query, rows come in their order at all levels there are.
          EXPECT_EQ(together, alone);
        }
      }
    }
  }
}

std::string NameOf(const ::testing::TestParamInfo<CodeKernelsTest::ParamType>& test) {
  const auto& [kernels, format, euclidean] = test.param;
  const std::string formats[] = {"Sq8", "Sq4", "Float32"};
  return std::string(kernels.level) + formats[static_cast<size_t>(format)] +
         (euclidean ? "Distances" : "Products");
}

INSTANTIATE_TEST_SUITE_P(EveryLevel, CodeKernelsTest,
                         ::testing::Combine(::testing::ValuesIn(AllCodeKernels()),
                                            ::testing::Values(CodeFormat::kSq8, CodeFormat::kSq4,
                                                              CodeFormat::kFloat32),
                                            ::testing::Bool()),
                         NameOf);

TEST(QuantizerTest, ProductsOfCodesAreThoseOfTheVectors) {
  for (const CodeFormat format : {CodeFormat::kSq8, CodeFormat::kSq4}) {
    const Rows rows(format, 384);
    const std::vector<float> vector = Rows::Random(384, 2);
    QueryCode query;
    rows.quantizer().EncodeQuery(vector.data(), query);
    std::vector<uint32_t> slots(50);
    for (uint32_t at = 0; at < slots.size(); ++at) slots[at] = at;
    const Near near =
        NearerThan(kFarthestKey, ScalarCodeKernels()->nearer(format, false), rows, query, slots);
    // Errors of rounding are independent, so they add up like the sides of a right angle.
    const double tolerance = format == CodeFormat::kSq8 ? 0.06 : 0.5;
    for (uint32_t slot = 0; slot < slots.size(); ++slot) {
      double product = 0;
      for (size_t axis = 0; axis < 384; ++axis) {
        product += static_cast<double>(vector[axis]) * rows.Vector(slot)[axis];
      }
      const double units = static_cast<double>(0x80000000u) - near.keys[slot];
      const double scale = rows.quantizer().scale();
      EXPECT_NEAR(units * query.ratio / (scale * scale), product, tolerance * std::sqrt(384.0));
    }
  }
}

TEST(QuantizerTest, AFewHugeComponentsDoNotSpoilTheScaleOfTheOthers) {
  std::vector<float> sample = Rows::Random(500'000, 1);
  const float plain = Quantizer(CodeFormat::kSq8, 100, sample).scale();
  sample[77] = 1e9f;
  EXPECT_NEAR(Quantizer(CodeFormat::kSq8, 100, sample).scale(), plain, plain / 100);
}

TEST(QuantizerTest, WhereDimensionsAreAlikeSixteenLevelsClipOneComponentInAHundred) {
  std::vector<float> sample = Rows::Random(500'000, 1);
  const Quantizer quantizer(CodeFormat::kSq4, 100, sample);
  EXPECT_EQ(quantizer.clipped_share(), 1e-2f);
  size_t outside = 0;
  for (const float component : sample) outside += std::fabs(component) * quantizer.scale() > 15;
  EXPECT_NEAR(static_cast<double>(outside), 5'000, 50);
}

TEST(QuantizerTest, AFewWideDimensionsAreNotClippedAwayForSixteenLevels) {
  constexpr size_t kDimension = 384, kVectors = 2'000, kFirstQuery = 1'900;
  std::vector<float> vectors = Rows::Random(kDimension * kVectors, 1);
  for (size_t at = 0; at < vectors.size(); at += kDimension / 4) vectors[at] *= 10;
  const Quantizer learnt(CodeFormat::kSq4, kDimension, vectors);
  const Quantizer clipping(CodeFormat::kSq4, kDimension,
                           CodeScale{.scale = learnt.scale() * 5, .clipped_share = 1e-2f});
  EXPECT_LT(learnt.clipped_share(), 1e-2f);
  const auto off = [&](const Quantizer& quantizer) {
    std::vector<double> rows(kDimension);
    AlignedBytes row(quantizer.row_bytes());
    QueryCode decoded;
    double squares = 0;
    for (size_t at = 0; at < kFirstQuery; at += 20) {
      const auto encoded = quantizer.EncodeRow(&vectors[at * kDimension], row.data());
      quantizer.QueryOfRow(row.data(), encoded.squares, decoded);
      const auto* levels = reinterpret_cast<const int8_t*>(decoded.components.data());
      for (size_t query = kFirstQuery; query < kVectors; ++query) {
        double product_off = 0;
        for (size_t axis = 0; axis < kDimension; ++axis) {
          product_off += vectors[query * kDimension + axis] *
                         (levels[axis] / quantizer.scale() - vectors[at * kDimension + axis]);
        }
        squares += product_off * product_off;
      }
    }
    return std::sqrt(squares);
  };
  EXPECT_LT(off(learnt), off(clipping) / 2);
}

TEST(QuantizerTest, ALongSampleIsLookedAtInAllItsDimensions) {
  // As many vectors that every second of their components would do for the sample.
  constexpr size_t kDimension = 8;
  std::vector<float> sample(kDimension * 600'000, 0.5f);
  for (size_t at = 1; at < sample.size(); at += kDimension) sample[at] = 100;
  const Quantizer quantizer(CodeFormat::kSq8, kDimension, sample);
  EXPECT_FLOAT_EQ(quantizer.scale(), 127.0f / 100);
}

TEST(QuantizerTest, ASampleOfZerosHasAScale) {
  const std::vector<float> zeros(64);
  const Quantizer quantizer(CodeFormat::kSq8, 64, zeros);
  alignas(64) std::byte row[64];
  EXPECT_EQ(quantizer.EncodeRow(zeros.data(), row).squares, 0);
}

}  // namespace
}  // namespace simile::index_internal

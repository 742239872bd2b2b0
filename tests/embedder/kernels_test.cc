// Every level of this machine against the scalar one, which adds up in double.
#include "embedder/kernels.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <random>
#include <string>
#include <vector>

namespace simile {
namespace {

using Floats = std::vector<float>;

// Keeps the upper half of the bits, so that every level reads the same number.
float Bfloat16(float value) {
  return std::bit_cast<float>(std::bit_cast<uint32_t>(value) & 0xffff0000u);
}

Floats RandomFloats(size_t count, uint32_t seed, float spread = 1) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, spread);
  Floats floats(count);
  for (float& value : floats) value = Bfloat16(normal(random));
  return floats;
}

// Rows of as many 1 as -1 in random order: a norm leaves them as they are, so what reaches a
// product is exact in bfloat16 too.
Floats BalancedRows(size_t rows, size_t size, uint32_t seed) {
  std::mt19937 random(seed);
  Floats floats(rows * size);
  for (size_t row = 0; row < rows; ++row) {
    const auto first = floats.begin() + static_cast<std::ptrdiff_t>(row * size);
    const auto end = first + static_cast<std::ptrdiff_t>(size);
    for (auto at = first; at != end; ++at) *at = (at - first) % 2 == 0 ? 1.0f : -1.0f;
    std::shuffle(first, end, random);
  }
  return floats;
}

Norm PlainNorm(size_t size) { return {.gamma = Floats(size, 1), .beta = Floats(size, 0)}; }

Floats Identity(size_t size) {
  Floats weights(size * size);
  for (size_t at = 0; at < size; ++at) weights[at * size + at] = 1;
  return weights;
}

double LargestDifference(const Floats& a, const Floats& b) {
  EXPECT_EQ(a.size(), b.size());
  double largest = 0;
  for (size_t at = 0; at < a.size(); ++at) {
    largest = std::max(largest, std::fabs(static_cast<double>(a[at]) - b[at]));
  }
  return largest;
}

// Chains of kernels that begin and end in plain rows.
class Chain {
 public:
  explicit Chain(const Kernels& kernels) : kernels_(kernels) {}

  // rows + norm(rows) * weights + bias.
  Floats NormThenAdd(Floats rows, size_t size, size_t seed_of_weights) const {
    const size_t count = rows.size() / size;
    OpaqueBuffer operand(kernels_.OperandBytes(count, size));
    kernels_.LayerNorm(rows.data(), count, PlainNorm(size), operand.data());
    const auto seed = static_cast<uint32_t>(seed_of_weights);
    const PackedWeights weights = kernels_.Pack(RandomFloats(size * size, seed, 0.2f),
                                                RandomFloats(size, seed + 1), size, size);
    kernels_.LinearAdd(operand.data(), count, weights, rows.data());
    return rows;
  }

  // GELU(norm(rows) * wide + bias) * narrow.
  Floats FeedForward(Floats rows, size_t size, const Floats& wide, const Floats& bias,
                     const Floats& narrow) const {
    const size_t count = rows.size() / size, inner = bias.size();
    OpaqueBuffer operand(kernels_.OperandBytes(count, size));
    OpaqueBuffer intermediate(kernels_.OperandBytes(count, inner));
    kernels_.LayerNorm(rows.data(), count, PlainNorm(size), operand.data());
    kernels_.LinearGelu(operand.data(), count, kernels_.Pack(wide, bias, inner, size),
                        intermediate.data());
    Floats out(rows.size());
    kernels_.LinearAdd(intermediate.data(), count, kernels_.Pack(narrow, Floats(size), size, inner),
                       out.data());
    return out;
  }

  // Attention over sequences of the given lengths, whose rows lie end to end.
  Floats Attention(Floats rows, const std::vector<size_t>& lengths, size_t heads, size_t head_size,
                   float spread) const {
    const size_t size = heads * head_size, count = rows.size() / size;
    OpaqueBuffer operand(kernels_.OperandBytes(count, size));
    OpaqueBuffer projections(kernels_.ProjectionBytes(count, 3 * size));
    const size_t longest = *std::ranges::max_element(lengths);
    OpaqueBuffer scratch(kernels_.AttentionScratchBytes(longest, head_size));
    kernels_.LayerNorm(rows.data(), count, PlainNorm(size), operand.data());
    const PackedWeights weights = kernels_.Pack(RandomFloats(3 * size * size, 6, spread),
                                                RandomFloats(3 * size, 7), 3 * size, size);
    kernels_.Project(operand.data(), count, weights, projections.data());
    AttentionShape shape{.batch_rows = count, .heads = heads, .head_size = head_size};
    for (const size_t length : lengths) {
      shape.tokens = length;
      kernels_.Attention(projections.data(), shape, scratch.data(), operand.data());
      shape.first_row += length;
    }
    Floats out(rows.size());
    kernels_.LinearAdd(operand.data(), count,
                       kernels_.Pack(Identity(size), Floats(size), size, size), out.data());
    return out;
  }

 private:
  const Kernels& kernels_;
};

class KernelsTest : public ::testing::TestWithParam<const Kernels*> {
 protected:
  const Kernels& tested() const { return *GetParam(); }
  bool rounds() const { return tested().precision() == Precision::kBfloat16; }
};

TEST_P(KernelsTest, ProductsAgreeForAllShapes) {
  for (const size_t rows : {1u, 2u, 5u, 12u, 13u, 16u, 17u, 31u, 32u, 33u, 70u}) {
    for (const size_t size : {32u, 64u, 96u, 384u, 416u}) {
      const Floats in = BalancedRows(rows, size, 1);
      const Floats expected = Chain(ScalarKernels()).NormThenAdd(in, size, 2);
      const Floats actual = Chain(tested()).NormThenAdd(in, size, 2);
      ASSERT_LT(LargestDifference(expected, actual), 1e-4) << rows << " rows of " << size;
    }
  }
}

TEST_P(KernelsTest, FeedForwardAgreesForAnyIntermediateSize) {
  constexpr size_t kSize = 64;
  for (const size_t inner : {1u, 16u, 31u, 32u, 33u, 100u, 256u, 800u}) {
    const Floats in = BalancedRows(19, kSize, 3);
    const Floats wide = RandomFloats(inner * kSize, 4, 0.2f), bias = RandomFloats(inner, 5);
    const Floats narrow = RandomFloats(kSize * inner, 6, 0.1f);
    const Floats expected = Chain(ScalarKernels()).FeedForward(in, kSize, wide, bias, narrow);
    const Floats actual = Chain(tested()).FeedForward(in, kSize, wide, bias, narrow);
    ASSERT_LT(LargestDifference(expected, actual), rounds() ? 0.05 : 1e-4) << inner;
  }
}

TEST_P(KernelsTest, GeluIsTheOneWithErf) {
  constexpr size_t kSize = 32;
  // Rows of 1 and -1 times zero weights leave the bias: 32 arguments a pass.
  for (int first = -600; first <= 600; first += 32) {
    Floats arguments;
    for (int step = first; step < first + 32; ++step) {
      arguments.push_back(static_cast<float>(step) / 50);
    }
    const Floats out = Chain(tested()).FeedForward(
        BalancedRows(1, kSize, 1), kSize, Floats(kSize * kSize), arguments, Identity(kSize));
    for (size_t at = 0; at < kSize; ++at) {
      const double x = arguments[at], expected = x / 2 * (1 + std::erf(x / std::sqrt(2.0)));
      EXPECT_NEAR(out[at], expected, rounds() ? std::fabs(expected) / 256 + 1e-5 : 1e-6) << x;
    }
  }
}

TEST_P(KernelsTest, AttentionAgreesForAllLengths) {
  for (const size_t head_size : {32u, 64u}) {
    for (const size_t tokens : {1u, 2u, 11u, 15u, 16u, 17u, 31u, 32u, 33u, 64u, 130u, 512u}) {
      const Floats in = BalancedRows(tokens, 2 * head_size, 8);
      const Floats expected = Chain(ScalarKernels()).Attention(in, {tokens}, 2, head_size, 0.15f);
      const Floats actual = Chain(tested()).Attention(in, {tokens}, 2, head_size, 0.15f);
      ASSERT_LT(LargestDifference(expected, actual), rounds() ? 0.06 : 5e-5)
          << tokens << " tokens, head size " << head_size;
    }
  }
}

TEST_P(KernelsTest, AttentionStandsExtremeScores) {
  // Spread so wide that nearly every share is 0 or 1.
  const Floats in = BalancedRows(20, 64, 9);
  const Floats actual = Chain(tested()).Attention(in, {20}, 2, 32, 8);
  for (const float value : actual) ASSERT_TRUE(std::isfinite(value));
}

TEST_P(KernelsTest, ASequenceHasTheSameBitsAloneAndAmongOthers) {
  constexpr size_t kSize = 64;
  const std::vector<size_t> lengths = {3, 40, 1, 17, 33};
  size_t rows = 0;
  for (const size_t length : lengths) rows += length;
  const Floats in = RandomFloats(rows * kSize, 10);
  const Floats together = Chain(tested()).Attention(in, lengths, 2, 32, 0.15f);
  size_t first = 0;
  for (const size_t length : lengths) {
    const auto begin = static_cast<std::ptrdiff_t>(first * kSize);
    const auto end = begin + static_cast<std::ptrdiff_t>(length * kSize);
    const Floats alone = Chain(tested()).Attention(Floats(in.begin() + begin, in.begin() + end),
                                                   {length}, 2, 32, 0.15f);
    EXPECT_EQ(alone, Floats(together.begin() + begin, together.begin() + end)) << length;
    first += length;
  }
}

TEST_P(KernelsTest, ARowHasTheSameBitsAloneAndAmongOthers) {
  constexpr size_t kRows = 45, kSize = 96;
  const Floats in = RandomFloats(kRows * kSize, 11);
  const Floats wide = RandomFloats(800 * kSize, 12, 0.2f), bias = RandomFloats(800, 13);
  const Floats narrow = RandomFloats(kSize * 800, 14, 0.1f);
  const Floats together = Chain(tested()).FeedForward(in, kSize, wide, bias, narrow);
  for (size_t row = 0; row < kRows; ++row) {
    const auto begin = static_cast<std::ptrdiff_t>(row * kSize);
    const auto end = begin + static_cast<std::ptrdiff_t>(kSize);
    const Floats alone = Chain(tested()).FeedForward(Floats(in.begin() + begin, in.begin() + end),
                                                     kSize, wide, bias, narrow);
    ASSERT_EQ(alone, Floats(together.begin() + begin, together.begin() + end)) << "row " << row;
  }
}

TEST_P(KernelsTest, LayerNormAgrees) {
  for (const size_t size : {32u, 64u, 96u, 384u}) {
    constexpr size_t kRows = 9;
    Floats expected = RandomFloats(kRows * size, 15, 3), actual = expected;
    const Norm norm{.gamma = RandomFloats(size, 16), .beta = RandomFloats(size, 17)};
    OpaqueBuffer one(ScalarKernels().OperandBytes(kRows, size));
    OpaqueBuffer other(tested().OperandBytes(kRows, size));
    ScalarKernels().LayerNorm(expected.data(), kRows, norm, one.data());
    tested().LayerNorm(actual.data(), kRows, norm, other.data());
    EXPECT_LT(LargestDifference(expected, actual), 2e-5);
  }
}

INSTANTIATE_TEST_SUITE_P(EveryLevel, KernelsTest, ::testing::ValuesIn(AllKernels()),
                         [](const auto& test) { return test.param->name(); });

TEST(KernelLevelsTest, TheBestLevelIsTheFirstThatRunsTheShape) {
  EXPECT_EQ(BestKernels(384, 32, false), AllKernels().front());
  EXPECT_EQ(BestKernels(384, 32, true)->precision(), Precision::kFloat32);
  EXPECT_EQ(BestKernels(48, 16, false)->name(), "scalar");
  EXPECT_EQ(BestKernels(384, 24, false)->precision(), Precision::kFloat32);
}

TEST(KernelLevelsTest, EveryLevelIsFoundByItsName) {
  for (const Kernels* level : AllKernels()) EXPECT_EQ(FindKernels(level->name()), level);
  EXPECT_EQ(FindKernels("mmx"), nullptr);
}

}  // namespace
}  // namespace simile

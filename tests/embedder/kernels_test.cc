// Every instruction set of this machine against the scalar code that adds up in double.
#include "embedder/kernels.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <string>
#include <vector>

namespace simile {
namespace {

std::vector<float> RandomFloats(size_t count, uint32_t seed, float spread = 1) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, spread);
  std::vector<float> floats(count);
  for (float& value : floats) value = normal(random);
  return floats;
}

double LargestDifference(const std::vector<float>& a, const std::vector<float>& b) {
  double largest = 0;
  for (size_t at = 0; at < a.size(); ++at) {
    largest = std::max(largest, std::fabs(static_cast<double>(a[at]) - b[at]));
  }
  return largest;
}

class KernelsTest : public ::testing::TestWithParam<const Kernels*> {
 protected:
  const Kernels& tested() const { return *GetParam(); }
  const Kernels& oracle() const { return ReferenceKernels(); }

  std::vector<float> Linear(const Kernels& kernels, const std::vector<float>& in, size_t rows,
                            size_t outputs, size_t inputs, Activation activation,
                            bool with_residual) {
    const std::vector<float> weights = RandomFloats(outputs * inputs, 2, 0.2f);
    const std::vector<float> bias = RandomFloats(outputs, 3);
    const std::vector<float> residual = RandomFloats(rows * outputs, 4);
    std::vector<float> out(rows * outputs);
    const PackedWeights packed = kernels.Pack(weights, outputs, inputs);
    kernels.Linear(in.data(), rows, packed, bias.data(), activation,
                   with_residual ? residual.data() : nullptr, out.data());
    return out;
  }
};

TEST_P(KernelsTest, LinearAgreesForAllShapes) {
  for (const size_t rows : {1, 2, 5, 12, 13, 31}) {
    for (const size_t outputs : {1, 7, 16, 32, 33, 96, 100}) {
      for (const size_t inputs : {1, 5, 48, 384, 385, 800}) {
        const std::vector<float> in = RandomFloats(rows * inputs, 1);
        // Each of the four pairs comes up with small and large shapes, with and without remainders.
        const bool residual = (rows + outputs) % 2 == 0;
        const auto activation = inputs % 2 == 0 ? Activation::kNone : Activation::kGelu;
        const auto expected = Linear(oracle(), in, rows, outputs, inputs, activation, residual);
        const auto actual = Linear(tested(), in, rows, outputs, inputs, activation, residual);
        ASSERT_LT(LargestDifference(expected, actual), 1e-4)
            << rows << " rows, " << outputs << " outputs, " << inputs << " inputs";
      }
    }
  }
}

TEST_P(KernelsTest, ARowHasTheSameBitsAloneAndAmongOthers) {
  constexpr size_t kRows = 29, kOutputs = 100, kInputs = 800;
  const std::vector<float> in = RandomFloats(kRows * kInputs, 5);
  const auto together = Linear(tested(), in, kRows, kOutputs, kInputs, Activation::kGelu, false);
  for (size_t row = 0; row < kRows; ++row) {
    const std::vector<float> one(in.begin() + static_cast<std::ptrdiff_t>(row * kInputs),
                                 in.begin() + static_cast<std::ptrdiff_t>((row + 1) * kInputs));
    const auto alone = Linear(tested(), one, 1, kOutputs, kInputs, Activation::kGelu, false);
    for (size_t output = 0; output < kOutputs; ++output) {
      ASSERT_EQ(alone[output], together[row * kOutputs + output]) << "row " << row;
    }
  }
}

TEST_P(KernelsTest, GeluIsTheOneWithErf) {
  std::vector<float> in;
  for (int step = -600; step <= 600; ++step) in.push_back(static_cast<float>(step) / 50);
  const std::vector<float> weights = {1}, bias = {0};
  std::vector<float> out(in.size());
  const PackedWeights packed = tested().Pack(weights, 1, 1);
  tested().Linear(in.data(), in.size(), packed, bias.data(), Activation::kGelu, nullptr,
                  out.data());
  for (size_t at = 0; at < in.size(); ++at) {
    const double x = in[at];
    EXPECT_NEAR(out[at], x / 2 * (1 + std::erf(x / std::sqrt(2.0))), 1e-6) << x;
  }
}

TEST_P(KernelsTest, AttentionAgreesForAllLengths) {
  for (const size_t head_size : {8, 16, 32, 64}) {
    constexpr size_t kHeads = 3;
    for (const size_t tokens : {1, 2, 11, 12, 13, 31, 32, 33, 64, 130}) {
      const std::vector<float> qkv = RandomFloats(tokens * 3 * kHeads * head_size, 6, 2);
      std::vector<float> expected(tokens * kHeads * head_size), actual(expected.size());
      const AlignedFloats scratch = NewAlignedFloats(tested().AttentionScratch(tokens, head_size));
      oracle().Attention(qkv.data(), tokens, kHeads, head_size, nullptr, expected.data());
      tested().Attention(qkv.data(), tokens, kHeads, head_size, scratch.get(), actual.data());
      ASSERT_LT(LargestDifference(expected, actual), 5e-5)
          << tokens << " tokens, head size " << head_size;
    }
  }
}

TEST_P(KernelsTest, AttentionStandsExtremeScores) {
  constexpr size_t kTokens = 20, kHeadSize = 16;
  const std::vector<float> qkv = RandomFloats(kTokens * 3 * kHeadSize, 7, 60);
  std::vector<float> expected(kTokens * kHeadSize), actual(expected.size());
  const AlignedFloats scratch = NewAlignedFloats(tested().AttentionScratch(kTokens, kHeadSize));
  oracle().Attention(qkv.data(), kTokens, 1, kHeadSize, nullptr, expected.data());
  tested().Attention(qkv.data(), kTokens, 1, kHeadSize, scratch.get(), actual.data());
  EXPECT_LT(LargestDifference(expected, actual), 0.05);
}

TEST_P(KernelsTest, LayerNormEmbedAndPoolAgree) {
  for (const size_t size : {5, 16, 48, 100, 384}) {
    constexpr size_t kRows = 9;
    std::vector<float> expected = RandomFloats(kRows * size, 8, 3), actual = expected;
    const std::vector<float> gamma = RandomFloats(size, 9), beta = RandomFloats(size, 10);
    oracle().LayerNorm(expected.data(), kRows, size, gamma.data(), beta.data(), 1e-12f);
    tested().LayerNorm(actual.data(), kRows, size, gamma.data(), beta.data(), 1e-12f);
    EXPECT_LT(LargestDifference(expected, actual), 2e-5);

    const std::vector<uint32_t> ids = {3, 0, 2};
    const std::vector<float> words = RandomFloats(4 * size, 11);
    std::vector<float> rows(3 * size), other_rows(3 * size);
    const std::vector<float> positions = RandomFloats(3 * size, 12);
    oracle().Embed(ids, words.data(), positions.data(), size, rows.data());
    tested().Embed(ids, words.data(), positions.data(), size, other_rows.data());
    EXPECT_EQ(rows, other_rows);

    for (const Pooling pooling : {Pooling::kMean, Pooling::kCls, Pooling::kMax}) {
      for (const bool normalize : {false, true}) {
        std::vector<float> one(size), other(size);
        oracle().Pool(expected.data(), kRows, size, pooling, normalize, one.data());
        tested().Pool(expected.data(), kRows, size, pooling, normalize, other.data());
        EXPECT_LT(LargestDifference(one, other), 1e-5) << PoolingName(pooling);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(EveryInstructionSet, KernelsTest, ::testing::ValuesIn(AllKernels()),
                         [](const auto& test) { return test.param->name(); });

TEST(KernelsChoiceTest, TheBestKernelsAreTheFirstOfAll) {
  ASSERT_FALSE(AllKernels().empty());
  EXPECT_EQ(BestKernels().name(), AllKernels().front()->name());
}

}  // namespace
}  // namespace simile

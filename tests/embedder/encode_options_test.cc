// What a call can ask for beside vectors of its texts.
#include "embedder/encode_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "embedder/encoder_service.h"
#include "tests/support/hashing_encoder.h"
#include "tests/support/status_matchers.h"

namespace simile {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr size_t kDimension = 32;
constexpr size_t kTokenVectorsMax = 40;

class EncodeOptionsTest : public ::testing::Test {
 protected:
  using Result = absl::StatusOr<EncodeResult>;

  Result Encode(const std::vector<std::string_view>& texts, const EncodeOptions& options = {}) {
    return service_.Encode(texts, options);
  }

  EncoderService service_{std::make_unique<HashingEncoder>("words", kDimension, 16, "f"),
                          {.threads = 1, .token_vectors_max = kTokenVectorsMax}};
};

// The vector of the n-th token.
std::vector<float> TokenVector(const Embedding& embedding, size_t n) {
  const auto begin = embedding.token_vectors.begin() + static_cast<ptrdiff_t>(n * kDimension);
  return {begin, begin + kDimension};
}

TEST_F(EncodeOptionsTest, NoTextsGiveNoVectors) { EXPECT_THAT(Encode({})->embeddings, SizeIs(0)); }

TEST_F(EncodeOptionsTest, InvalidUtf8IsRefusedWithItsPosition) {
  EXPECT_THAT(Encode({"good", "\xff"}), StatusIs(absl::StatusCode::kInvalidArgument, "text 1"));
  EXPECT_EQ(service_.Statistics().texts_encoded, 0u);
}

TEST_F(EncodeOptionsTest, APromptIsPutBeforeEachText) {
  const Result prompted = Encode({"b", "c"}, {.prompt = "a "});
  const Result whole = Encode({"a b", "a c"});
  ASSERT_THAT(prompted, IsOk());
  ASSERT_THAT(whole, IsOk());
  for (size_t text = 0; text < 2; ++text) {
    EXPECT_EQ(prompted->embeddings[text].vector, whole->embeddings[text].vector);
    EXPECT_EQ(prompted->embeddings[text].token_count, 4u);
  }
  EXPECT_NE(prompted->embeddings[0].vector, Encode({"b"})->embeddings[0].vector);
}

TEST_F(EncodeOptionsTest, VectorsAreCutAndScaledToLength1Again) {
  const std::vector<float> whole = Encode({"some words of a text"})->embeddings[0].vector;
  const Result cut = Encode({"some words of a text"}, {.dimensions = 20});
  ASSERT_THAT(cut, IsOk());
  const std::vector<float>& vector = cut->embeddings[0].vector;
  ASSERT_THAT(vector, SizeIs(20));
  double squares = 0, dot = 0, kept = 0;
  for (size_t axis = 0; axis < vector.size(); ++axis) {
    squares += vector[axis] * vector[axis];
    dot += vector[axis] * whole[axis];
    kept += whole[axis] * whole[axis];
  }
  EXPECT_NEAR(squares, 1, 1e-6);
  EXPECT_NEAR(dot, std::sqrt(kept), 1e-6);  // They point the same way.
  EXPECT_THAT(Encode({"text"}, {.dimensions = kDimension}), IsOk());
  EXPECT_THAT(Encode({"text"}, {.dimensions = kDimension + 1}),
              StatusIs(absl::StatusCode::kInvalidArgument, "33 dimensions are asked for"));
}

TEST_F(EncodeOptionsTest, NoTokensAreGivenUnlessAskedFor) {
  const Result result = Encode({"some words"});
  EXPECT_THAT(result->embeddings[0].token_ids, IsEmpty());
  EXPECT_THAT(result->embeddings[0].token_vectors, IsEmpty());
}

TEST_F(EncodeOptionsTest, ContextualVectorsOfOneTokenDifferWithItsNeighbours) {
  const Result result =
      Encode({"river bank", "loan bank"}, {.token_vectors = TokenVectors::kContextual});
  ASSERT_THAT(result, IsOk());
  const Embedding& river = result->embeddings[0];
  const Embedding& loan = result->embeddings[1];
  ASSERT_THAT(river.token_ids, SizeIs(4));
  ASSERT_THAT(river.token_vectors, SizeIs(4 * kDimension));
  EXPECT_EQ(river.token_ids[2], loan.token_ids[2]);
  EXPECT_NE(TokenVector(river, 2), TokenVector(loan, 2));
  EXPECT_EQ(river.vector, Encode({"river bank"})->embeddings[0].vector);
}

TEST_F(EncodeOptionsTest, InputVectorsOfOneTokenAreEqualEverywhere) {
  const Result result =
      Encode({"river bank", "bank of a loan"}, {.token_vectors = TokenVectors::kInput});
  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(TokenVector(result->embeddings[0], 2), TokenVector(result->embeddings[1], 1));
  EXPECT_NE(TokenVector(result->embeddings[0], 1), TokenVector(result->embeddings[0], 2));
}

TEST_F(EncodeOptionsTest, ContextualVectorsComeAlsoForATextWhoseVectorIsCached) {
  ASSERT_THAT(Encode({"river bank"}), IsOk());
  const Result result = Encode({"river bank"}, {.token_vectors = TokenVectors::kContextual});
  ASSERT_THAT(result, IsOk());
  EXPECT_THAT(result->embeddings[0].token_vectors, SizeIs(4 * kDimension));
  const Result input = Encode({"river bank"}, {.token_vectors = TokenVectors::kInput});
  EXPECT_THAT(input->embeddings[0].token_vectors, SizeIs(4 * kDimension));
  EXPECT_GE(service_.Statistics().query_cache.hits, 1u);
}

TEST_F(EncodeOptionsTest, VectorsOfMoreTokensThanTheLimitAreRefusedWithIt) {
  const std::vector<std::string_view> texts(10, "two words");  // Four tokens each.
  for (const TokenVectors kind : {TokenVectors::kInput, TokenVectors::kContextual}) {
    EXPECT_THAT(Encode(texts, {.token_vectors = kind}), IsOk());
    std::vector<std::string_view> more = texts;
    more.push_back("word");
    EXPECT_THAT(Encode(more, {.token_vectors = kind}),
                StatusIs(absl::StatusCode::kInvalidArgument, "more than 40 tokens"));
  }
  EXPECT_THAT(Encode(std::vector<std::string_view>(100, "two words")), IsOk());
}

}  // namespace
}  // namespace simile

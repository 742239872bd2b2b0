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

using ::testing::SizeIs;

constexpr size_t kDimension = 32;

class EncodeOptionsTest : public ::testing::Test {
 protected:
  using Result = absl::StatusOr<EncodeResult>;

  Result Encode(const std::vector<std::string_view>& texts, const EncodeOptions& options = {}) {
    return service_.Encode(texts, options);
  }

  EncoderService service_{std::make_unique<HashingEncoder>("words", kDimension, 16, "f"),
                          {.threads = 1}};
};

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

}  // namespace
}  // namespace simile

// What stands between a broken level and a collection full of wrong vectors.
#include "embedder/model_self_test.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "embedder/model_loader.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/tiny_model.h"

namespace simile {
namespace {

// Another model's vectors, or one spoilt component: as a broken level gives.
class BrokenEncoder final : public Encoder {
 public:
  BrokenEncoder(const Encoder& good, float factor) : good_(good), factor_(factor) {}
  const ModelInfo& info() const override { return good_.info(); }
  const Tokenizer& tokenizer() const override { return good_.tokenizer(); }
  std::unique_ptr<Workspace> NewWorkspace() const override { return good_.NewWorkspace(); }
  absl::Status RunWith(const EncoderRunOptions& options, const PackedBatch& batch,
                       Workspace& workspace, std::span<float> vectors) const override {
    const absl::Status status = good_.RunWith(options, batch, workspace, vectors);
    vectors[0] *= factor_;
    return status;
  }
  std::span<const float> InputVector(uint32_t id) const override { return good_.InputVector(id); }

 private:
  const Encoder& good_;
  const float factor_;
};

class ModelSelfTest : public ::testing::Test {
 protected:
  void SetUp() override {
    WriteTinyModel(directory_.path() + "/tiny");
    auto oracle = LoadBertEncoder(directory_.path() + "/tiny", {.level = "scalar"});
    ASSERT_THAT(oracle, IsOk());
    oracle_ = *std::move(oracle);
  }

  TemporaryDirectory directory_;
  std::unique_ptr<BertEncoder> oracle_;
};

TEST_F(ModelSelfTest, EveryLevelOfThisMachinePasses) {
  for (const std::string& level : EncoderLevels()) {
    const auto encoder = LoadBertEncoder(directory_.path() + "/tiny", {.level = level});
    ASSERT_THAT(encoder, IsOk());
    EXPECT_THAT(CompareOnSentence(**encoder, *EmbedSentence(*oracle_)), IsOk()) << level;
  }
}

TEST_F(ModelSelfTest, ASpoiltComponentIsFoundAndTheWayOutNamed) {
  for (const float factor : {0.0f, -1.0f, std::numeric_limits<float>::quiet_NaN()}) {
    EXPECT_THAT(CompareOnSentence(BrokenEncoder(*oracle_, factor), *EmbedSentence(*oracle_)),
                StatusIs(absl::StatusCode::kInternal, "--encoder-isa"))
        << factor;
  }
}

TEST_F(ModelSelfTest, AnotherModelIsFoundAtEveryLevel) {
  WriteTinyModel(directory_.path() + "/other", {.seed = 2});
  for (const std::string& level : EncoderLevels()) {
    const auto encoder = LoadBertEncoder(directory_.path() + "/other", {.level = level});
    ASSERT_THAT(encoder, IsOk());
    EXPECT_THAT(CompareOnSentence(**encoder, *EmbedSentence(*oracle_)),
                StatusIs(absl::StatusCode::kInternal, level));
  }
}

}  // namespace
}  // namespace simile

// Random models of many shapes against an implementation of its own (make_shape_goldens.py).
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "embedder/model_loader.h"
#include "tests/support/child_process.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/tiny_model.h"

namespace simile {
namespace {

using Json = nlohmann::json;

constexpr size_t kTokensMax = 512;
constexpr size_t kVocabulary = 64, kFirstId = 5;
// Above it plain loops take too long; under a sanitizer everything does.
constexpr size_t kScalarHiddenMax = 128;
#ifdef SIMILE_SANITIZED
constexpr size_t kHiddenMax = 256;
#else
constexpr size_t kHiddenMax = 1024;
#endif

std::string Testdata(const std::string& name) {
  return std::string(SIMILE_SOURCE_DIR) + "/tests/testdata/embedder/" + name;
}

struct Shape {
  Json json;
  std::vector<size_t> lengths;
  size_t first_float = 0;  // Of its vectors in shapes.f32.
};

std::vector<Shape> Shapes() {
  const Json goldens = Json::parse(ReadFile(Testdata("shapes.json")));
  std::vector<Shape> shapes;
  size_t next = 0;
  for (const Json& json : goldens["shapes"]) {
    const std::string pooling = json["pooling"];
    const size_t parts = 1 + static_cast<size_t>(std::count(pooling.begin(), pooling.end(), '+'));
    shapes.push_back({json, goldens["lengths"], next});
    next += parts * json["hidden_size"].get<size_t>() * goldens["lengths"].size();
  }
  return shapes;
}

class ModelShapesTest : public ::testing::TestWithParam<Shape> {
 protected:
  void SetUp() override {
    const Json& json = GetParam().json;
    if (json["hidden_size"] > kHiddenMax) GTEST_SKIP() << "too slow under a sanitizer";
    WriteTinyModel(model(), {.seed = json["seed"],
                             .pooling = json["pooling"],
                             .names_pooling = json["seed"].get<int>() % 2 == 0,
                             .normalize = json["normalize"],
                             .hidden_size = json["hidden_size"],
                             .head_count = json["heads"],
                             .intermediate_size = json["intermediate_size"],
                             .layer_count = json["layers"],
                             .tokens_max = kTokensMax});
    for (const size_t length : GetParam().lengths) {
      for (size_t at = 0; at < length; ++at) {
        ids_.push_back(static_cast<uint32_t>(kFirstId + at * 13 % (kVocabulary - kFirstId)));
      }
      starts_.push_back(static_cast<uint32_t>(ids_.size()));
    }
  }

  std::string model() const { return directory_.path() + "/model"; }

  // All sequences in one batch, at that level.
  void Compare(const std::string& level) {
    const auto encoder = LoadBertEncoder(model(), {.level = level});
    ASSERT_THAT(encoder, IsOk());
    const size_t dimension = (*encoder)->info().dimension;
    EXPECT_EQ((*encoder)->info().pooling, GetParam().json["pooling"].get<std::string>());
    std::vector<float> vectors((starts_.size() - 1) * dimension);
    const auto workspace = (*encoder)->NewWorkspace();
    ASSERT_THAT((*encoder)->Run({.ids = ids_, .sequence_start = starts_}, *workspace, vectors),
                IsOk());
    const std::string golden = ReadFile(Testdata("shapes.f32"));
    std::vector<float> expected(vectors.size());
    ASSERT_GE(golden.size(), (GetParam().first_float + expected.size()) * sizeof(float));
    std::memcpy(expected.data(), golden.data() + GetParam().first_float * sizeof(float),
                expected.size() * sizeof(float));
    for (size_t text = 0; text + 1 < starts_.size(); ++text) {
      double dot = 0, length = 0, expected_length = 0, largest = 0;
      for (size_t axis = text * dimension; axis < (text + 1) * dimension; ++axis) {
        const double a = vectors[axis], b = expected[axis];
        dot += a * b;
        length += a * a;
        expected_length += b * b;
        largest = std::max(largest, std::fabs(a - b));
      }
      const bool rounds = (*encoder)->info().precision != "float32";
      EXPECT_LE(largest / std::sqrt(expected_length), rounds ? 5e-3 : 1e-5) << level << " " << text;
      EXPECT_GE(dot / std::sqrt(length * expected_length), rounds ? 0.9999 : 0.999999)
          << level << " " << text;
    }
  }

  TemporaryDirectory directory_;
  std::vector<uint32_t> ids_, starts_ = {0};
};

TEST_P(ModelShapesTest, VectorsAreTheReferencesAtEveryLevel) {
  for (const std::string& level : EncoderLevels()) {
    if (level == "scalar" && GetParam().json["hidden_size"] > kScalarHiddenMax) continue;
    Compare(level);
  }
}

INSTANTIATE_TEST_SUITE_P(EveryShape, ModelShapesTest, ::testing::ValuesIn(Shapes()),
                         [](const auto& test) {
                           return "hidden" + test.param.json["hidden_size"].dump() + "layers" +
                                  test.param.json["layers"].dump();
                         });

}  // namespace
}  // namespace simile

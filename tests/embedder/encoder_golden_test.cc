// The real model against the reference implementation's vectors and layers.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "embedder/model_loader.h"
#include "tests/support/child_process.h"
#include "tests/support/status_matchers.h"

namespace simile {
namespace {

using Json = nlohmann::json;

std::string Testdata(const std::string& name) {
  return std::string(SIMILE_SOURCE_DIR) + "/tests/testdata/embedder/" + name;
}

std::vector<float> ReadFloats(const std::string& path) {
  const std::string bytes = ReadFile(path);
  std::vector<float> floats(bytes.size() / sizeof(float));
  std::memcpy(floats.data(), bytes.data(), bytes.size());
  return floats;
}

// Under a sanitizer a forward pass takes twenty times as long. What it looks for, memory and
// undefined behaviour, does not depend on the words: a few texts of each length are enough there.
#ifdef SIMILE_SANITIZED
constexpr size_t kTextsStep = 16;
#else
constexpr size_t kTextsStep = 1;
#endif

// Every level but the scalar one, which takes a minute and is what kernels_test compares with.
std::vector<std::string> FastLevels() {
  std::vector<std::string> levels = EncoderLevels();
  std::erase(levels, "scalar");
  return levels;
}

class EncoderGoldenTest : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    const char* given = std::getenv("SIMILE_MODEL_DIR");
    const std::string directory =
        given != nullptr ? given : std::string(SIMILE_SOURCE_DIR) + "/models/all-MiniLM-L6-v2";
    if (!std::filesystem::exists(directory + "/model.safetensors")) {
      GTEST_SKIP() << "no model in " << directory << "; scripts/fetch_model.sh fetches it";
    }
    // Packing and testing itself takes a level longer than most of these tests do.
    static auto& encoders = *new std::map<std::string, std::unique_ptr<BertEncoder>>();
    if (encoders[GetParam()] == nullptr) {
      auto encoder = LoadBertEncoder(directory, {.level = GetParam()});
      ASSERT_THAT(encoder, IsOk());
      encoders[GetParam()] = *std::move(encoder);
    }
    encoder_ = encoders[GetParam()].get();
    const std::string lines = ReadFile(Testdata("embedding_golden.jsonl"));
    for (size_t start = 0; start < lines.size();) {
      const size_t end = lines.find('\n', start);
      const Json line = Json::parse(lines.substr(start, end - start));
      texts_.push_back(line["text"].get<std::string>());
      token_counts_.push_back(line["tokens"].get<size_t>());
      start = end + 1;
    }
  }

  // The vectors of the texts at `positions`, in one batch.
  std::vector<float> Encode(const std::vector<size_t>& positions) {
    std::vector<uint32_t> ids, starts = {0};
    for (const size_t position : positions) {
      const auto sequence =
          encoder_->tokenizer().Encode(texts_[position], encoder_->info().tokens_max);
      ids.insert(ids.end(), sequence.ids.begin(), sequence.ids.end());
      starts.push_back(static_cast<uint32_t>(ids.size()));
    }
    std::vector<float> vectors(positions.size() * encoder_->info().dimension);
    EXPECT_THAT(encoder_->Run({.ids = ids, .sequence_start = starts}, *Workspace(), vectors),
                IsOk());
    return vectors;
  }

  bool rounds() const { return encoder_->info().precision != "float32"; }

  Encoder::Workspace* Workspace() {
    if (workspace_ == nullptr) workspace_ = encoder_->NewWorkspace();
    return workspace_.get();
  }

  BertEncoder* encoder_ = nullptr;
  std::unique_ptr<Encoder::Workspace> workspace_;
  std::vector<std::string> texts_;
  std::vector<size_t> token_counts_;
};

TEST_P(EncoderGoldenTest, VectorsAreTheReferences) {
  const std::vector<float> golden = ReadFloats(Testdata("embedding_golden.f32"));
  const size_t dimension = encoder_->info().dimension;
  ASSERT_EQ(golden.size(), texts_.size() * dimension);
  for (size_t position = 0; position < texts_.size(); position += kTextsStep) {
    const std::vector<float> vector = Encode({position});
    const float* expected = golden.data() + position * dimension;
    double dot = 0, largest = 0;
    for (size_t axis = 0; axis < dimension; ++axis) {
      dot += static_cast<double>(vector[axis]) * expected[axis];
      largest = std::max(largest, std::fabs(static_cast<double>(vector[axis]) - expected[axis]));
    }
    EXPECT_LE(largest, rounds() ? 2e-3 : 1e-5) << texts_[position];
    EXPECT_GE(dot, rounds() ? 0.9999 : 0.999999) << texts_[position];
    const auto sequence =
        encoder_->tokenizer().Encode(texts_[position], encoder_->info().tokens_max);
    EXPECT_EQ(sequence.ids.size(), token_counts_[position]) << texts_[position];
  }
}

// Compares what passes through the layers with the reference's, kept as one row of floats a layer.
class LayerComparer final : public BertEncoder::Observer {
 public:
  explicit LayerComparer(std::vector<float> expected) : expected_(std::move(expected)) {}

  void AfterLayer(size_t layer, std::span<const float> rows) override {
    double largest = 0;
    for (size_t at = 0; at < rows.size(); ++at) {
      const double difference = static_cast<double>(rows[at]) - expected_[layer * rows.size() + at];
      largest = std::max(largest, std::fabs(difference));
    }
    differences.push_back(largest);
  }

  std::vector<double> differences;

 private:
  const std::vector<float> expected_;
};

TEST_P(EncoderGoldenTest, EachLayerIsTheReferences) {
  const Json golden = Json::parse(ReadFile(Testdata("layers.json")));
  LayerComparer comparer(ReadFloats(Testdata("layers.f32")));
  const auto ids = golden["ids"].get<std::vector<uint32_t>>();
  const std::vector<uint32_t> starts = {0, static_cast<uint32_t>(ids.size())};
  std::vector<float> vector(encoder_->info().dimension);
  ASSERT_THAT(
      encoder_->RunObserved({.ids = ids, .sequence_start = starts}, *Workspace(), vector, comparer),
      IsOk());
  ASSERT_EQ(comparer.differences.size(), golden["shape"][0].get<size_t>());
  for (size_t layer = 0; layer < comparer.differences.size(); ++layer) {
    EXPECT_LT(comparer.differences[layer], rounds() ? 0.1 : 1e-4) << "layer " << layer;
  }
}

TEST_P(EncoderGoldenTest, TokensHaveTheVectorsOfTheReferencesLastLayer) {
  const Json golden = Json::parse(ReadFile(Testdata("layers.json")));
  const std::vector<float> layers = ReadFloats(Testdata("layers.f32"));
  const auto ids = golden["ids"].get<std::vector<uint32_t>>();
  const std::vector<uint32_t> starts = {0, static_cast<uint32_t>(ids.size())};
  std::vector<float> vector(encoder_->info().dimension);
  std::vector<float> rows(ids.size() * encoder_->info().hidden_size);
  ASSERT_THAT(encoder_->RunWith({.token_vectors = rows}, {.ids = ids, .sequence_start = starts},
                                *Workspace(), vector),
              IsOk());
  const std::span<const float> expected = std::span(layers).last(rows.size());
  double largest = 0;
  for (size_t at = 0; at < rows.size(); ++at) {
    largest = std::max(largest, std::fabs(static_cast<double>(rows[at]) - expected[at]));
  }
  EXPECT_LT(largest, rounds() ? 0.1 : 1e-4);
}

TEST_P(EncoderGoldenTest, ATokenHasAnotherVectorInAnotherContext) {
  constexpr uint32_t kBank = 2924;
  const auto vector_of_bank = [&](const std::string& text) {
    const auto sequence = encoder_->tokenizer().Encode(text, encoder_->info().tokens_max);
    const std::vector<uint32_t> starts = {0, static_cast<uint32_t>(sequence.ids.size())};
    std::vector<float> vector(encoder_->info().dimension);
    const size_t hidden = encoder_->info().hidden_size;
    std::vector<float> rows(sequence.ids.size() * hidden);
    EXPECT_THAT(
        encoder_->RunWith({.token_vectors = rows}, {.ids = sequence.ids, .sequence_start = starts},
                          *Workspace(), vector),
        IsOk());
    const auto at = std::ranges::find(sequence.ids, kBank) - sequence.ids.begin();
    EXPECT_LT(static_cast<size_t>(at), sequence.ids.size()) << text;
    const auto row = rows.begin() + at * static_cast<ptrdiff_t>(hidden);
    return std::vector<float>(row, row + static_cast<ptrdiff_t>(hidden));
  };
  const auto river = vector_of_bank("he sat on the bank of the river");
  const auto stream = vector_of_bank("fish swim near the bank of the stream");
  const auto loan = vector_of_bank("the bank gave me a loan");
  const auto interest = vector_of_bank("the bank raised its interest rates");
  const auto cosine = [](const std::vector<float>& a, const std::vector<float>& b) {
    const auto dot = [](const auto& x, const auto& y) {
      return std::inner_product(x.begin(), x.end(), y.begin(), 0.0);
    };
    return dot(a, b) / std::sqrt(dot(a, a) * dot(b, b));
  };
  // The reference says 0.92 and 0.92, then 0.78 and 0.75.
  for (const auto& other : {loan, interest}) {
    EXPECT_GT(cosine(river, stream), cosine(river, other) + 0.1);
    EXPECT_GT(cosine(loan, interest), cosine(stream, other) + 0.1);
  }
}

TEST_P(EncoderGoldenTest, RowsOfTokensAreThoseOfTheTextAloneInABatchOfManyPasses) {
  std::vector<uint32_t> ids, starts = {0};
  while (ids.size() < 1'200) {
    const auto sequence = encoder_->tokenizer().Encode(texts_[starts.size() - 1], 128);
    ids.insert(ids.end(), sequence.ids.begin(), sequence.ids.end());
    starts.push_back(static_cast<uint32_t>(ids.size()));
  }
  const size_t hidden = encoder_->info().hidden_size, count = starts.size() - 1;
  std::vector<float> vectors(count * encoder_->info().dimension), rows(ids.size() * hidden);
  ASSERT_THAT(encoder_->RunWith({.token_vectors = rows}, {.ids = ids, .sequence_start = starts},
                                *Workspace(), vectors),
              IsOk());
  for (size_t text = 0; text < count; text += 5 * kTextsStep) {
    const size_t tokens = starts[text + 1] - starts[text];
    const std::vector<uint32_t> alone_starts = {0, static_cast<uint32_t>(tokens)};
    std::vector<float> vector(encoder_->info().dimension), alone(tokens * hidden);
    ASSERT_THAT(encoder_->RunWith({.token_vectors = alone},
                                  {.ids = std::span(ids).subspan(starts[text], tokens),
                                   .sequence_start = alone_starts},
                                  *Workspace(), vector),
                IsOk());
    EXPECT_EQ(std::memcmp(alone.data(), rows.data() + starts[text] * hidden,
                          alone.size() * sizeof(float)),
              0)
        << texts_[text];
  }
  EXPECT_THAT(encoder_->RunWith({.token_vectors = std::span(rows).first(hidden)},
                                {.ids = ids, .sequence_start = starts}, *Workspace(), vectors),
              StatusIs(absl::StatusCode::kInvalidArgument, "floats of tokens"));
}

TEST_P(EncoderGoldenTest, ATextHasTheSameBitsAloneInAnyBatchAndInAnyOrder) {
  const size_t dimension = encoder_->info().dimension;
  std::vector<size_t> order(std::min<size_t>(texts_.size(), 40 / kTextsStep + 1));
  std::iota(order.begin(), order.end(), size_t{0});
  std::vector<std::vector<float>> alone;
  for (const size_t position : order) alone.push_back(Encode({position}));
  std::mt19937 random(7);
  for (int round = 0; round < 3; ++round) {
    std::shuffle(order.begin(), order.end(), random);
    const std::vector<float> together = Encode(order);
    for (size_t place = 0; place < order.size(); ++place) {
      EXPECT_EQ(std::memcmp(together.data() + place * dimension, alone[order[place]].data(),
                            dimension * sizeof(float)),
                0)
          << texts_[order[place]];
    }
  }
}

TEST_P(EncoderGoldenTest, ABatchThatDoesNotFitIsRefused) {
  std::vector<float> vector(encoder_->info().dimension);
  const std::vector<uint32_t> good = {101, 102}, unknown = {101, 999'999}, empty;
  const std::vector<uint32_t> starts = {0, 2}, short_starts = {0, 1};
  const auto run = [&](const std::vector<uint32_t>& ids, const std::vector<uint32_t>& from) {
    return encoder_->Run({.ids = ids, .sequence_start = from}, *Workspace(), vector);
  };
  EXPECT_THAT(run(good, starts), IsOk());
  EXPECT_THAT(run(unknown, starts), StatusIs(absl::StatusCode::kInvalidArgument, "999999"));
  EXPECT_THAT(run(good, short_starts), StatusIs(absl::StatusCode::kInvalidArgument, ""));
  const std::vector<uint32_t> long_ids(300, 101), long_starts = {0, 300};
  EXPECT_THAT(run(long_ids, long_starts), StatusIs(absl::StatusCode::kInvalidArgument, "256"));
}

INSTANTIATE_TEST_SUITE_P(EveryLevel, EncoderGoldenTest, ::testing::ValuesIn(FastLevels()),
                         [](const auto& test) { return test.param; });

}  // namespace
}  // namespace simile

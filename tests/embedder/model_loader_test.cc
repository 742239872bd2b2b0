// Model directories: good, of other kinds, damaged.
#include "embedder/model_loader.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "tests/support/child_process.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/tiny_model.h"

namespace simile {
namespace {

using Json = nlohmann::json;

constexpr absl::StatusCode kDataLoss = absl::StatusCode::kDataLoss;
constexpr absl::StatusCode kUnsupported = absl::StatusCode::kFailedPrecondition;

std::vector<float> Encode(const Encoder& encoder, const std::string& text) {
  const TokenSequence sequence = encoder.tokenizer().Encode(text, encoder.info().tokens_max);
  const std::vector<uint32_t> starts = {0, static_cast<uint32_t>(sequence.ids.size())};
  std::vector<float> vector(encoder.info().dimension);
  const auto workspace = encoder.NewWorkspace();
  EXPECT_THAT(encoder.Run({.ids = sequence.ids, .sequence_start = starts}, *workspace, vector),
              IsOk());
  return vector;
}

class ModelLoaderTest : public ::testing::Test {
 protected:
  std::string model() const { return directory_.path() + "/tiny"; }

  void Write(const TinyModelOptions& options = {}) {
    std::filesystem::remove_all(model());
    WriteTinyModel(model(), options);
  }

  void Replace(const std::string& file, const std::string& from, const std::string& to) {
    std::string content = ReadFile(model() + "/" + file);
    const size_t at = content.find(from);
    ASSERT_NE(at, std::string::npos) << from << " is not in " << content;
    WriteFile(model() + "/" + file, content.replace(at, from.size(), to));
  }

  TemporaryDirectory directory_;
};

TEST_F(ModelLoaderTest, LoadsATinyModelAndDescribesIt) {
  Write();
  const auto encoder = LoadEncoder(model());
  ASSERT_THAT(encoder, IsOk());
  const ModelInfo& info = (*encoder)->info();
  EXPECT_EQ(info.name, "tiny");
  EXPECT_EQ(info.dimension, 64u);
  EXPECT_EQ(info.tokens_max, 24u);
  EXPECT_EQ(info.pooling, "mean");
  EXPECT_EQ(info.fingerprint.size(), 64u);
  double squares = 0;
  for (const float component : Encode(**encoder, "hello world")) squares += component * component;
  EXPECT_NEAR(squares, 1, 1e-5);
}

TEST_F(ModelLoaderTest, EveryLevelAgreesWithTheScalarOneForEveryPooling) {
  for (const char* pooling : {"mean", "cls", "max", "mean_sqrt_len_tokens", "weightedmean",
                              "lasttoken", "cls+max+mean"}) {
    for (const bool normalize : {true, false}) {
      Write({.pooling = pooling, .normalize = normalize});
      const std::vector<float> expected =
          Encode(**LoadEncoder(model(), {.level = "scalar"}), "the red apple!");
      for (const std::string& level : EncoderLevels()) {
        const auto encoder = LoadEncoder(model(), {.level = level});
        ASSERT_THAT(encoder, IsOk());
        EXPECT_EQ((*encoder)->info().instruction_set, level);
        const double error = (*encoder)->info().precision == "float32" ? 1e-5 : 0.05;
        const std::vector<float> actual = Encode(**encoder, "the red apple!");
        for (size_t axis = 0; axis < actual.size(); ++axis) {
          EXPECT_NEAR(actual[axis], expected[axis], error) << level << " " << pooling;
        }
      }
    }
  }
}

TEST_F(ModelLoaderTest, ALevelThatThisMachineLacksIsRefusedWithThoseItHas) {
  Write();
  EXPECT_THAT(LoadEncoder(model(), {.level = "mmx"}),
              StatusIs(absl::StatusCode::kInvalidArgument, "scalar"));
}

TEST_F(ModelLoaderTest, ALevelThatCannotRunTheShapeIsRefusedAndNeverChosen) {
  if (EncoderLevels().front() == "scalar") GTEST_SKIP() << "the scalar level runs every shape";
  Write({.hidden_size = 48, .head_count = 3});
  EXPECT_THAT(LoadEncoder(model(), {.level = EncoderLevels().front()}),
              StatusIs(absl::StatusCode::kFailedPrecondition, "hidden size 48"));
  const auto encoder = LoadEncoder(model());
  ASSERT_THAT(encoder, IsOk());
  EXPECT_EQ((*encoder)->info().instruction_set, "scalar");
}

TEST_F(ModelLoaderTest, Float32OnlyLeavesOutLevelsThatRound) {
  Write();
  const auto encoder = LoadEncoder(model(), {.float32_only = true});
  ASSERT_THAT(encoder, IsOk());
  EXPECT_EQ((*encoder)->info().precision, "float32");
}

TEST_F(ModelLoaderTest, NamesMayHaveThePrefixOfAHead) {
  Write();
  const std::vector<float> plain = Encode(**LoadEncoder(model()), "hello");
  Write({.tensor_prefix = "bert."});
  EXPECT_EQ(Encode(**LoadEncoder(model()), "hello"), plain);
}

TEST_F(ModelLoaderTest, TheTokenizerComesFromEitherFile) {
  Write();
  const auto from_vocabulary = (*LoadEncoder(model()))->tokenizer().Encode("Hello worlds!", 24).ids;
  Write({.with_tokenizer_json = true});
  const auto from_json = (*LoadEncoder(model()))->tokenizer().Encode("Hello worlds!", 24).ids;
  EXPECT_EQ(from_vocabulary, from_json);
}

TEST_F(ModelLoaderTest, TheFingerprintChangesWithWhateverChangesVectors) {
  Write();
  const std::string first = (*LoadEncoder(model()))->info().fingerprint;
  EXPECT_EQ((*LoadEncoder(model()))->info().fingerprint, first);
  Write({.seed = 2});
  EXPECT_NE((*LoadEncoder(model()))->info().fingerprint, first);
  Write({.pooling = "max"});
  EXPECT_NE((*LoadEncoder(model()))->info().fingerprint, first);
  Write({.normalize = false});
  EXPECT_NE((*LoadEncoder(model()))->info().fingerprint, first);
  Write();
  Replace("vocab.txt", "apple", "grape");
  EXPECT_NE((*LoadEncoder(model()))->info().fingerprint, first);
  Write();
  Replace("sentence_bert_config.json", "24", "23");
  EXPECT_NE((*LoadEncoder(model()))->info().fingerprint, first);
}

TEST_F(ModelLoaderTest, AMissingFileIsNamed) {
  for (const char* file :
       {"config.json", "modules.json", "1_Pooling/config.json", "vocab.txt", "model.safetensors"}) {
    Write();
    std::filesystem::remove(model() + "/" + file);
    EXPECT_THAT(LoadEncoder(model()), StatusIs(absl::StatusCode::kNotFound, file));
  }
  EXPECT_THAT(LoadEncoder(directory_.path() + "/nowhere"),
              StatusIs(absl::StatusCode::kNotFound, "nowhere"));
}

TEST_F(ModelLoaderTest, ModelsOfOtherKindsAreRefusedWithTheReason) {
  const struct {
    const char* file;
    const char* from;
    const char* to;
    absl::StatusCode code;
    const char* reason;
  } cases[] = {
      {"config.json", "\"bert\"", "\"t5\"", kUnsupported, "type 't5'"},
      {"config.json", "\"gelu\"", "\"relu\"", kUnsupported, "'relu'"},
      {"config.json", "\"hidden_size\":64", "\"hidden_size\":0", kDataLoss, "hidden_size"},
      {"config.json", "\"hidden_size\":64", "\"hidden_size\":999999999", kDataLoss, "8192"},
      {"config.json", "\"num_attention_heads\":2", "\"num_attention_heads\":3", kDataLoss,
       "no multiple"},
      {"config.json", "\"num_hidden_layers\":2", "\"num_hidden_layers\":3",
       absl::StatusCode::kNotFound, "encoder.layer.2"},
      {"config.json", "{", "[", kDataLoss, "not a JSON object"},
      {"modules.json", "models.Pooling", "models.Dense", kUnsupported, "models.Dense"},
      {"modules.json", "1_Pooling", "../evil", kUnsupported, "../evil"},
      {"config.json", "\"hidden_size\":64", "\"hidden_size\":32", kDataLoss,
       "word_embedding_dimension is 64, but the model has 32"},
      {"config.json", "\"intermediate_size\":100", "\"intermediate_size\":96", kUnsupported,
       "intermediate.dense.weight' has shape [100, 64], expected [96, 64]"},
      {"config.json", "\"type_vocab_size\":2", "\"type_vocab_size\":3", kUnsupported,
       "token_type_embeddings.weight' has shape [2, 64], expected [3, 64]"},
      {"config.json", "\"vocab_size\":64", "\"vocab_size\":63", kUnsupported,
       "64 tokens, but the model only 63"},
      {"1_Pooling/config.json", "\"pooling_mode_mean_tokens\":true",
       "\"pooling_mode_mean_tokens\":false", kUnsupported, "no pooling mode is set"},
      {"1_Pooling/config.json", "\"pooling_mode_mean_tokens\":true", "\"pooling_mode\":\"median\"",
       kUnsupported, "\"median\""},
      {"1_Pooling/config.json", "\"pooling_mode_mean_tokens\":true",
       "\"pooling_mode\":[\"cls\",\"cls\"]", kDataLoss, "names 'cls' twice"},
      {"1_Pooling/config.json", "\"pooling_mode_mean_tokens\":true",
       "\"pooling_mode\":\"mean\",\"include_prompt\":false", kUnsupported, "include_prompt"},
      {"sentence_bert_config.json", "24", "1000", kDataLoss, "max_seq_length is 1000"},
      {"vocab.txt", "[SEP]", "[XXX]", kUnsupported, "[SEP]"},
  };
  for (const auto& other : cases) {
    Write();
    Replace(other.file, other.from, other.to);
    EXPECT_THAT(LoadEncoder(model()), StatusIs(other.code, other.reason)) << other.to;
  }
}

TEST_F(ModelLoaderTest, PromptsAreReadAndTheDefaultOneBelongsToTheFingerprint) {
  Write();
  const std::string plain = (*LoadEncoder(model()))->info().fingerprint;
  EXPECT_TRUE((*LoadEncoder(model()))->info().prompts.empty());
  const std::string path = model() + "/config_sentence_transformers.json";
  WriteFile(path, R"({"prompts": {"query": "q: ", "passage": ""}, "default_prompt_name": null})");
  const auto encoder = LoadEncoder(model());
  ASSERT_THAT(encoder, IsOk());
  ASSERT_EQ((*encoder)->info().prompts.size(), 2u);
  EXPECT_EQ((*encoder)->info().prompts[1].name, "query");
  EXPECT_EQ((*encoder)->info().prompts[1].text, "q: ");
  EXPECT_EQ((*encoder)->info().default_prompt, "");
  EXPECT_EQ((*encoder)->info().fingerprint, plain);
  WriteFile(path, R"({"prompts": {"query": "q: "}, "default_prompt_name": "query"})");
  EXPECT_EQ((*LoadEncoder(model()))->info().default_prompt, "q: ");
  EXPECT_NE((*LoadEncoder(model()))->info().fingerprint, plain);
}

TEST_F(ModelLoaderTest, PromptsThatDoNotFitAreRefusedWithTheReason) {
  Json many = Json::object();
  for (size_t number = 0; number <= kPromptsMax; ++number) many[std::to_string(number)] = "";
  const std::pair<std::string, const char*> cases[] = {
      {R"({"prompts": ["query"]})", "not an object"},
      {R"({"prompts": {"query": 1}})", "'query' is not a text"},
      {R"({"prompts": {"query": ")" + std::string(kPromptBytesMax, 'x') + "\"}}", "4096 bytes"},
      {Json{{"prompts", many}}.dump(), "65 prompts; at most 64"},
      {R"({"default_prompt_name": "query"})", "is 'query', but there is no such prompt"},
      {R"({"default_prompt_name": 7})", "a string"},
      {"[]", "not a JSON object"}};
  for (const auto& [content, reason] : cases) {
    Write();
    WriteFile(model() + "/config_sentence_transformers.json", content);
    EXPECT_THAT(LoadEncoder(model()), StatusIs(kDataLoss, reason)) << content.substr(0, 80);
  }
}

// Any byte of any file may be wrong: the answer is an error or a model, never a crash.
TEST_F(ModelLoaderTest, FlippedBytesAndTruncationNeverCrash) {
  constexpr int kCasesPerFile = 60;
  std::mt19937 random(20'261'124);
  int refused = 0;
  for (const char* file :
       {"config.json", "modules.json", "sentence_bert_config.json", "1_Pooling/config.json",
        "vocab.txt", "tokenizer.json", "model.safetensors"}) {
    Write({.with_tokenizer_json = true});
    const std::string path = model() + "/" + file;
    const std::string good = ReadFile(path);
    for (int number = 0; number < kCasesPerFile; ++number) {
      std::string bad = good;
      // Of the weights the header is the dangerous part.
      const size_t range = std::min<size_t>(bad.size(), 4'000);
      if (number % 3 == 2) {
        bad.resize(random() % bad.size());
      } else {
        for (int flip = 0; flip <= number % 4; ++flip) {
          bad[random() % range] ^= static_cast<char>(1u << (random() % 8));
        }
      }
      WriteFile(path, bad);
      const auto encoder = LoadEncoder(model());
      if (!encoder.ok()) {
        ++refused;
        continue;
      }
      Encode(**encoder, "hello world");
    }
    WriteFile(path, good);
  }
  EXPECT_GT(refused, 100);
}

}  // namespace
}  // namespace simile

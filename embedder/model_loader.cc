#include "embedder/model_loader.h"

#include <cstdint>
#include <filesystem>
#include <utility>

#include "base/in_parallel.h"
#include "base/sha256.h"
#include "embedder/encoder.h"
#include "embedder/kernels.h"
#include "embedder/model_self_test.h"
#include "embedder/safetensors_file.h"
#include "fmt/format.h"
#include "fmt/ranges.h"

namespace simile {
namespace {

namespace fs = std::filesystem;

// SHA-256 of a stream of numbers and strings, each string behind its length so that two different
// streams never have the same bytes.
class Digest {
 public:
  void Add(uint64_t number) {
    sha256_.Add({reinterpret_cast<const char*>(&number), sizeof(number)});
  }

  void Add(std::string_view text) {
    Add(static_cast<uint64_t>(text.size()));
    sha256_.Add(text);
  }

  std::string Hex() { return sha256_.Hex(); }

 private:
  Sha256 sha256_;
};

// Which layout of the bytes below; raised when it changes.
constexpr uint64_t kFingerprintVersion = 1;

// What every other level is compared with.
constexpr const char* kOracleLevel = "scalar";

absl::StatusOr<const Kernels*> ChooseKernels(const std::string& directory,
                                             const ModelConfig& config,
                                             const EncoderSettings& settings) {
  if (settings.level.empty()) {
    return BestKernels(config.hidden_size, config.head_size(), settings.float32_only);
  }
  const Kernels* kernels = FindKernels(settings.level);
  if (kernels == nullptr) {
    return absl::InvalidArgumentError(
        fmt::format("this machine has no encoder level '{}'; it has {}", settings.level,
                    fmt::join(EncoderLevels(), ", ")));
  }
  if (settings.float32_only && kernels->precision() != Precision::kFloat32) {
    return absl::InvalidArgumentError(fmt::format(
        "the encoder level '{}' computes in {}, and float32 is asked for: leave one of them out",
        settings.level, PrecisionName(kernels->precision())));
  }
  if (!kernels->CanRun(config.hidden_size, config.head_size())) {
    return absl::FailedPreconditionError(
        fmt::format("{}: the encoder level '{}' cannot run hidden size {} with heads of {}",
                    directory, settings.level, config.hidden_size, config.head_size()));
  }
  return kernels;
}

// All that is read of a model directory.
struct ModelFiles {
  std::string directory;  // Canonical.
  ModelConfig config;
  WordpieceSettings wordpieces;
  std::unique_ptr<SafetensorsFile> weights;
  std::string fingerprint;
};

absl::StatusOr<ModelFiles> ReadModelFiles(const std::string& model_directory) {
  std::error_code error;
  const fs::path path = fs::weakly_canonical(fs::absolute(model_directory, error), error);
  if (error || !fs::is_directory(path, error)) {
    return absl::NotFoundError(fmt::format("{} is not a directory", model_directory));
  }
  const std::string directory = path.string();
  const auto config = ReadModelConfig(directory);
  if (!config.ok()) return config.status();
  auto wordpieces = ReadTokenizerSettings(directory);
  if (!wordpieces.ok()) return wordpieces.status();
  if (wordpieces->vocabulary.size() > config->vocabulary_size) {
    return absl::FailedPreconditionError(
        fmt::format("{}: the tokenizer has {} tokens, but the model only {}", directory,
                    wordpieces->vocabulary.size(), config->vocabulary_size));
  }
  auto weights = SafetensorsFile::Open(directory + "/model.safetensors");
  if (!weights.ok()) return weights.status();
  const std::string fingerprint =
      ModelFingerprint(*config, *wordpieces, (*weights)->file().bytes());
  return ModelFiles{.directory = directory,
                    .config = *config,
                    .wordpieces = *std::move(wordpieces),
                    .weights = *std::move(weights),
                    .fingerprint = fingerprint};
}

absl::StatusOr<std::unique_ptr<BertEncoder>> NewEncoder(const ModelFiles& files,
                                                        const Kernels& kernels) {
  const ModelConfig& config = files.config;
  ModelInfo info{.name = fs::path(files.directory).filename().string(),
                 .architecture = config.architecture,
                 .pooling = PoolingNames(config.poolings),
                 .normalized = config.normalize,
                 .dimension = config.dimension(),
                 .hidden_size = config.hidden_size,
                 .tokens_max = config.tokens_max,
                 .parameter_count = files.weights->element_count(),
                 .fingerprint = files.fingerprint,
                 .instruction_set = kernels.name(),
                 .precision = PrecisionName(kernels.precision()),
                 .prompts = config.prompts,
                 .default_prompt = config.default_prompt};
  auto tokenizer = WordpieceTokenizer::Create(files.wordpieces);
  if (!tokenizer.ok()) {
    return absl::Status(
        tokenizer.status().code(),
        fmt::format("{}: {}", files.directory, std::string(tokenizer.status().message())));
  }
  return BertEncoder::Create(config, std::move(info), *std::move(tokenizer), *files.weights,
                             kernels);
}

}  // namespace

std::vector<std::string> EncoderLevels() {
  std::vector<std::string> names;
  for (const Kernels* level : AllKernels()) names.push_back(level->name());
  return names;
}

std::string ModelFingerprint(const ModelConfig& config, const WordpieceSettings& tokenizer,
                             std::string_view weights) {
  Digest digest;
  digest.Add(kFingerprintVersion);
  digest.Add(weights);
  digest.Add(static_cast<uint64_t>(tokenizer.vocabulary.size()));
  for (const std::string& token : tokenizer.vocabulary) digest.Add(token);
  digest.Add(static_cast<uint64_t>(tokenizer.special_tokens.size()));
  for (const std::string& token : tokenizer.special_tokens) digest.Add(token);
  digest.Add(tokenizer.unknown_token);
  digest.Add(tokenizer.word_characters_max);
  digest.Add(static_cast<uint64_t>(tokenizer.fold ? 1 : 0));
  digest.Add(static_cast<uint64_t>(tokenizer.split_ideographs ? 1 : 0));
  digest.Add(config.head_count);
  digest.Add(std::string_view(fmt::format("{}", config.layer_norm_epsilon)));
  digest.Add(std::string_view(PoolingNames(config.poolings)));
  digest.Add(static_cast<uint64_t>(config.normalize ? 1 : 0));
  digest.Add(config.hidden_size);
  digest.Add(config.tokens_max);
  if (!config.default_prompt.empty()) digest.Add(std::string_view(config.default_prompt));
  return digest.Hex();
}

absl::StatusOr<std::unique_ptr<BertEncoder>> LoadBertEncoder(const std::string& model_directory,
                                                             const EncoderSettings& settings) {
  const auto files = ReadModelFiles(model_directory);
  if (!files.ok()) return files.status();
  const auto kernels = ChooseKernels(files->directory, files->config, settings);
  if (!kernels.ok()) return kernels.status();
  return NewEncoder(*files, **kernels);
}

absl::StatusOr<std::unique_ptr<Encoder>> LoadEncoder(const std::string& model_directory,
                                                     const EncoderSettings& settings) {
  const auto files = ReadModelFiles(model_directory);
  if (!files.ok()) return files.status();
  const auto kernels = ChooseKernels(files->directory, files->config, settings);
  if (!kernels.ok()) return kernels.status();
  std::unique_ptr<Encoder> encoder;
  const auto make = [&] {
    auto made = NewEncoder(*files, **kernels);
    if (made.ok()) encoder = *std::move(made);
    return made.status();
  };
  const Kernels* scalar = FindKernels(kOracleLevel);
  if (scalar == *kernels) {
    if (absl::Status s = make(); !s.ok()) return s;
    return encoder;
  }
  // Plain loops take longer for one sentence than the rest for all weights.
  SentenceVector expected;
  const auto expect = [&] {
    const auto oracle = NewEncoder(*files, *scalar);
    if (!oracle.ok()) return oracle.status();
    auto embedded = EmbedSentence(**oracle);
    if (embedded.ok()) expected = *std::move(embedded);
    return embedded.status();
  };
  absl::Status done = InParallel(2, 2, /*stop=*/nullptr,
                                 [&](uint64_t half) { return half == 0 ? expect() : make(); });
  if (done.ok()) done = CompareOnSentence(*encoder, expected);
  if (!done.ok()) return done;
  return encoder;
}

}  // namespace simile

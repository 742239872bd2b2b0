#include "embedder/model_config.h"

#include <algorithm>
#include <filesystem>
#include <limits>
#include <utility>

#include "embedder/json_file.h"
#include "embedder/mapped_file.h"
#include "fmt/format.h"

namespace simile {
namespace {

using Json = nlohmann::json;

absl::Status Unsupported(const std::string& path, const std::string& reason) {
  return absl::FailedPreconditionError(fmt::format("{}: {}", path, reason));
}

bool Exists(const std::string& path) {
  std::error_code error;
  return std::filesystem::exists(path, error);
}

const Json* Member(const Json& json, const char* key) {
  if (!json.is_object()) return nullptr;
  const auto found = json.find(key);
  return found == json.end() || found->is_null() ? nullptr : &*found;
}

absl::Status ReadTransformer(const std::string& directory, ModelConfig& config) {
  auto file = JsonFile::Read(directory + "/config.json");
  if (!file.ok()) return file.status();
  config.architecture = file->StringOr("model_type", "");
  config.hidden_size = file->Size("hidden_size", kHiddenSizeMax);
  config.layer_count = file->Size("num_hidden_layers", kLayerCountMax);
  config.head_count = file->Size("num_attention_heads", kHiddenSizeMax);
  config.intermediate_size = file->Size("intermediate_size", kIntermediateSizeMax);
  config.vocabulary_size = file->Size("vocab_size", kVocabularySizeMax);
  config.position_count = file->Size("max_position_embeddings", kPositionCountMax);
  config.type_count = file->SizeOr("type_vocab_size", kHiddenSizeMax, 2);
  config.layer_norm_epsilon = static_cast<float>(file->NumberOr("layer_norm_eps", 1e-12));
  const std::string activation = file->StringOr("hidden_act", "gelu");
  const std::string positions = file->StringOr("position_embedding_type", "absolute");
  if (!file->status().ok()) return file->status();
  if (config.architecture != "bert") {
    return Unsupported(file->path(), fmt::format("the model is of type '{}'; this encoder runs "
                                                 "'bert'",
                                                 config.architecture));
  }
  if (activation != "gelu") {
    return Unsupported(file->path(),
                       fmt::format("the activation is '{}'; this encoder has 'gelu'", activation));
  }
  if (positions != "absolute") {
    return Unsupported(file->path(),
                       fmt::format("positions are '{}'; this encoder has 'absolute'", positions));
  }
  if (config.hidden_size % config.head_count != 0) {
    return file->Fail(fmt::format("hidden_size {} is no multiple of num_attention_heads {}",
                                  config.hidden_size, config.head_count));
  }
  if (!(config.layer_norm_epsilon > 0) || config.layer_norm_epsilon > 1) {
    return file->Fail(fmt::format("layer_norm_eps is {}", config.layer_norm_epsilon));
  }
  return absl::OkStatus();
}

struct PoolingKind {
  Pooling pooling;
  const char* name;        // In "pooling_mode", since sentence-transformers 5.
  const char* legacy_key;  // true or false, before that.
};

// In the order in which several are put side by side.
constexpr PoolingKind kPoolingKinds[] = {
    {Pooling::kCls, "cls", "pooling_mode_cls_token"},
    {Pooling::kMax, "max", "pooling_mode_max_tokens"},
    {Pooling::kMean, "mean", "pooling_mode_mean_tokens"},
    {Pooling::kMeanSqrtLength, "mean_sqrt_len_tokens", "pooling_mode_mean_sqrt_len_tokens"},
    {Pooling::kWeightedMean, "weightedmean", "pooling_mode_weightedmean_tokens"},
    {Pooling::kLastToken, "lasttoken", "pooling_mode_lasttoken"}};

absl::Status AddPooling(const JsonFile& file, const Json& name, ModelConfig& config) {
  const auto known = std::ranges::find_if(
      kPoolingKinds, [&](const PoolingKind& kind) { return name == kind.name; });
  if (known == std::end(kPoolingKinds)) {
    return Unsupported(file.path(), fmt::format("there is no pooling_mode {}", name.dump()));
  }
  if (std::ranges::count(config.poolings, known->pooling) > 0) {
    return file.Fail(fmt::format("pooling_mode names '{}' twice", known->name));
  }
  config.poolings.push_back(known->pooling);
  return absl::OkStatus();
}

// "pooling_mode" is a name or an array of them; older files have a flag for each.
absl::Status ReadPoolingModes(JsonFile& file, ModelConfig& config) {
  const auto mode = file.json().find("pooling_mode");
  if (mode == file.json().end()) {
    for (const PoolingKind& kind : kPoolingKinds) {
      if (file.BoolOr(kind.legacy_key, false)) config.poolings.push_back(kind.pooling);
    }
  } else if (mode->is_array()) {
    for (const Json& name : *mode) {
      if (absl::Status s = AddPooling(file, name, config); !s.ok()) return s;
    }
  } else if (absl::Status s = AddPooling(file, *mode, config); !s.ok()) {
    return s;
  }
  if (!file.status().ok()) return file.status();
  if (config.poolings.empty()) return Unsupported(file.path(), "no pooling mode is set");
  return absl::OkStatus();
}

absl::Status ReadPooling(const std::string& directory, ModelConfig& config) {
  auto file = JsonFile::Read(directory + "/config.json");
  if (!file.ok()) return file.status();
  config.poolings.clear();
  if (absl::Status s = ReadPoolingModes(*file, config); !s.ok()) return s;
  const char* const dimension_key = file->json().contains("embedding_dimension")
                                        ? "embedding_dimension"
                                        : "word_embedding_dimension";
  const size_t dimension = file->SizeOr(dimension_key, kHiddenSizeMax, config.hidden_size);
  const bool pools_prompt = file->BoolOr("include_prompt", true);
  if (!file->status().ok()) return file->status();
  if (!pools_prompt) {
    return Unsupported(file->path(),
                       "include_prompt is false; this encoder pools the tokens of prompts too");
  }
  if (dimension != config.hidden_size) {
    return file->Fail(fmt::format("{} is {}, but the model has {}", dimension_key, dimension,
                                  config.hidden_size));
  }
  return absl::OkStatus();
}

// Which modules there are, in order: a transformer, a pooling and perhaps a normalisation.
absl::Status ReadModules(const std::string& directory, ModelConfig& config) {
  const std::string path = directory + "/modules.json";
  const auto file = MappedFile::Open(path);
  if (!file.ok()) return file.status();
  const Json modules = Json::parse((*file)->bytes(), nullptr, /*allow_exceptions=*/false);
  if (!modules.is_array()) {
    return absl::DataLossError(fmt::format("{} is damaged: it is not a JSON array", path));
  }
  bool has_pooling = false;
  for (const Json& module : modules) {
    if (!module.is_object() || !module.contains("type") || !module["type"].is_string() ||
        !module.contains("path") || !module["path"].is_string()) {
      return absl::DataLossError(fmt::format("{} is damaged: a module does not parse", path));
    }
    const auto type = module["type"].get<std::string>();
    const auto place = module["path"].get<std::string>();
    if (type.ends_with(".Transformer")) {
      if (!place.empty()) return Unsupported(path, "the transformer lies in a folder of its own");
    } else if (type.ends_with(".Pooling")) {
      // A name from a file leads nowhere but into the directory.
      if (place.empty() || place.find_first_of("/\\") != std::string::npos || place == "..") {
        return Unsupported(path, fmt::format("the pooling lies at '{}'", place));
      }
      if (absl::Status s = ReadPooling(directory + "/" + place, config); !s.ok()) return s;
      has_pooling = true;
    } else if (type.ends_with(".Normalize")) {
      config.normalize = true;
    } else {
      return Unsupported(path, fmt::format("there is a module of type '{}', which this encoder "
                                           "does not know",
                                           type));
    }
  }
  if (!has_pooling) return Unsupported(path, "there is no pooling module");
  return absl::OkStatus();
}

absl::Status ReadTokensMax(const std::string& directory, ModelConfig& config) {
  config.tokens_max = config.position_count;
  const std::string path = directory + "/sentence_bert_config.json";
  if (!Exists(path)) return absl::OkStatus();
  auto file = JsonFile::Read(path);
  if (!file.ok()) return file.status();
  config.tokens_max = file->SizeOr("max_seq_length", kPositionCountMax, config.position_count);
  if (!file->status().ok()) return file->status();
  if (config.tokens_max > config.position_count || config.tokens_max < 3) {
    return file->Fail(fmt::format("max_seq_length is {}; the model has {} positions",
                                  config.tokens_max, config.position_count));
  }
  return absl::OkStatus();
}

absl::Status ReadPrompts(const std::string& directory, ModelConfig& config) {
  const std::string path = directory + "/config_sentence_transformers.json";
  if (!Exists(path)) return absl::OkStatus();
  auto file = JsonFile::Read(path);
  if (!file.ok()) return file.status();
  const Json* given = Member(file->json(), "prompts");
  const Json prompts = given != nullptr ? *given : Json::object();
  if (!prompts.is_object()) return file->Fail("'prompts' is not an object");
  if (prompts.size() > kPromptsMax) {
    return file->Fail(
        fmt::format("there are {} prompts; at most {} can be", prompts.size(), kPromptsMax));
  }
  const std::string default_name = file->StringOr("default_prompt_name", "");
  if (!file->status().ok()) return file->status();
  bool has_default = default_name.empty();
  for (const auto& [name, text] : prompts.items()) {
    if (!text.is_string() ||
        name.size() + text.get_ref<const std::string&>().size() > kPromptBytesMax) {
      return file->Fail(fmt::format("prompt '{}' is not a text of at most {} bytes",
                                    name.substr(0, 40), kPromptBytesMax));
    }
    config.prompts.push_back({.name = name, .text = text.get<std::string>()});
    if (name != default_name) continue;
    config.default_prompt = config.prompts.back().text;
    has_default = true;
  }
  if (has_default) return absl::OkStatus();
  return file->Fail(fmt::format("default_prompt_name is '{}', but there is no such prompt",
                                default_name.substr(0, 40)));
}

absl::Status ReadFolding(const std::string& path, bool lowercase, const Json* strip_accents,
                         WordpieceSettings& settings) {
  const bool strips = strip_accents != nullptr && strip_accents->is_boolean()
                          ? strip_accents->get<bool>()
                          : lowercase;
  if (strips != lowercase) {
    return Unsupported(path,
                       "letters are lowered without stripping accents, or the reverse; this "
                       "encoder does both or neither");
  }
  settings.fold = lowercase;
  return absl::OkStatus();
}

absl::Status TakeVocabulary(const JsonFile& file, const Json& vocabulary,
                            WordpieceSettings& settings) {
  if (!vocabulary.is_object() || vocabulary.empty() || vocabulary.size() > kVocabularySizeMax) {
    return file.Fail("model.vocab is missing or too large");
  }
  settings.vocabulary.assign(vocabulary.size(), "");
  std::vector<bool> seen(vocabulary.size());
  for (const auto& [token, id] : vocabulary.items()) {
    if (!id.is_number_unsigned() || id.get<size_t>() >= seen.size() || seen[id.get<size_t>()]) {
      return file.Fail(fmt::format("the id of token '{}' is not a number of its own below {}",
                                   token, seen.size()));
    }
    seen[id.get<size_t>()] = true;
    settings.vocabulary[id.get<size_t>()] = token;
  }
  return absl::OkStatus();
}

bool BoolMember(const Json& json, const char* key, bool fallback) {
  const Json* value = Member(json, key);
  return value != nullptr && value->is_boolean() ? value->get<bool>() : fallback;
}

absl::StatusOr<WordpieceSettings> FromTokenizerJson(const std::string& path) {
  const auto file = JsonFile::Read(path);
  if (!file.ok()) return file.status();
  WordpieceSettings settings;
  const Json* model = Member(file->json(), "model");
  const Json* normalizer = Member(file->json(), "normalizer");
  if (model == nullptr || Member(*model, "vocab") == nullptr) {
    return file->Fail("model.vocab is missing");
  }
  const Json* type = Member(*model, "type");
  if (type != nullptr && *type != "WordPiece") {
    return Unsupported(path, fmt::format("the tokenizer is {}; this encoder has WordPiece",
                                         type->dump().substr(0, 40)));
  }
  if (normalizer == nullptr || Member(*normalizer, "type") == nullptr ||
      *Member(*normalizer, "type") != "BertNormalizer") {
    return Unsupported(path, "the normalizer is not BertNormalizer");
  }
  if (absl::Status s = TakeVocabulary(*file, *Member(*model, "vocab"), settings); !s.ok()) return s;
  settings.split_ideographs = BoolMember(*normalizer, "handle_chinese_chars", true);
  if (absl::Status s = ReadFolding(path, BoolMember(*normalizer, "lowercase", true),
                                   Member(*normalizer, "strip_accents"), settings);
      !s.ok()) {
    return s;
  }
  if (const Json* unknown = Member(*model, "unk_token"); unknown && unknown->is_string()) {
    settings.unknown_token = unknown->get<std::string>();
  }
  if (const Json* longest = Member(*model, "max_input_chars_per_word");
      longest && longest->is_number_unsigned()) {
    settings.word_characters_max = longest->get<size_t>();
  }
  if (const Json* added = Member(file->json(), "added_tokens"); added && added->is_array()) {
    for (const Json& token : *added) {
      const Json* content = Member(token, "content");
      if (content == nullptr || !content->is_string()) {
        return file->Fail("an added token does not parse");
      }
      settings.special_tokens.push_back(content->get<std::string>());
    }
  }
  return settings;
}

absl::StatusOr<WordpieceSettings> FromVocabulary(const std::string& directory) {
  const std::string path = directory + "/vocab.txt";
  const auto file = MappedFile::Open(path);
  if (!file.ok()) return file.status();
  WordpieceSettings settings;
  std::string_view rest = (*file)->bytes();
  while (!rest.empty()) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    std::string_view token = rest.substr(0, end);
    if (token.ends_with('\r')) token.remove_suffix(1);
    settings.vocabulary.emplace_back(token);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (settings.vocabulary.size() > kVocabularySizeMax) {
      return absl::DataLossError(
          fmt::format("{} has more than {} tokens", path, kVocabularySizeMax));
    }
  }
  for (const char* token : {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"}) {
    if (std::ranges::count(settings.vocabulary, token) > 0)
      settings.special_tokens.push_back(token);
  }
  const std::string config_path = directory + "/tokenizer_config.json";
  if (!Exists(config_path)) return settings;
  const auto config = JsonFile::Read(config_path);
  if (!config.ok()) return config.status();
  settings.split_ideographs = BoolMember(config->json(), "tokenize_chinese_chars", true);
  if (absl::Status s = ReadFolding(config_path, BoolMember(config->json(), "do_lower_case", true),
                                   Member(config->json(), "strip_accents"), settings);
      !s.ok()) {
    return s;
  }
  return settings;
}

}  // namespace

std::string PoolingNames(std::span<const Pooling> poolings) {
  std::string names;
  for (const Pooling pooling : poolings) {
    const auto* kind = std::ranges::find(kPoolingKinds, pooling, &PoolingKind::pooling);
    names += (names.empty() ? "" : "+") + std::string(kind->name);
  }
  return names;
}

absl::StatusOr<ModelConfig> ReadModelConfig(const std::string& directory) {
  ModelConfig config;
  if (absl::Status s = ReadTransformer(directory, config); !s.ok()) return s;
  if (absl::Status s = ReadModules(directory, config); !s.ok()) return s;
  if (absl::Status s = ReadTokensMax(directory, config); !s.ok()) return s;
  if (absl::Status s = ReadPrompts(directory, config); !s.ok()) return s;
  return config;
}

absl::StatusOr<WordpieceSettings> ReadTokenizerSettings(const std::string& directory) {
  const std::string path = directory + "/tokenizer.json";
  return Exists(path) ? FromTokenizerJson(path) : FromVocabulary(directory);
}

}  // namespace simile

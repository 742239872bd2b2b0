// simile embed, tokenize
#include <unistd.h>

#include <filesystem>
#include <memory>

#include "client/cli/command_context.h"
#include "client/cli/text_input.h"
#include "client/cli/value_json.h"
#include "fmt/format.h"

namespace simile::cli {
namespace {

struct EncoderOptions {
  std::vector<std::string> inputs;
  std::string input;
  std::string model;
  std::string prompt;
  uint32_t dimensions = 0;
  std::string tokens;
};

// A server of this version gives the vectors of 4,096 tokens a call, and no BERT reads more than
// 512 of a text.
constexpr size_t kTokenBatchTexts = 8;

bool IsFile(const std::string& path) {
  std::error_code ignored;
  return path == "-" || std::filesystem::is_regular_file(path, ignored);
}

// One argument that names a file (or -) is read; so is standard input without arguments. Anything
// else is the text itself.
absl::StatusOr<TextInput> InputOf(const EncoderOptions& options) {
  const bool json_lines = options.input == "jsonl";
  if (options.inputs.empty()) return ReadTexts("-", json_lines);
  if (options.inputs.size() == 1 && (!options.input.empty() || IsFile(options.inputs[0]))) {
    return ReadTexts(options.inputs[0], json_lines);
  }
  TextInput input;
  for (const std::string& text : options.inputs) {
    input.texts.push_back({.index = input.texts.size(), .text = text});
  }
  return input;
}

void AddRows(const v1::EmbedResponse::Result& result, size_t index, bool of_tokens,
             Output& output) {
  if (!of_tokens) {
    output.Add({{"index", index},
                {"token_count", result.token_count()},
                {"truncated", result.truncated()},
                {"vector", VectorJson(result.float32_le())}});
    return;
  }
  for (int position = 0; position < result.tokens_size(); ++position) {
    const v1::EmbedResponse::Token& token = result.tokens(position);
    output.Add({{"index", index},
                {"position", position},
                {"id", token.id()},
                {"token", token.text()},
                {"vector", VectorJson(token.float32_le())}});
  }
}

int Embed(CommandContext& context, const EncoderOptions& options) {
  const auto input = InputOf(options);
  if (!input.ok()) return CommandContext::Fail(input.status());
  size_t bad_count = input->bad_count;
  const bool of_tokens = !options.tokens.empty();
  Output output = context.NewOutput(
      of_tokens ? std::vector<std::string>{"index", "position", "id", "token", "vector"}
                : std::vector<std::string>{"index", "token_count", "truncated", "vector"});
  for (const TextBatch& batch :
       BatchesOf(input->texts, of_tokens ? kTokenBatchTexts : kBatchTexts)) {
    v1::EmbedRequest request;
    request.set_model(options.model);
    request.set_prompt(options.prompt);
    request.set_dimensions(options.dimensions);
    if (of_tokens) {
      request.set_token_vectors(options.tokens == "input" ? v1::TOKEN_VECTORS_INPUT
                                                          : v1::TOKEN_VECTORS_CONTEXTUAL);
    }
    for (size_t position = batch.first; position < batch.end; ++position) {
      request.add_texts(input->texts[position].text);
    }
    const auto response = context.client().Embed(request);
    if (!response.ok()) return CommandContext::Fail(response.status());
    for (size_t position = batch.first; position < batch.end; ++position) {
      const auto& result = response->results(static_cast<int>(position - batch.first));
      const size_t index = input->texts[position].index;
      if (result.status().code() != 0) {
        ++bad_count;
        CommandContext::Say(fmt::format("input {}: {}", index, result.status().message()));
        continue;
      }
      AddRows(result, index, of_tokens, output);
    }
  }
  return bad_count > 0 ? kExitPartial : kExitOk;
}

int Tokenize(CommandContext& context, const EncoderOptions& options) {
  const auto input = InputOf(options);
  if (!input.ok()) return CommandContext::Fail(input.status());
  Output output = context.NewOutput({"index", "ids", "tokens", "truncated"});
  for (const TextBatch& batch : BatchesOf(input->texts)) {
    v1::TokenizeRequest request;
    request.set_model(options.model);
    request.set_prompt(options.prompt);
    for (size_t position = batch.first; position < batch.end; ++position) {
      request.add_texts(input->texts[position].text);
    }
    const auto response = context.client().Tokenize(request);
    if (!response.ok()) return CommandContext::Fail(response.status());
    for (size_t position = batch.first; position < batch.end; ++position) {
      const auto& result = response->results(static_cast<int>(position - batch.first));
      Json ids = Json::array();
      Json tokens = Json::array();
      for (const uint32_t id : result.ids()) ids.push_back(id);
      for (const std::string& token : result.tokens()) tokens.push_back(token);
      output.Add({{"index", input->texts[position].index},
                  {"ids", std::move(ids)},
                  {"tokens", std::move(tokens)},
                  {"truncated", result.truncated()}});
    }
  }
  return input->bad_count > 0 ? kExitPartial : kExitOk;
}

}  // namespace

void AddEncoderCommands(CLI::App& app, CommandContext& context) {
  auto options = std::make_shared<EncoderOptions>();
  const auto add = [&](const std::string& name, const std::string& description,
                       int (*run)(CommandContext&, const EncoderOptions&)) {
    CLI::App* command = context.AddCommand(
        app, name, description, [&context, options, run] { return run(context, *options); });
    command->add_option("inputs", options->inputs,
                        "a file (- is standard input, also without arguments), or texts");
    command
        ->add_option("--input", options->input,
                     "what the file holds: lines (a text each) or jsonl ({\"text\": ...})")
        ->check(CLI::IsMember({"lines", "jsonl"}));
    command->add_option("--model", options->model, "model (default: the server's)");
    command->add_option("--prompt", options->prompt,
                        "prompt of the model, by name; see model list (default: the model's)");
    return command;
  };
  CLI::App* embed = add("embed", "texts to vectors", Embed);
  embed->add_option("--dimensions", options->dimensions, "keep so many components (default: all)");
  embed
      ->add_option("--tokens", options->tokens,
                   "a vector for each token instead: contextual (among its neighbours) or input")
      ->check(CLI::IsMember({"contextual", "input"}));
  add("tokenize", "texts to the tokens the model sees", Tokenize);
}

}  // namespace simile::cli

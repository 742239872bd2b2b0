// simile model
#include <memory>

#include "client/cli/command_context.h"
#include "fmt/format.h"

namespace simile::cli {
namespace {

Json ModelJson(const v1::ModelInfo& model) {
  Json prompts = Json::object();
  for (const v1::Prompt& prompt : model.prompts()) prompts[prompt.name()] = prompt.text();
  return {{"name", model.name()},
          {"is_default", model.is_default()},
          {"dimension", model.dimension()},
          {"tokens_max", model.tokens_max()},
          {"pooling", model.pooling()},
          {"normalized", model.normalized()},
          {"instruction_set", model.instruction_set()},
          {"precision", model.precision()},
          {"fingerprint", model.fingerprint()},
          {"prompts", std::move(prompts)}};
}

int List(CommandContext& context) {
  const auto models = context.client().ListModels();
  if (!models.ok()) return CommandContext::Fail(models.status());
  Output output = context.NewOutput(
      {"name", "is_default", "dimension", "tokens_max", "pooling", "instruction_set", "precision"});
  for (const v1::ModelInfo& model : models->models()) output.Add(ModelJson(model));
  return kExitOk;
}

int Load(CommandContext& context, const std::string& name) {
  const auto model = context.client().LoadModel(name);
  if (!model.ok()) return CommandContext::Fail(model.status());
  context.NewOutput({}, /*single=*/true).Add(ModelJson(*model));
  return kExitOk;
}

int Unload(CommandContext& context, const std::string& name) {
  const absl::Status status = context.client().UnloadModel(name);
  if (!status.ok()) return CommandContext::Fail(status);
  CommandContext::Say(fmt::format("unloaded model '{}'", name));
  return kExitOk;
}

}  // namespace

void AddModelCommands(CLI::App& app, CommandContext& context) {
  CLI::App* group = app.add_subcommand("model", "list, load and unload models");
  group->require_subcommand(1)->fallthrough();
  context.AddCommand(*group, "list", "models that are loaded",
                     [&context] { return List(context); });
  auto name = std::make_shared<std::string>();
  context
      .AddCommand(*group, "load", "load a model of the server's models directory",
                  [&context, name] { return Load(context, *name); })
      ->add_option("name", *name, "directory of the model in there")
      ->required();
  context
      .AddCommand(*group, "unload", "free a model that no collection uses",
                  [&context, name] { return Unload(context, *name); })
      ->add_option("name", *name, "name of the model")
      ->required();
}

}  // namespace simile::cli

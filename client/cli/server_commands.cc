// simile health, info, stats
#include <google/protobuf/util/json_util.h>

#include <iostream>

#include "client/cli/command_context.h"
#include "fmt/format.h"

namespace simile::cli {
namespace {

// All fields under their names in the .proto files; 64-bit numbers become JSON numbers.
Json MessageJson(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.always_print_primitive_fields = true;
  options.preserve_proto_field_names = true;
  std::string text;
  if (!google::protobuf::util::MessageToJsonString(message, &text, options).ok()) return Json();
  return Json::parse(text, nullptr, /*allow_exceptions=*/false);
}

int Health(CommandContext& context) {
  const auto serving = context.client().IsServing();
  if (!serving.ok()) return CommandContext::Fail(serving.status());
  std::cout << (*serving ? "SERVING" : "NOT_SERVING") << "\n";
  return *serving ? kExitOk : kExitFailed;
}

int Info(CommandContext& context) {
  const auto info = context.client().GetServerInfo();
  if (!info.ok()) return CommandContext::Fail(info.status());
  const Json json = MessageJson(*info);
  if (context.format() != OutputFormat::kTable) {
    context.NewOutput({}, /*single=*/true).Add(json);
    return kExitOk;
  }
  Json fields = {{"version", info->version()},
                 {"server", context.server()},
                 {"ready", info->ready()},
                 {"data_directory", info->data_directory()}};
  for (const v1::ModelInfo& model : info->models()) {
    fields["model " + model.name()] =
        fmt::format("{} dimensions, {} tokens, {} pooling, {} in {}, fingerprint {}",
                    model.dimension(), model.tokens_max(), model.pooling(), model.instruction_set(),
                    model.precision(), model.fingerprint());
  }
  fields["threads"] = fmt::format("{} search, {} ingest, {} encoder", info->search_threads(),
                                  info->ingest_threads(), info->encoder_threads());
  for (const auto& [name, limit] : json["limits"].items()) fields[name] = limit;
  context.NewOutput({}, /*single=*/true).Add(fields);
  return kExitOk;
}

int Stats(CommandContext& context) {
  const auto stats = context.client().GetStats();
  if (!stats.ok()) return CommandContext::Fail(stats.status());
  context.NewOutput({}, /*single=*/true).Add(MessageJson(*stats));
  return kExitOk;
}

}  // namespace

void AddServerCommands(CLI::App& app, CommandContext& context) {
  context.AddCommand(app, "health", "print SERVING (exit 0) or NOT_SERVING (exit 1)",
                     [&context] { return Health(context); });
  context.AddCommand(app, "info", "version, models and limits of the server",
                     [&context] { return Info(context); });
  context.AddCommand(app, "stats", "counters and gauges of the server",
                     [&context] { return Stats(context); });
}

}  // namespace simile::cli

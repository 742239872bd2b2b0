// simile health, info, stats, verify
#include <google/protobuf/util/json_util.h>

#include <iostream>
#include <map>

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

Json AffectedJson(const v1::AffectedCollection& one) {
  Json findings = Json::array();
  for (const std::string& finding : one.findings()) findings.push_back(finding);
  return {{"name", one.name()},
          {"document_count", one.document_count()},
          {"affected_count", one.affected_count()},
          {"findings", std::move(findings)}};
}

Json DamagedJson(const v1::DamagedTable& one) {
  return {{"path", one.path()}, {"family", one.family()}, {"reason", one.reason()}};
}

int Verify(CommandContext& context) {
  std::map<std::string, v1::AffectedCollection> affected;
  Json damaged = Json::array();
  uint64_t tables = 0, bytes = 0;
  std::string token;
  do {
    const auto page = context.client().VerifyData(token);
    if (!page.ok()) return CommandContext::Fail(page.status());
    for (const v1::DamagedTable& one : page->damaged()) {
      CommandContext::Say(
          fmt::format("damaged: {} ({}): {}", one.path(), one.family(), one.reason()));
      damaged.push_back(DamagedJson(one));
    }
    for (const v1::AffectedCollection& one : page->collections()) affected[one.name()] = one;
    tables += page->tables_read();
    bytes += page->bytes_read();
    token = page->next_page_token();
    if (!token.empty()) {
      CommandContext::Say(fmt::format("{} tables, {} bytes read, {} tables left", tables, bytes,
                                      page->tables_left()));
    }
  } while (!token.empty());
  Json collections = Json::array();
  for (const auto& [name, one] : affected) {
    CommandContext::Say(fmt::format("collection '{}': {} of {} documents affected", name,
                                    one.affected_count(), one.document_count()));
    collections.push_back(AffectedJson(one));
  }
  const bool is_good = damaged.empty();
  CommandContext::Say(fmt::format("the data is {}: {} tables, {} bytes read",
                                  is_good ? "good" : "damaged", tables, bytes));
  context.NewOutput({"good"}, /*single=*/true)
      .Add({{"good", is_good},
            {"damaged", std::move(damaged)},
            {"collections", std::move(collections)},
            {"tables_read", tables},
            {"bytes_read", bytes}});
  return is_good ? kExitOk : kExitFailed;
}

}  // namespace

void AddServerCommands(CLI::App& app, CommandContext& context) {
  context.AddCommand(app, "health", "print SERVING (exit 0) or NOT_SERVING (exit 1)",
                     [&context] { return Health(context); });
  context.AddCommand(app, "info", "version, models and limits of the server",
                     [&context] { return Info(context); });
  context.AddCommand(app, "stats", "counters and gauges of the server",
                     [&context] { return Stats(context); });
  context.AddCommand(app, "verify",
                     "read all data for damage while the server serves (exit 1 when there is some)",
                     [&context] { return Verify(context); });
}

}  // namespace simile::cli

// simile collection create, list, show, update, delete
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <iostream>
#include <memory>
#include <optional>

#include "client/cli/command_context.h"
#include "fmt/format.h"

namespace simile::cli {
namespace {

v1::IndexEngine EngineOf(const std::string& name) {
  if (name == "flat") return v1::INDEX_ENGINE_FLAT;
  return name == "hnswlib" ? v1::INDEX_ENGINE_HNSWLIB : v1::INDEX_ENGINE_AUTO;
}

v1::IndexCodes CodesOf(const std::string& name) {
  if (name == "sq4") return v1::INDEX_CODES_SQ4;
  return name == "float32" ? v1::INDEX_CODES_FLOAT32 : v1::INDEX_CODES_SQ8;
}

// Under the names of the .proto files; values of enumerations as the options have them, e.g.
// "cosine" for METRIC_COSINE.
Json CollectionJson(const v1::Collection& collection) {
  const auto short_name = [](std::string name, const std::string& prefix) {
    if (name.starts_with(prefix)) name.erase(0, prefix.size());
    std::ranges::transform(name, name.begin(), [](char c) {
      return static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    });
    return name;
  };
  Json json = {
      {"name", collection.name()},
      {"model", collection.model()},
      {"dimension", collection.dimension()},
      {"metric", short_name(v1::Metric_Name(collection.metric()), "METRIC_")},
      {"document_count", collection.document_count()},
      {"state", short_name(v1::IndexState_Name(collection.state()), "INDEX_STATE_")},
      {"engine", short_name(v1::IndexEngine_Name(collection.index().engine()), "INDEX_ENGINE_")},
      {"codes", short_name(v1::IndexCodes_Name(collection.index().codes()), "INDEX_CODES_")},
      {"m", collection.index().m()},
      {"ef_construction", collection.index().ef_construction()},
      {"ef_search", collection.index().ef_search()},
      {"disk_bytes", collection.disk_bytes()},
      {"memory_bytes", collection.memory_bytes()},
      {"model_fingerprint", collection.model_fingerprint()}};
  if (!collection.model().empty()) {
    json["model_precision"] = collection.model_precision();
    json["query_prompt"] = collection.query_prompt();
    json["document_prompt"] = collection.document_prompt();
  }
  for (const std::string& field : collection.filter_fields())
    json["filter_fields"].push_back(field);
  if (collection.has_rebuilding_to()) {
    const v1::IndexSettings& next = collection.rebuilding_to();
    json["rebuilding_to"] = {
        {"engine", short_name(v1::IndexEngine_Name(next.engine()), "INDEX_ENGINE_")},
        {"codes", short_name(v1::IndexCodes_Name(next.codes()), "INDEX_CODES_")},
        {"progress", collection.rebuild_progress()}};
  }
  if (!collection.state_reason().empty()) json["state_reason"] = collection.state_reason();
  for (const std::string& warning : collection.warnings()) json["warnings"].push_back(warning);
  return json;
}

struct CreateOptions {
  std::string name;
  std::string model;
  uint32_t dimension = 0;
  std::string metric = "cosine";
  std::string engine = "auto";
  std::string codes = "sq8";
  uint32_t m = 0;
  uint32_t ef_construction = 0;
  uint32_t ef_search = 0;
  std::optional<std::string> query_prompt;
  std::optional<std::string> document_prompt;
  std::vector<std::string> filter_fields;
};

struct UpdateOptions {
  std::string name;
  std::optional<uint32_t> ef_search;
  std::optional<std::string> query_prompt;
  std::optional<std::string> engine;
  std::optional<std::string> codes;
};

int Create(CommandContext& context, const CreateOptions& options) {
  v1::CreateCollectionRequest request;
  request.set_name(options.name);
  request.set_model(options.model);
  request.set_dimension(options.dimension);
  request.set_metric(options.metric == "euclidean"       ? v1::METRIC_EUCLIDEAN
                     : options.metric.starts_with("dot") ? v1::METRIC_DOT_PRODUCT
                                                         : v1::METRIC_COSINE);
  v1::IndexSettings& index = *request.mutable_index();
  index.set_engine(EngineOf(options.engine));
  index.set_codes(CodesOf(options.codes));
  index.set_m(options.m);
  index.set_ef_construction(options.ef_construction);
  index.set_ef_search(options.ef_search);
  if (options.query_prompt.has_value()) request.set_query_prompt(*options.query_prompt);
  if (options.document_prompt.has_value()) request.set_document_prompt(*options.document_prompt);
  for (const std::string& field : options.filter_fields) request.add_filter_fields(field);
  const auto created = context.client().CreateCollection(request);
  if (!created.ok()) return CommandContext::Fail(created.status());
  CommandContext::Say(
      fmt::format("created collection '{}' ({} dimensions, {}); next: simile import {} FILE",
                  created->name(), created->dimension(),
                  created->model().empty() ? "vectors only" : created->model(), created->name()));
  return kExitOk;
}

int Update(CommandContext& context, const UpdateOptions& options) {
  if (!options.ef_search.has_value() && !options.query_prompt.has_value() &&
      !options.engine.has_value() && !options.codes.has_value()) {
    CommandContext::Say(
        "simile: nothing was changed; give --ef-search, --query-prompt, --engine or --codes");
    return kExitUsage;
  }
  v1::UpdateCollectionRequest request;
  request.set_name(options.name);
  if (options.ef_search.has_value()) request.set_ef_search(*options.ef_search);
  if (options.query_prompt.has_value()) request.set_query_prompt(*options.query_prompt);
  if (options.engine.has_value()) request.set_engine(EngineOf(*options.engine));
  if (options.codes.has_value()) request.set_codes(CodesOf(*options.codes));
  const auto updated = context.client().UpdateCollection(request);
  if (!updated.ok()) return CommandContext::Fail(updated.status());
  context.NewOutput({}, /*single=*/true).Add(CollectionJson(*updated));
  return kExitOk;
}

int List(CommandContext& context) {
  Output output =
      context.NewOutput({"name", "document_count", "dimension", "metric", "model", "state"});
  v1::ListCollectionsRequest request;
  do {
    const auto page = context.client().ListCollections(request);
    if (!page.ok()) return CommandContext::Fail(page.status());
    for (const v1::Collection& collection : page->collections()) {
      output.Add(CollectionJson(collection));
    }
    request.set_page_token(page->next_page_token());
  } while (!request.page_token().empty());
  return kExitOk;
}

int Show(CommandContext& context, const std::string& name) {
  const auto collection = context.client().GetCollection(name);
  if (!collection.ok()) return CommandContext::Fail(collection.status());
  context.NewOutput({}, /*single=*/true).Add(CollectionJson(*collection));
  return kExitOk;
}

int Delete(CommandContext& context, const std::string& name, std::string confirmation) {
  if (confirmation.empty() && isatty(STDIN_FILENO) != 0) {
    std::cerr << fmt::format("This deletes '{}' and all of its documents. Type its name: ", name);
    std::getline(std::cin, confirmation);
  }
  if (confirmation != name) {
    CommandContext::Say(
        fmt::format("simile: nothing was deleted; to delete '{0}' for good: --confirm {0}", name));
    return kExitUsage;
  }
  const absl::Status deleted = context.client().DeleteCollection(name);
  if (!deleted.ok()) return CommandContext::Fail(deleted);
  CommandContext::Say(fmt::format("deleted collection '{}'", name));
  return kExitOk;
}

}  // namespace

void AddCollectionCommands(CLI::App& app, CommandContext& context) {
  CLI::App* group =
      app.add_subcommand("collection", "create, list, show, update and delete collections");
  group->require_subcommand(1)->fallthrough();

  auto create = std::make_shared<CreateOptions>();
  CLI::App* command = context.AddCommand(*group, "create", "create a collection",
                                         [&context, create] { return Create(context, *create); });
  command->add_option("name", create->name, "[A-Za-z0-9_-], 1 to 64 characters")->required();
  command->add_option("--model", create->model, "model (default: the server's)");
  command->add_option("--dimension", create->dimension,
                      "without --model: of vectors of your own; with it: keep so many components");
  command->add_option("--metric", create->metric, "cosine, euclidean or dot")
      ->check(CLI::IsMember({"cosine", "euclidean", "dot", "dot_product"}))
      ->capture_default_str();
  command->add_option("--engine", create->engine, "auto, flat or hnswlib")
      ->check(CLI::IsMember({"auto", "flat", "hnswlib"}))
      ->capture_default_str();
  command->add_option("--codes", create->codes, "what the graph keeps: sq8, sq4 or float32")
      ->check(CLI::IsMember({"sq8", "sq4", "float32"}))
      ->capture_default_str();
  command->add_option("--m", create->m, "links per node of the graph (16)");
  command->add_option("--ef-construction", create->ef_construction,
                      "candidates per insert of the graph (200)");
  command->add_option("--ef-search", create->ef_search, "candidates per search of the graph (96)");
  command->add_option("--query-prompt", create->query_prompt,
                      "text put before each query (default: the model's)");
  command
      ->add_option("--filter-field", create->filter_fields,
                   "a field to index for filters (repeatable; default: all fields)")
      ->expected(1)
      ->take_all();
  command->add_option("--document-prompt", create->document_prompt,
                      "text put before each document when it is embedded (default: the model's)");

  context.AddCommand(*group, "list", "all collections", [&context] { return List(context); });

  auto name = std::make_shared<std::string>();
  context
      .AddCommand(*group, "show", "one collection",
                  [&context, name] { return Show(context, *name); })
      ->add_option("name", *name, "the collection")
      ->required();

  auto update = std::make_shared<UpdateOptions>();
  command = context.AddCommand(*group, "update", "change how a collection is searched",
                               [&context, update] { return Update(context, *update); });
  command->add_option("name", update->name, "the collection")->required();
  command->add_option("--ef-search", update->ef_search, "candidates per search of the graph");
  command->add_option("--query-prompt", update->query_prompt, "text put before each query");
  command
      ->add_option(
          "--engine", update->engine,
          "auto, flat or hnswlib: built in the background, then exchanged; the present one "
          "cancels that")
      ->check(CLI::IsMember({"auto", "flat", "hnswlib"}));
  command->add_option("--codes", update->codes, "the same for sq8, sq4 or float32")
      ->check(CLI::IsMember({"sq8", "sq4", "float32"}));

  auto confirmation = std::make_shared<std::string>();
  command = context.AddCommand(
      *group, "delete", "delete a collection and all of its documents",
      [&context, name, confirmation] { return Delete(context, *name, *confirmation); });
  command->add_option("name", *name, "the collection")->required();
  command->add_option("--confirm", *confirmation, "the name again, instead of the question");
}

}  // namespace simile::cli

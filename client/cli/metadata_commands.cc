// simile update, facets
#include <memory>

#include "client/cli/command_context.h"
#include "client/cli/filter_parser.h"
#include "client/cli/value_json.h"
#include "fmt/format.h"

namespace simile::cli {
namespace {

struct MetadataOptions {
  std::string collection;
  std::vector<std::string> ids;
  std::string filter;
  std::string set;
  std::vector<std::string> remove;
  bool replace = false;
  bool dry_run = false;
  std::vector<std::string> fields;
  std::vector<std::string> ranges;
  uint32_t limit = 10;
};

absl::StatusOr<v1::MetadataUpdate> ChangeOf(const MetadataOptions& options) {
  v1::MetadataUpdate change;
  if (!options.set.empty()) {
    const Json json = Json::parse(options.set, nullptr, /*allow_exceptions=*/false);
    if (!json.is_object()) {
      return absl::InvalidArgumentError(
          fmt::format("--set: '{}' is not a JSON object", options.set));
    }
    if (absl::Status s = FieldsFromJson(json, *change.mutable_set()); !s.ok()) {
      return absl::InvalidArgumentError(fmt::format("--set: {}", std::string(s.message())));
    }
  }
  for (const std::string& name : options.remove) change.add_remove(name);
  change.set_replace(options.replace);
  return change;
}

// Says which updates failed, and how many documents were changed.
int Report(CommandContext& context, const MetadataOptions& options,
           const v1::UpdateMetadataResponse& response) {
  bool has_failed = response.failed_count() > 0;
  for (const v1::ItemStatus& result : response.results()) {
    if (result.code() == 0) continue;
    has_failed = true;
    CommandContext::Say(result.message());
  }
  if (response.failed_count() > static_cast<uint64_t>(response.results_size())) {
    CommandContext::Say(fmt::format(
        "and {} more", response.failed_count() - static_cast<uint64_t>(response.results_size())));
  }
  CommandContext::Say(fmt::format("{} {} documents", options.dry_run ? "would change" : "changed",
                                  response.updated_count()));
  context.NewOutput({"updated_count"}, /*single=*/true)
      .Add({{"updated_count", response.updated_count()}});
  return has_failed ? kExitPartial : kExitOk;
}

int Update(CommandContext& context, const MetadataOptions& options) {
  if (options.ids.empty() == options.filter.empty()) {
    CommandContext::Say("simile: which documents? give ids or --filter");
    return kExitUsage;
  }
  if (options.set.empty() && options.remove.empty() && !options.replace) {
    CommandContext::Say("simile: nothing to change; give --set, --remove or --replace");
    return kExitUsage;
  }
  if (options.dry_run && options.filter.empty()) {
    CommandContext::Say("simile: --dry-run counts what a --filter matches; ids need no counting");
    return kExitUsage;
  }
  const auto change = ChangeOf(options);
  if (!change.ok()) return CommandContext::Fail(change.status());
  v1::UpdateMetadataRequest request;
  request.set_collection(options.collection);
  for (const std::string& id : options.ids) {
    v1::MetadataUpdate& update = *request.add_updates();
    update = *change;
    update.set_id(id);
  }
  if (absl::Status s = SetFilter(options.filter, request); !s.ok()) {
    return CommandContext::Fail(s);
  }
  if (request.has_filter()) {
    *request.mutable_change() = *change;
    request.set_dry_run(options.dry_run);
  }
  const auto response = context.client().UpdateMetadata(request);
  if (!response.ok()) return CommandContext::Fail(response.status());
  return Report(context, options, *response);
}

// One side of LOW..HIGH; nothing when it is empty.
absl::Status ReadBound(const std::string& text, const std::string& whole,
                       v1::Value* (*bound)(v1::FacetRange&), v1::FacetRange& range) {
  if (text.empty()) return absl::OkStatus();
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) {
    return absl::InvalidArgumentError(
        fmt::format("--range '{}': '{}' is no JSON value; a number, or a string in double quotes",
                    whole, text));
  }
  auto value = ValueFromJson(json);
  if (!value.ok()) return value.status();
  *bound(range) = *std::move(value);
  return absl::OkStatus();
}

absl::StatusOr<v1::FacetRange> RangeOf(const std::string& text) {
  const size_t dots = text.find("..");
  if (dots == std::string::npos) {
    return absl::InvalidArgumentError(
        fmt::format("--range '{}' is not LOW..HIGH, such as 1990..2000 or 2000..", text));
  }
  v1::FacetRange range;
  range.set_high_exclusive(true);
  absl::Status s = ReadBound(
      text.substr(0, dots), text, [](v1::FacetRange& to) { return to.mutable_low(); }, range);
  if (!s.ok()) return s;
  s = ReadBound(
      text.substr(dots + 2), text, [](v1::FacetRange& to) { return to.mutable_high(); }, range);
  if (!s.ok()) return s;
  return range;
}

int Facets(CommandContext& context, const MetadataOptions& options) {
  v1::CountDocumentsRequest request;
  request.set_collection(options.collection);
  if (absl::Status s = SetFilter(options.filter, request); !s.ok()) {
    return CommandContext::Fail(s);
  }
  for (const std::string& field : options.fields) {
    v1::Facet& facet = *request.add_facets();
    facet.set_field(field);
    if (options.ranges.empty()) facet.set_limit(options.limit);
    for (const std::string& text : options.ranges) {
      auto range = RangeOf(text);
      if (!range.ok()) return CommandContext::Fail(range.status());
      *facet.add_ranges() = *std::move(range);
    }
  }
  const auto response = context.client().CountDocuments(request);
  if (!response.ok()) return CommandContext::Fail(response.status());
  {
    Output output = context.NewOutput({"field", "value", "document_count"});
    for (const v1::FacetCounts& facet : response->facets()) {
      for (const auto& one : facet.values()) {
        output.Add({{"field", facet.field()},
                    {"value", ToJson(one.value())},
                    {"document_count", one.document_count()}});
      }
      for (int at = 0; at < facet.range_counts_size(); ++at) {
        output.Add({{"field", facet.field()},
                    {"value", options.ranges[static_cast<size_t>(at)]},
                    {"document_count", facet.range_counts(at)}});
      }
    }
  }
  for (const v1::FacetCounts& facet : response->facets()) {
    if (options.ranges.empty() &&
        facet.value_count() > static_cast<uint64_t>(facet.values_size())) {
      CommandContext::Say(fmt::format("{} has {} different values in {} documents", facet.field(),
                                      facet.value_count(), response->count()));
    }
  }
  return kExitOk;
}

}  // namespace

void AddMetadataCommands(CLI::App& app, CommandContext& context) {
  auto options = std::make_shared<MetadataOptions>();
  const auto add = [&](const std::string& name, const std::string& description,
                       int (*run)(CommandContext&, const MetadataOptions&)) {
    CLI::App* command = context.AddCommand(
        app, name, description, [&context, options, run] { return run(context, *options); });
    command->add_option("collection", options->collection, "the collection")->required();
    return command;
  };
  constexpr char kFilterHelp[] = "only documents that match; see `simile search --help`";
  CLI::App* command = add("update", "change metadata, by id or by filter", Update);
  command->add_option("ids", options->ids, "of the documents");
  command->add_option("--filter", options->filter, "all documents that match")->excludes("ids");
  command->add_option("--set", options->set, "a JSON object: names to add or put in place");
  command->add_option("--remove", options->remove, "a name to drop (repeatable)")
      ->expected(1)
      ->take_all();
  command->add_flag("--replace", options->replace, "drop all other names");
  command->add_flag("--dry-run", options->dry_run, "only count what the filter matches");

  command = add("facets", "how many documents have each value of a field", Facets);
  command->add_option("fields", options->fields, "the fields, as filters name them")->required();
  command->add_option("--filter", options->filter, kFilterHelp);
  command->add_option("-k,--limit", options->limit, "values of each field, the most frequent ones")
      ->capture_default_str();
  command
      ->add_option("--range", options->ranges,
                   "LOW..HIGH in place of values: from LOW to below HIGH, JSON values, either "
                   "may be left out (repeatable)")
      ->expected(1)
      ->take_all();
}

}  // namespace simile::cli

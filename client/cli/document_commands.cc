// simile put, get, list, count, delete
#include <iostream>
#include <memory>

#include "client/cli/command_context.h"
#include "client/cli/filter_parser.h"
#include "client/cli/value_json.h"
#include "fmt/format.h"

namespace simile::cli {
namespace {

constexpr char kFilterHelp[] = "only documents that match; see `simile search --help`";

struct DocumentOptions {
  std::string collection;
  std::vector<std::string> ids;
  std::string id;
  std::string text;
  std::string vector;
  std::string metadata;
  std::string filter;
  bool with_vector = false;
  bool dry_run = false;
  uint64_t limit = 0;
};

int Put(CommandContext& context, const DocumentOptions& options) {
  v1::UpsertDocumentsRequest request;
  request.set_collection(options.collection);
  Json json = Json::object();
  if (!options.id.empty()) json["id"] = options.id;
  if (options.text == "-") {
    json["text"] = std::string(std::istreambuf_iterator<char>(std::cin), {});
  } else if (!options.text.empty()) {
    json["text"] = options.text;
  }
  if (!options.vector.empty()) {
    json["vector"] = Json::parse(options.vector, nullptr, /*allow_exceptions=*/false);
  }
  if (!options.metadata.empty()) {
    json["metadata"] = Json::parse(options.metadata, nullptr, /*allow_exceptions=*/false);
  }
  auto document = DocumentFromJson(json);
  if (!document.ok()) return CommandContext::Fail(document.status());
  *request.add_documents() = *std::move(document);
  const auto stored = context.client().UpsertDocuments(request);
  if (!stored.ok()) return CommandContext::Fail(stored.status());
  const v1::UpsertResult& result = stored->results(0);
  if (result.status().code() != 0) {
    return CommandContext::Fail(absl::Status(static_cast<absl::StatusCode>(result.status().code()),
                                             result.status().message()));
  }
  if (result.truncated()) {
    CommandContext::Say(
        fmt::format("the text is longer than the model reads: only its first {} "
                    "tokens count for searching",
                    result.token_count()));
  }
  context.NewOutput({"id", "created", "embedded", "token_count", "truncated"}, /*single=*/true)
      .Add({{"id", result.id()},
            {"created", result.created()},
            {"embedded", result.embedded()},
            {"token_count", result.token_count()},
            {"truncated", result.truncated()}});
  return kExitOk;
}

v1::DocumentFields FieldsOf(const DocumentOptions& options) {
  v1::DocumentFields fields;
  fields.set_text(true);
  fields.set_metadata(true);
  fields.set_vector(options.with_vector);
  return fields;
}

std::vector<std::string> ColumnsOf(const DocumentOptions& options) {
  return options.with_vector ? std::vector<std::string>{"id", "text", "metadata", "vector"}
                             : std::vector<std::string>{"id", "text", "metadata"};
}

int Get(CommandContext& context, const DocumentOptions& options) {
  v1::GetDocumentsRequest request;
  request.set_collection(options.collection);
  for (const std::string& id : options.ids) request.add_ids(id);
  *request.mutable_fields() = FieldsOf(options);
  const auto found = context.client().GetDocuments(request);
  if (!found.ok()) return CommandContext::Fail(found.status());
  Output output = context.NewOutput(ColumnsOf(options));
  int exit_code = kExitOk;
  for (const v1::GetDocumentsResponse::Result& result : found->results()) {
    if (result.found()) {
      output.Add(ToJson(result.document(), true, true, options.with_vector));
    } else {
      CommandContext::Say(fmt::format("simile: there is no document '{}'", result.document().id()));
      exit_code = kExitNotFound;
    }
  }
  return exit_code;
}

int List(CommandContext& context, const DocumentOptions& options) {
  constexpr uint64_t kPageSize = 500;
  v1::ListDocumentsRequest request;
  request.set_collection(options.collection);
  *request.mutable_fields() = FieldsOf(options);
  if (absl::Status s = SetFilter(options.filter, request); !s.ok()) {
    return CommandContext::Fail(s);
  }
  uint64_t left = options.limit == 0 ? UINT64_MAX : options.limit;
  Output output = context.NewOutput(ColumnsOf(options));
  do {
    request.set_page_size(static_cast<uint32_t>(std::min(left, kPageSize)));
    const auto page = context.client().ListDocuments(request);
    if (!page.ok()) return CommandContext::Fail(page.status());
    for (const v1::Document& document : page->documents()) {
      output.Add(ToJson(document, true, true, options.with_vector));
    }
    left -= static_cast<uint64_t>(page->documents_size());
    request.set_page_token(page->next_page_token());
  } while (!request.page_token().empty() && left > 0);
  return kExitOk;
}

int Count(CommandContext& context, const DocumentOptions& options) {
  v1::CountDocumentsRequest request;
  request.set_collection(options.collection);
  if (absl::Status s = SetFilter(options.filter, request); !s.ok()) {
    return CommandContext::Fail(s);
  }
  const auto count = context.client().CountDocuments(request);
  if (!count.ok()) return CommandContext::Fail(count.status());
  context.NewOutput({"count"}, /*single=*/true).Add({{"count", count->count()}});
  for (const std::string& note : count->filter().notes()) CommandContext::Say("filter: " + note);
  return kExitOk;
}

int Delete(CommandContext& context, const DocumentOptions& options) {
  if (options.ids.empty() && options.filter.empty()) {
    CommandContext::Say("simile: nothing to delete; give ids or --filter");
    return kExitUsage;
  }
  v1::DeleteDocumentsRequest request;
  request.set_collection(options.collection);
  for (const std::string& id : options.ids) request.add_ids(id);
  if (absl::Status s = SetFilter(options.filter, request); !s.ok()) {
    return CommandContext::Fail(s);
  }
  request.set_dry_run(options.dry_run);
  const auto deleted = context.client().DeleteDocuments(request);
  if (!deleted.ok()) return CommandContext::Fail(deleted.status());
  for (const std::string& id : deleted->missing_ids()) {
    CommandContext::Say(fmt::format("there is no document '{}'", id));
  }
  const std::string asked =
      options.filter.empty() ? fmt::format(" of {}", options.ids.size()) : std::string();
  CommandContext::Say(fmt::format("{} {}{} documents", options.dry_run ? "would delete" : "deleted",
                                  deleted->deleted_count(), asked));
  context.NewOutput({"deleted_count"}, /*single=*/true)
      .Add({{"deleted_count", deleted->deleted_count()}});
  return kExitOk;
}

}  // namespace

void AddDocumentCommands(CLI::App& app, CommandContext& context) {
  auto options = std::make_shared<DocumentOptions>();
  const auto add = [&](const std::string& name, const std::string& description,
                       int (*run)(CommandContext&, const DocumentOptions&)) {
    CLI::App* command = context.AddCommand(
        app, name, description, [&context, options, run] { return run(context, *options); });
    command->add_option("collection", options->collection, "the collection")->required();
    return command;
  };
  CLI::App* command = add("put", "store one document", Put);
  command->add_option("text", options->text, "its text; - reads standard input");
  command->add_option("--id", options->id, "its id (default: the server makes one)");
  command->add_option("--metadata", options->metadata, "a JSON object");
  command->add_option("--vector", options->vector, "a JSON array of numbers");

  command = add("get", "documents by id", Get);
  command->add_option("ids", options->ids, "their ids")->required();
  command->add_flag("--with-vector", options->with_vector, "with their vectors");

  command = add("list", "all documents, in order of first insertion", List);
  command->add_option("--limit", options->limit, "at most so many (default: all)");
  command->add_option("--filter", options->filter, kFilterHelp);
  command->add_flag("--with-vector", options->with_vector, "with their vectors");

  add("count", "how many documents there are", Count)
      ->add_option("--filter", options->filter, kFilterHelp);

  command = add("delete", "delete documents by id or by filter", Delete);
  command->add_option("ids", options->ids, "their ids");
  command->add_option("--filter", options->filter, kFilterHelp)->excludes("ids");
  command->add_flag("--dry-run", options->dry_run, "only count");
}

}  // namespace simile::cli

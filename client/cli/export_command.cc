// simile export
#include <memory>

#include "client/cli/command_context.h"
#include "client/cli/export_file.h"
#include "client/cli/filter_parser.h"
#include "client/cli/progress.h"
#include "client/cli/value_json.h"
#include "fmt/format.h"

namespace simile::cli {
namespace {

struct ExportOptions {
  std::string collection;
  std::string file = "-";
  std::string filter;
  bool no_vectors = false;
  bool resume = false;
};

int Export(CommandContext& context, const ExportOptions& options) {
  constexpr uint32_t kPageDocuments = 500;
  v1::ListDocumentsRequest request;
  request.set_collection(options.collection);
  request.set_page_size(kPageDocuments);
  request.mutable_fields()->set_text(true);
  request.mutable_fields()->set_metadata(true);
  request.mutable_fields()->set_vector(!options.no_vectors);
  if (absl::Status s = SetFilter(options.filter, request); !s.ok()) {
    return CommandContext::Fail(s);
  }
  // So that an unknown collection leaves no file.
  if (const auto found = context.client().GetCollection(options.collection); !found.ok()) {
    return CommandContext::Fail(found.status());
  }
  auto file = ExportFile::Open(options.file, options.resume,
                               {{"collection", options.collection},
                                {"filter", options.filter},
                                {"vectors", !options.no_vectors}});
  if (!file.ok()) return CommandContext::Fail(file.status());
  request.set_page_token(file->position().page_token);
  Progress progress(0);
  do {
    const auto page = context.client().ListDocuments(request);
    if (!page.ok()) return CommandContext::Fail(page.status());
    for (const v1::Document& document : page->documents()) {
      file->Add(Dumped(ToJson(document, true, true, !options.no_vectors)));
    }
    request.set_page_token(page->next_page_token());
    if (absl::Status s = file->EndPage(request.page_token()); !s.ok()) {
      return CommandContext::Fail(s);
    }
    progress.Update(file->position().documents, 0);
  } while (!request.page_token().empty());
  progress.Finish();
  if (absl::Status s = file->Finish(); !s.ok()) return CommandContext::Fail(s);
  CommandContext::Say(fmt::format("exported {} documents of '{}', {} bytes",
                                  file->position().documents, options.collection,
                                  file->position().bytes));
  return kExitOk;
}

}  // namespace

void AddExportCommand(CLI::App& app, CommandContext& context) {
  auto options = std::make_shared<ExportOptions>();
  CLI::App* command =
      context.AddCommand(app, "export", "write all documents as JSON lines, which import reads",
                         [&context, options] { return Export(context, *options); });
  command->add_option("collection", options->collection, "the collection")->required();
  command->add_option("file", options->file, "a new file; - is standard output")
      ->capture_default_str();
  command->add_option("--filter", options->filter,
                      "only documents that match; see `simile search --help`");
  command->add_flag("--no-vectors", options->no_vectors,
                    "leave them out: an import makes them again from the texts");
  command->add_flag("--resume", options->resume, "go on with a file that was broken off");
}

}  // namespace simile::cli

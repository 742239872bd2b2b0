// simile: the command line of Simile.
#include <algorithm>
#include <cstdio>
#include <exception>
#include <iostream>
#include <string>

#include "client/cli/command_context.h"

namespace simile::cli {
namespace {

constexpr char kExamples[] = R"(Examples:
  simile collection create docs
  simile import docs texts.jsonl
  simile search docs "make a picture smaller" -k 5
  simile search docs --like some-id --unlike another-id
  echo "hello world" | simile embed -o jsonl

Exit codes: 0 ok, 1 refused, 2 usage, 3 no server or no answer in time, 4 not found,
5 some items were bad, 130 interrupted. Data goes to standard output, all else to standard error.)";

// The first word that should be a command and is none; CLI11 speaks of what follows it instead.
std::string UnknownCommand(const CLI::App& app, int argument_count, char** arguments) {
  for (int at = 1; at < argument_count; ++at) {
    const std::string word = arguments[at];
    if (word.starts_with('-')) {
      const CLI::Option* option = app.get_option_no_throw(word);
      if (option != nullptr && option->get_expected_min() > 0) ++at;
      continue;
    }
    const auto commands = app.get_subcommands(nullptr);
    const bool is_known = std::ranges::any_of(
        commands, [&word](const CLI::App* command) { return command->check_name(word); });
    return is_known ? "" : word;
  }
  return "";
}

int Main(int argument_count, char** arguments) {
  CLI::App app{"Search texts by meaning: the command line of Simile.", "simile"};
  CommandContext context;
  app.footer(kExamples);
  app.set_version_flag("--version", std::string("simile ") + SIMILE_VERSION);
  app.require_subcommand(0, 1);
  context.AddOptions(app);
  AddCollectionCommands(app, context);
  AddImportCommand(app, context);
  AddSearchCommand(app, context);
  AddDocumentCommands(app, context);
  AddExportCommand(app, context);
  AddMetadataCommands(app, context);
  AddSnapshotCommands(app, context);
  AddEncoderCommands(app, context);
  AddModelCommands(app, context);
  AddServerCommands(app, context);
  context.AddCommand(app, "version", "version of this program", [] {
    std::cout << "simile " << SIMILE_VERSION << "\n";
    return static_cast<int>(kExitOk);
  });
  try {
    app.parse(argument_count, arguments);
  } catch (const CLI::Success& success) {
    // --help and --version.
    return app.exit(success);
  } catch (const CLI::ParseError& error) {
    const std::string unknown = UnknownCommand(app, argument_count, arguments);
    std::cerr << "simile: "
              << (unknown.empty() ? error.what() : "there is no command '" + unknown + "'")
              << "; see simile --help\n";
    return kExitUsage;
  }
  if (app.get_subcommands().empty()) {
    std::cerr << app.help();
    return kExitUsage;
  }
  return context.Run();
}

}  // namespace
}  // namespace simile::cli

int main(int argument_count, char** arguments) {
  try {
    return simile::cli::Main(argument_count, arguments);
  } catch (const std::exception& exception) {
    std::fprintf(stderr, "simile: %s\n", exception.what());
    return simile::cli::kExitFailed;
  }
}

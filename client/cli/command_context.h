#ifndef SIMILE_CLIENT_CLI_COMMAND_CONTEXT_H_
#define SIMILE_CLIENT_CLI_COMMAND_CONTEXT_H_

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "client/cli/output.h"
#include "client/simile_client.h"

namespace simile::cli {

// How a command ends. Scripts build on the numbers.
enum ExitCode : int {
  kExitOk = 0,
  kExitFailed = 1,       // The server refused the request.
  kExitUsage = 2,        // The command line does not parse.
  kExitUnreachable = 3,  // No server, or no answer in time.
  kExitNotFound = 4,     // The collection or document is not there.
  kExitPartial = 5,      // Some items were bad, the rest went through.
  kExitInterrupted = 130,
};

inline constexpr std::chrono::seconds kCallTimeout{60};
// Of what reads all of a snapshot; a server allows no more.
inline constexpr std::chrono::hours kSnapshotTimeout{24};

// What all commands share: the options before the command, and the client.
class CommandContext {
 public:
  // Adds the options that every command takes.
  void AddOptions(CLI::App& app);

  // Adds a command; `run` is called when it was chosen.
  CLI::App* AddCommand(CLI::App& parent, const std::string& name, const std::string& description,
                       std::function<int()> run);

  // Runs the command that was chosen.
  int Run() const { return run_ ? run_() : kExitUsage; }

  // Whose calls may take `timeout`, unless --timeout was given. Lives as long as the context.
  Client& client(std::chrono::seconds timeout = kCallTimeout);

  // Rows to standard output in the format that was asked for: without -o a table on a terminal and
  // JSON lines in a pipe.
  Output NewOutput(std::vector<std::string> columns, bool single = false) const;
  OutputFormat format() const;

  // For people, on standard error.
  static void Say(const std::string& message);

  // Says what was wrong and returns the exit code for it.
  static int Fail(const absl::Status& status);

  const std::string& server() const { return server_; }

 private:
  std::string server_ = "127.0.0.1:7464";
  std::string output_;
  std::optional<double> timeout_seconds_;
  std::map<std::chrono::seconds, std::unique_ptr<Client>> clients_;
  std::function<int()> run_;
};

// Each adds the commands of one file.
void AddServerCommands(CLI::App& app, CommandContext& context);
void AddCollectionCommands(CLI::App& app, CommandContext& context);
void AddDocumentCommands(CLI::App& app, CommandContext& context);
void AddImportCommand(CLI::App& app, CommandContext& context);
void AddExportCommand(CLI::App& app, CommandContext& context);
void AddMetadataCommands(CLI::App& app, CommandContext& context);
void AddSnapshotCommands(CLI::App& app, CommandContext& context);
void AddSearchCommand(CLI::App& app, CommandContext& context);
void AddEncoderCommands(CLI::App& app, CommandContext& context);
void AddModelCommands(CLI::App& app, CommandContext& context);

// Those of `simile snapshot` that copy files.
void AddSnapshotDownload(CLI::App& group, CommandContext& context);
void AddSnapshotUpload(CLI::App& group, CommandContext& context);

}  // namespace simile::cli

#endif  // SIMILE_CLIENT_CLI_COMMAND_CONTEXT_H_

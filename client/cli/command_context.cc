#include "client/cli/command_context.h"

#include <unistd.h>

#include <iostream>
#include <utility>

#include "client/call_status.h"
#include "fmt/format.h"

namespace simile::cli {

void CommandContext::AddOptions(CLI::App& app) {
  app.add_option("--server", server_, "the server, ADDRESS:PORT")
      ->envname("SIMILE_SERVER")
      ->capture_default_str();
  app.add_option("-o,--output", output_,
                 "table, json or jsonl; without it a table on a terminal and jsonl in a pipe")
      ->check(CLI::IsMember({"table", "json", "jsonl"}));
  app.add_option("--timeout", timeout_seconds_,
                 "seconds a call may take; without it 60, and a day for snapshots")
      ->check(CLI::PositiveNumber);
}

CLI::App* CommandContext::AddCommand(CLI::App& parent, const std::string& name,
                                     const std::string& description, std::function<int()> run) {
  CLI::App* command = parent.add_subcommand(name, description);
  // Options that every command takes may stand anywhere.
  command->fallthrough();
  command->callback([this, run = std::move(run)] { run_ = run; });
  return command;
}

Client& CommandContext::client(std::chrono::seconds timeout) {
  std::unique_ptr<Client>& client = clients_[timeout];
  if (client == nullptr) {
    std::chrono::milliseconds chosen = timeout;
    if (timeout_seconds_.has_value()) {
      chosen = std::chrono::milliseconds(static_cast<int64_t>(*timeout_seconds_ * 1000));
    }
    client = std::make_unique<Client>(ClientOptions{.server = server_, .timeout = chosen});
  }
  return *client;
}

OutputFormat CommandContext::format() const {
  if (output_ == "json") return OutputFormat::kJson;
  if (output_ == "jsonl") return OutputFormat::kJsonLines;
  if (output_ == "table") return OutputFormat::kTable;
  return isatty(STDOUT_FILENO) != 0 ? OutputFormat::kTable : OutputFormat::kJsonLines;
}

Output CommandContext::NewOutput(std::vector<std::string> columns, bool single) const {
  return Output(std::cout, format(), std::move(columns), single);
}

void CommandContext::Say(const std::string& message) { std::cerr << message << "\n"; }

int CommandContext::Fail(const absl::Status& status) {
  Say("simile: " + StatusMessage(status));
  switch (status.code()) {
    case absl::StatusCode::kNotFound:
      return kExitNotFound;
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
      return kExitUnreachable;
    default:
      return kExitFailed;
  }
}

}  // namespace simile::cli

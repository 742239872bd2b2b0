#include "server/offline_commands.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>

#include "CLI/CLI.hpp"
#include "fmt/format.h"
#include "server/engine/errors.h"
#include "server/offline_reports.h"
#include "storage/database_check.h"
#include "storage/database_recovery.h"
#include "storage/snapshots.h"

namespace simile {
namespace {

constexpr int kExitFailure = 1;
constexpr int kExitUsage = 2;

int Fail(const absl::Status& status) {
  fmt::print(stderr, "simile-server: {}\n", MessageOf(status));
  return kExitFailure;
}

void PrintContents(const SnapshotManifest& manifest) {
  for (const SnapshotCollection& one : manifest.collections) {
    fmt::print("  {}: {} documents of {} dimensions{}\n", one.name, one.document_count,
               one.dimension, one.model_name.empty() ? "" : ", model " + one.model_name);
  }
}

int Restore(const std::string& snapshot, const std::string& data_directory) {
  const auto restored = RestoreSnapshot(snapshot, data_directory);
  if (!restored.ok()) return Fail(restored.status());
  fmt::print("{} holds snapshot '{}' now, {} collections; next: simile-server --data-dir {}\n",
             data_directory, restored->name, restored->collections.size(), data_directory);
  PrintContents(*restored);
  return 0;
}

int Verify(const std::string& snapshot) {
  const auto manifest = ReadSnapshot(snapshot);
  if (!manifest.ok()) return Fail(manifest.status());
  const SnapshotCheck check = CheckSnapshot(snapshot, *manifest).value();
  for (const std::string& problem : check.problems) fmt::print(stderr, "{}\n", problem);
  fmt::print("snapshot '{}' is {}: {} files, {} bytes read\n", manifest->name,
             check.problems.empty() ? "good" : "damaged", check.files_read, check.bytes_read);
  PrintContents(*manifest);
  return check.problems.empty() ? 0 : kExitFailure;
}

int Check(const std::string& data_directory) {
  const auto check = CheckDatabase(data_directory);
  if (!check.ok()) return Fail(check.status());
  PrintDamage(*check);
  fmt::print("{} is {}: {} tables, {} bytes read\n", data_directory,
             check->is_good() ? "good" : "damaged", check->tables_read, check->bytes_read);
  return check->is_good() ? 0 : kExitFailure;
}

int Recover(const std::string& data_directory, bool is_applied) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto report =
      is_applied ? ApplyRecovery(data_directory,
                                 std::chrono::duration_cast<std::chrono::milliseconds>(now).count())
                 : PlanRecovery(data_directory);
  if (!report.ok()) return Fail(report.status());
  PrintRecovery(*report, data_directory);
  const bool is_done = !report->is_needed || (is_applied && report->left.is_good());
  return is_done ? 0 : kExitFailure;
}

}  // namespace

std::optional<int> RunOfflineCommand(const std::vector<std::string>& arguments) {
  constexpr std::array kCommands = {"restore", "verify", "check", "recover"};
  if (arguments.empty() || std::ranges::count(kCommands, arguments[0]) == 0) return std::nullopt;
  CLI::App app("What simile-server does with files while no server runs.", "simile-server");
  app.require_subcommand(1);
  std::string snapshot, data_directory;
  bool is_applied = false;
  CLI::App* const restore = app.add_subcommand("restore", "make a data directory of a snapshot");
  restore->add_option("snapshot", snapshot, "its directory: DATA-DIR/snapshots/NAME, or a copy")
      ->required();
  restore->add_option("--data-dir", data_directory, "a new or empty directory")->required();
  CLI::App* const verify = app.add_subcommand("verify", "compare a snapshot with its manifest");
  verify->add_option("snapshot", snapshot, "its directory")->required();
  CLI::App* const check =
      app.add_subcommand("check", "look for damage in a data directory, and change nothing");
  check->add_option("--data-dir", data_directory, "the data directory")->required();
  CLI::App* const recover = app.add_subcommand(
      "recover", "say what it takes to make a damaged data directory a good one");
  recover->add_option("--data-dir", data_directory, "the data directory")->required();
  recover->add_flag("--apply", is_applied, "do it; the damaged files are kept");
  try {
    // CLI11 takes the arguments last first.
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
  } catch (const CLI::CallForHelp& help) {
    return app.exit(help);
  } catch (const CLI::ParseError& error) {
    fmt::print(stderr, "simile-server: {} (see --help)\n", error.what());
    return kExitUsage;
  }
  if (check->parsed()) return Check(data_directory);
  if (recover->parsed()) return Recover(data_directory, is_applied);
  return restore->parsed() ? Restore(snapshot, data_directory) : Verify(snapshot);
}

}  // namespace simile

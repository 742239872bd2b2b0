#include "server/offline_commands.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "CLI/CLI.hpp"
#include "fmt/format.h"
#include "server/engine/errors.h"
#include "storage/database_check.h"
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
  const SnapshotCheck check = CheckSnapshot(snapshot, *manifest);
  for (const std::string& problem : check.problems) fmt::print(stderr, "{}\n", problem);
  fmt::print("snapshot '{}' is {}: {} files, {} bytes read\n", manifest->name,
             check.problems.empty() ? "good" : "damaged", check.files_read, check.bytes_read);
  PrintContents(*manifest);
  return check.problems.empty() ? 0 : kExitFailure;
}

void PrintFile(const DamagedFile& file) {
  std::string holds;
  for (const std::string& name : file.collections) holds += (holds.empty() ? "" : ", ") + name;
  fmt::print("damaged: {}{}: {}\n", file.path,
             file.family.empty() ? ""
                                 : fmt::format(" ({}; may hold records of: {})", file.family,
                                               holds.empty() ? "no collection" : holds),
             file.reason);
}

int Check(const std::string& data_directory) {
  const auto check = CheckDatabase(data_directory);
  if (!check.ok()) return Fail(check.status());
  for (const DamagedFile& file : check->files) PrintFile(file);
  for (const CollectionCheck& one : check->collections) {
    for (const std::string& finding : one.findings) {
      fmt::print("collection '{}': {}\n", one.name, finding);
    }
    fmt::print("collection '{}': {} of {} documents affected\n", one.name, one.affected_count,
               one.document_count);
  }
  fmt::print("{} is {}: {} tables, {} bytes read\n", data_directory,
             check->is_good() ? "good" : "damaged", check->tables_read, check->bytes_read);
  return check->is_good() ? 0 : kExitFailure;
}

}  // namespace

std::optional<int> RunOfflineCommand(const std::vector<std::string>& arguments) {
  constexpr std::array kCommands = {"restore", "verify", "check"};
  if (arguments.empty() || std::ranges::count(kCommands, arguments[0]) == 0) return std::nullopt;
  CLI::App app("What simile-server does with files while no server runs.", "simile-server");
  app.require_subcommand(1);
  std::string snapshot, data_directory;
  CLI::App* const restore = app.add_subcommand("restore", "make a data directory of a snapshot");
  restore->add_option("snapshot", snapshot, "its directory: DATA-DIR/snapshots/NAME, or a copy")
      ->required();
  restore->add_option("--data-dir", data_directory, "a new or empty directory")->required();
  CLI::App* const verify = app.add_subcommand("verify", "compare a snapshot with its manifest");
  verify->add_option("snapshot", snapshot, "its directory")->required();
  CLI::App* const check =
      app.add_subcommand("check", "look for damage in a data directory, and change nothing");
  check->add_option("--data-dir", data_directory, "the data directory")->required();
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
  return restore->parsed() ? Restore(snapshot, data_directory) : Verify(snapshot);
}

}  // namespace simile

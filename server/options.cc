#include "server/options.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <map>
#include <thread>
#include <type_traits>
#include <variant>

#include "CLI/CLI.hpp"
#include "embedder/encoder.h"
#include "embedder/physical_cores.h"
#include "fmt/format.h"
#include "fmt/ranges.h"
#include "server/engine/errors.h"
#include "server/engine/limits.h"
#include "server/engine/similar_name.h"
#include "server/engine/version.h"
#include "storage/store.h"

namespace simile {
namespace {

using Field = std::variant<std::string ServerOptions::*, bool ServerOptions::*,
                           uint64_t ServerOptions::*, uint32_t ServerOptions::*>;
static_assert(std::is_same_v<size_t, uint64_t>);

struct OptionSpecification {
  std::string name;  // As flag and in the file; upper case with SIMILE_ in the environment.
  Field field;
  std::string default_value;
  std::string description;
};

std::vector<OptionSpecification> Specifications() {
  const size_t cores = std::max<size_t>(1, std::thread::hardware_concurrency());
  const StoreOptions store;
  const auto number = [](uint64_t value) { return std::to_string(value); };
  return {
      {"data-dir", &ServerOptions::data_dir, "data", "directory that holds everything stored"},
      {"model", &ServerOptions::model, "",
       "sentence-transformers directory (also SIMILE_MODEL_DIR); empty: vectors only"},
      {"models-dir", &ServerOptions::models_dir, "",
       "holds a directory for each further model, loaded when a collection or LoadModel names it"},
      {"listen", &ServerOptions::listen, "127.0.0.1:7464", "ADDRESS:PORT; port 0: a free one"},
      {"port-file", &ServerOptions::port_file, "", "file to write the port to once it is open"},
      {"insecure", &ServerOptions::insecure, "false",
       "allow listening beyond loopback, without authentication"},
      {"reflection", &ServerOptions::reflection, "true", "gRPC server reflection"},
      {"log-level", &ServerOptions::log_level, "info", "debug, info, warn or error"},
      {"log-file", &ServerOptions::log_file, "", "log there; empty: standard error"},
      {"search-threads", &ServerOptions::search_threads, number(std::max<size_t>(2, 2 * cores)),
       "threads that answer searches and reads"},
      {"ingest-threads", &ServerOptions::ingest_threads, "16",
       "threads that write; they mostly wait for encoder and disk"},
      {"encoder-threads", &ServerOptions::encoder_threads, number(PhysicalCoreCount()),
       "threads that run the model; more than cores, not counting SMT, gain nothing"},
      {"encoder-isa", &ServerOptions::encoder_isa, "auto",
       fmt::format("level of the encoder's kernels; this machine has {}",
                   fmt::join(EncoderLevels(), ", "))},
      {"encoder-precision", &ServerOptions::encoder_precision, "auto",
       "float32: leave out levels that round operands to bfloat16"},
      {"load-threads", &ServerOptions::load_threads, number(cores),
       "threads that fill indexes at start"},
      {"checkpoint-interval-ms", &ServerOptions::checkpoint_interval_ms, "10000",
       "time between two writings of a changed index to its files; 0: never"},
      {"search-queue-max", &ServerOptions::search_queue_max, number(kSearchQueueMax),
       "searches and reads that may wait"},
      {"ingest-queue-max", &ServerOptions::ingest_queue_max, number(kIngestQueueMax),
       "writes that may wait"},
      {"message-bytes-max", &ServerOptions::message_bytes_max, number(kMessageBytesMax),
       "bytes of one message"},
      {"bytes-in-flight-max", &ServerOptions::bytes_in_flight_max, number(kBytesInFlightMax),
       "bytes of all messages being worked on"},
      {"block-cache-bytes", &ServerOptions::block_cache_bytes, number(store.block_cache_bytes),
       "RocksDB's cache"},
      {"memtable-bytes", &ServerOptions::memtable_bytes, number(store.memtable_bytes),
       "RocksDB's write buffer per column family"},
      {"free-disk-bytes-min", &ServerOptions::free_disk_bytes_min,
       number(store.free_disk_bytes_min), "writes are refused when less is free"},
      {"memory-bytes-max", &ServerOptions::memory_bytes_max, "0",
       "documents are refused when the process has more, mapped files not counted; 0: never"},
      {"filter-field-bytes-max", &ServerOptions::filter_field_bytes_max,
       number(kFilterFieldBytesMax),
       "memory that the index of one metadata field may take; filters on others read documents"},
      {"recall-sample-every", &ServerOptions::recall_sample_every, "100",
       "one of so many searches is repeated exactly, for the live recall of GetStats; 0: none"},
      {"snapshot-interval-s", &ServerOptions::snapshot_interval_s, "0",
       "a snapshot auto-TIME is taken so often; 0: none"},
      {"snapshots-kept", &ServerOptions::snapshots_kept, "7",
       "of the snapshots taken by itself, the newest that are kept"},
      {"shutdown-grace-ms", &ServerOptions::shutdown_grace_ms, "8000",
       "time that running requests have when the server stops"},
  };
}

struct Setting {
  std::string value;
  std::string source;
};

std::string EnvironmentName(const std::string& name) {
  std::string result = "SIMILE_" + name;
  for (char& c : result) c = c == '-' ? '_' : static_cast<char>(std::toupper(c));
  return result;
}

std::optional<std::string> ValueOf(const Environment& environment, const std::string& name) {
  const auto found = environment.find(name);
  if (found == environment.end()) return std::nullopt;
  return found->second;
}

std::vector<std::string> UnknownVariables(const std::vector<OptionSpecification>& specifications,
                                          const Environment& environment) {
  // The last is of the command line.
  std::vector<std::string> known = {"SIMILE_CONFIG", "SIMILE_MODEL_DIR", "SIMILE_SERVER"};
  for (const OptionSpecification& option : specifications) {
    known.push_back(EnvironmentName(option.name));
  }
  std::vector<std::string> warnings;
  for (const auto& [name, value] : environment) {
    if (!name.starts_with("SIMILE_") || std::ranges::count(known, name) > 0) continue;
    const std::string similar = SimilarName(name, known);
    warnings.push_back(fmt::format("the environment variable {} is no option and does nothing{}",
                                   name, similar.empty() ? "" : "; did you mean " + similar + "?"));
  }
  return warnings;
}

template <typename Number>
bool ParseNumber(const std::string& text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

absl::Status Assign(const OptionSpecification& option, const Setting& setting,
                    ServerOptions& options) {
  if (const auto* text = std::get_if<std::string ServerOptions::*>(&option.field)) {
    options.*(*text) = setting.value;
    return absl::OkStatus();
  }
  bool good = false;
  if (const auto* flag = std::get_if<bool ServerOptions::*>(&option.field)) {
    good = setting.value == "true" || setting.value == "false";
    options.*(*flag) = setting.value == "true";
  } else if (const auto* large = std::get_if<uint64_t ServerOptions::*>(&option.field)) {
    good = ParseNumber(setting.value, options.*(*large));
  } else if (const auto* small = std::get_if<uint32_t ServerOptions::*>(&option.field)) {
    good = ParseNumber(setting.value, options.*(*small));
  }
  if (good) return absl::OkStatus();
  const bool is_flag = std::holds_alternative<bool ServerOptions::*>(option.field);
  return absl::InvalidArgumentError(fmt::format("option {} is '{}' ({}); it must be {}",
                                                option.name, setting.value, setting.source,
                                                is_flag ? "true or false" : "a number from 0"));
}

absl::Status ReadFile(const std::string& path, std::map<std::string, Setting>& settings) {
  std::vector<CLI::ConfigItem> items;
  try {
    items = CLI::ConfigTOML().from_file(path);
  } catch (const CLI::Error& error) {
    return absl::NotFoundError(
        fmt::format("cannot read the configuration file {}: {}", path, error.what()));
  }
  std::vector<std::string> known;
  for (const auto& [name, setting] : settings) known.push_back(name);
  for (const CLI::ConfigItem& item : items) {
    const auto found = settings.find(item.fullname());
    if (found == settings.end()) {
      const std::string similar = SimilarName(item.fullname(), known);
      return absl::InvalidArgumentError(
          fmt::format("{} has the unknown key '{}'{}", path, item.fullname(),
                      similar.empty() ? "" : "; did you mean '" + similar + "'?"));
    }
    if (item.inputs.size() != 1) {
      return absl::InvalidArgumentError(fmt::format("{} gives '{}' {} values; it takes one", path,
                                                    item.name, item.inputs.size()));
    }
    found->second = {.value = item.inputs.front(), .source = "file " + path};
  }
  return absl::OkStatus();
}

// What CLI11 says, and which flag was probably meant.
absl::Status FlagError(const CLI::App& app, const CLI::ParseError& error) {
  std::vector<std::string> known;
  for (const CLI::Option* option : app.get_options()) known.push_back(option->get_name());
  std::string suggestion;
  for (const std::string& argument : app.remaining()) {
    const std::string flag = argument.substr(0, argument.find('='));
    const std::string similar = SimilarName(flag, known);
    if (suggestion.empty() && !similar.empty()) suggestion = "; did you mean " + similar + "?";
  }
  return absl::InvalidArgumentError(fmt::format("{}{} (see --help)", error.what(), suggestion));
}

std::string Printed(const std::vector<OptionSpecification>& specifications,
                    const std::map<std::string, Setting>& settings) {
  std::string text;
  for (const OptionSpecification& option : specifications) {
    const Setting& setting = settings.at(option.name);
    const bool is_text = std::holds_alternative<std::string ServerOptions::*>(option.field);
    const std::string line =
        fmt::format(is_text ? fmt::runtime("{} = \"{}\"") : fmt::runtime("{} = {}"), option.name,
                    setting.value);
    text += fmt::format("{:<44} # {}\n", line, setting.source);
  }
  return text;
}

absl::Status CheckRanges(const ServerOptions& options) {
  const std::pair<const char*, uint64_t> at_least_one[] = {
      {"search-threads", options.search_threads},
      {"ingest-threads", options.ingest_threads},
      {"encoder-threads", options.encoder_threads},
      {"load-threads", options.load_threads},
      {"search-queue-max", options.search_queue_max},
      {"ingest-queue-max", options.ingest_queue_max},
      {"message-bytes-max", options.message_bytes_max},
      {"bytes-in-flight-max", options.bytes_in_flight_max},
      {"snapshots-kept", options.snapshots_kept}};
  for (const auto& [name, value] : at_least_one) {
    if (value == 0) return absl::InvalidArgumentError(fmt::format("option {} is 0", name));
  }
  constexpr uint64_t kMessageBytesLargest = 1ull << 30;
  if (options.message_bytes_max > kMessageBytesLargest) {
    return absl::InvalidArgumentError(
        fmt::format("option message-bytes-max is {}; at most {} is "
                    "possible",
                    options.message_bytes_max, kMessageBytesLargest));
  }
  constexpr uint64_t kSnapshotIntervalLargest = 10ull * 365 * 24 * 3600;
  if (options.snapshot_interval_s > kSnapshotIntervalLargest) {
    return absl::InvalidArgumentError(
        fmt::format("option snapshot-interval-s is {}; at most {}, ten years, is possible",
                    options.snapshot_interval_s, kSnapshotIntervalLargest));
  }
  constexpr size_t kThreadsLargest = 1024;
  for (const auto& [name, value] : std::initializer_list<std::pair<const char*, size_t>>{
           at_least_one[0], at_least_one[1], at_least_one[2], at_least_one[3]}) {
    if (value > kThreadsLargest) {
      return absl::InvalidArgumentError(
          fmt::format("option {} is {}; at most {} is possible", name, value, kThreadsLargest));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckChoices(const ServerOptions& options) {
  std::vector<std::string> isa_choices = EncoderLevels();
  isa_choices.insert(isa_choices.begin(), "auto");
  const struct {
    const char* name;
    const std::string& value;
    std::vector<std::string> choices;
  } all[] = {{"log-level", options.log_level, {"debug", "info", "warn", "error"}},
             {"encoder-isa", options.encoder_isa, isa_choices},
             {"encoder-precision", options.encoder_precision, {"auto", "float32"}}};
  for (const auto& [name, value, choices] : all) {
    if (std::ranges::count(choices, value) > 0) continue;
    return absl::InvalidArgumentError(fmt::format("option {} is '{}'; it must be one of {}", name,
                                                  value, fmt::join(choices, ", ")));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ParsedOptions> ParseOptions(const std::vector<std::string>& arguments,
                                           const Environment& environment) {
  const std::vector<OptionSpecification> specifications = Specifications();
  CLI::App app{
      "Simile: a vector database that understands what it stores. While no server runs,\n"
      "`simile-server restore SNAPSHOT --data-dir DIR` makes a data directory of a snapshot and\n"
      "`simile-server verify SNAPSHOT` looks at one.",
      "simile-server"};
  app.set_version_flag("--version", std::string("simile-server ") + kVersion);
  std::string config_path;
  bool print_config = false;
  app.add_option("--config", config_path, "file of `key = value` lines (also SIMILE_CONFIG)");
  app.add_flag("--print-config", print_config, "print what is in force and where it comes from");
  std::map<std::string, std::string> flags;
  for (const OptionSpecification& option : specifications) {
    std::string& value = flags[option.name];
    const std::string description = fmt::format("{} [{}] ({})", option.description,
                                                option.default_value, EnvironmentName(option.name));
    if (std::holds_alternative<bool ServerOptions::*>(option.field)) {
      app.add_option("--" + option.name, value, description)->expected(0, 1)->default_str("true");
    } else {
      app.add_option("--" + option.name, value, description);
    }
  }
  try {
    // CLI11 takes the arguments last first.
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
  } catch (const CLI::CallForHelp&) {
    return ParsedOptions{.print_and_exit = app.help()};
  } catch (const CLI::CallForVersion&) {
    return ParsedOptions{.print_and_exit = fmt::format("simile-server {}\n", kVersion)};
  } catch (const CLI::ParseError& error) {
    return FlagError(app, error);
  }

  std::map<std::string, Setting> settings;
  for (const OptionSpecification& option : specifications) {
    settings[option.name] = {.value = option.default_value, .source = "default"};
  }
  if (config_path.empty()) config_path = ValueOf(environment, "SIMILE_CONFIG").value_or("");
  if (!config_path.empty()) {
    if (absl::Status s = ReadFile(config_path, settings); !s.ok()) return s;
  }
  if (const auto value = ValueOf(environment, "SIMILE_MODEL_DIR"); value.has_value()) {
    settings["model"] = {.value = *value, .source = "environment SIMILE_MODEL_DIR"};
  }
  ParsedOptions parsed{.warnings = UnknownVariables(specifications, environment)};
  for (const OptionSpecification& option : specifications) {
    Setting& setting = settings[option.name];
    const std::string variable = EnvironmentName(option.name);
    if (const auto value = ValueOf(environment, variable); value.has_value()) {
      setting = {.value = *value, .source = "environment " + variable};
    }
    if (app.count("--" + option.name) > 0) {
      const bool is_bare_flag =
          flags[option.name].empty() && std::holds_alternative<bool ServerOptions::*>(option.field);
      setting = {.value = is_bare_flag ? "true" : flags[option.name], .source = "flag"};
    }
    if (absl::Status s = Assign(option, setting, parsed.options); !s.ok()) return s;
  }
  if (absl::Status s = CheckRanges(parsed.options); !s.ok()) return s;
  if (absl::Status s = CheckChoices(parsed.options); !s.ok()) return s;
  if (print_config) parsed.print_and_exit = Printed(specifications, settings);
  return parsed;
}

}  // namespace simile

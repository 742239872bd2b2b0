#ifndef SIMILE_SERVER_OPTIONS_H_
#define SIMILE_SERVER_OPTIONS_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace simile {

// Everything an operator can choose. Each option can be given, from weakest to strongest, by its
// default, in the configuration file, in the environment and as a flag: `data-dir = "/srv/simile"`,
// SIMILE_DATA_DIR, --data-dir. server/README.md has the table.
struct ServerOptions {
  std::string data_dir;
  std::string model;       // Empty: no model.
  std::string models_dir;  // Empty: no models by name.
  std::string listen;
  std::string port_file;
  bool insecure = false;
  bool reflection = true;
  std::string log_level;
  std::string log_file;
  size_t search_threads = 0;
  size_t ingest_threads = 0;
  size_t encoder_threads = 0;
  std::string encoder_isa;        // "auto" or a level of EncoderLevels.
  std::string encoder_precision;  // "auto" or "float32".
  size_t load_threads = 0;
  uint64_t checkpoint_interval_ms = 0;
  uint64_t filter_field_bytes_max = 0;
  uint64_t recall_sample_every = 0;
  uint64_t snapshot_interval_s = 0;
  uint64_t snapshots_kept = 0;
  size_t search_queue_max = 0;
  size_t ingest_queue_max = 0;
  uint64_t message_bytes_max = 0;
  uint64_t bytes_in_flight_max = 0;
  uint64_t block_cache_bytes = 0;
  uint64_t memtable_bytes = 0;
  uint64_t free_disk_bytes_min = 0;
  uint64_t memory_bytes_max = 0;
  uint32_t shutdown_grace_ms = 0;
};

// What the command line asks for.
struct ParsedOptions {
  ServerOptions options;
  std::optional<std::string> print_and_exit;  // --help, --version, --print-config.
  std::vector<std::string> warnings;          // To be logged.
};

// Variables by name.
using Environment = std::map<std::string, std::string>;

// Reads flags, environment and configuration file. InvalidArgument names the option, the value and
// where it came from; unknown flags and unknown keys of the file are refused. An unknown variable
// that begins with SIMILE_ is a warning only: Kubernetes sets SIMILE_SERVICE_HOST and the like for
// a service called simile.
absl::StatusOr<ParsedOptions> ParseOptions(const std::vector<std::string>& arguments,
                                           const Environment& environment);

}  // namespace simile

#endif  // SIMILE_SERVER_OPTIONS_H_

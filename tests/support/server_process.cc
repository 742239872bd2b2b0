#include "tests/support/server_process.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <thread>

namespace simile {
namespace {

// A start with a sanitizer and a model takes seconds; a minute means that it hangs.
constexpr std::chrono::seconds kStartTimeout{60};
constexpr std::chrono::milliseconds kPollInterval{20};

}  // namespace

std::string ServerBinary() { return std::string(SIMILE_BINARY_DIR) + "/bin/simile-server"; }

std::string CommandLineBinary() { return std::string(SIMILE_BINARY_DIR) + "/bin/simile"; }

std::string ModelDirectory() {
  const char* directory = std::getenv("SIMILE_MODEL_DIR");
  return directory != nullptr ? directory
                              : std::string(SIMILE_SOURCE_DIR) + "/models/all-MiniLM-L6-v2";
}

ServerProcess::ServerProcess(const std::string& data_directory,
                             const std::vector<std::string>& more_flags,
                             const std::vector<std::string>& environment)
    : log_path_(data_directory + ".log") {
  const std::string port_path = data_directory + ".port";
  unlink(port_path.c_str());
  std::vector<std::string> arguments = {ServerBinary(), "--data-dir",  data_directory, "--listen",
                                        "127.0.0.1:0",  "--port-file", port_path};
  if (std::ranges::count(more_flags, "--free-disk-bytes-min") == 0) {
    arguments.insert(arguments.end(), {"--free-disk-bytes-min", "0"});
  }
  arguments.insert(arguments.end(), more_flags.begin(), more_flags.end());
  process_ = std::make_unique<ChildProcess>(arguments, log_path_, environment);

  const auto give_up = std::chrono::steady_clock::now() + kStartTimeout;
  std::string port;
  while (process_->Running() && std::chrono::steady_clock::now() < give_up) {
    if (port.empty()) {
      port = ReadFile(port_path);
      if (port.empty() || port.back() != '\n') {
        port.clear();
      } else {
        port.pop_back();
        address_ = "127.0.0.1:" + port;
      }
    } else if (Run({"health"}).exit_code == 0) {
      serving_ = true;
      return;
    }
    std::this_thread::sleep_for(kPollInterval);
  }
}

std::string ServerProcess::log() const { return ReadFile(log_path_); }

CommandResult ServerProcess::Run(std::vector<std::string> arguments,
                                 const std::string& input) const {
  arguments.insert(arguments.begin(), CommandLineBinary());
  arguments.insert(arguments.end(), {"--server", address_});
  return RunCommand(arguments, input);
}

int ServerProcess::Stop() {
  process_->Signal(SIGTERM);
  return process_->Wait();
}

void ServerProcess::Kill() {
  process_->Signal(SIGKILL);
  process_->Wait();
}

}  // namespace simile

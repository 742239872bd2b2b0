#ifndef SIMILE_TESTS_SUPPORT_SERVER_PROCESS_H_
#define SIMILE_TESTS_SUPPORT_SERVER_PROCESS_H_

#include <memory>
#include <string>
#include <vector>

#include "tests/support/child_process.h"

namespace simile {

// The real server on a free loopback port, and the real command line against it.
class ServerProcess {
 public:
  // Starts the server on `data_directory` and waits until it is SERVING (or has ended).
  // `more_flags` are put behind the usual ones, `environment` (NAME=VALUE) is added to ours. The
  // free space guard is off unless they say otherwise.
  explicit ServerProcess(const std::string& data_directory,
                         const std::vector<std::string>& more_flags = {},
                         const std::vector<std::string>& environment = {});

  // False when the server ended before it served; log() says why.
  bool serving() const { return serving_; }
  const std::string& address() const { return address_; }
  std::string log() const;

  // `simile ARGUMENTS... --server ADDRESS`.
  CommandResult Run(std::vector<std::string> arguments, const std::string& input = "") const;

  // SIGTERM, then the exit code.
  int Stop();

  // SIGKILL, as a crash would.
  void Kill();

  ChildProcess& process() { return *process_; }

 private:
  std::string log_path_;
  std::string address_;
  std::unique_ptr<ChildProcess> process_;
  bool serving_ = false;
};

// Where the binaries and the model are.
std::string ServerBinary();
std::string CommandLineBinary();
std::string ModelDirectory();

}  // namespace simile

#endif  // SIMILE_TESTS_SUPPORT_SERVER_PROCESS_H_

#ifndef SIMILE_TESTS_SUPPORT_CHILD_PROCESS_H_
#define SIMILE_TESTS_SUPPORT_CHILD_PROCESS_H_

#include <sys/types.h>

#include <string>
#include <vector>

namespace simile {

struct CommandResult {
  int exit_code = -1;  // 128 + signal when a signal ended it.
  std::string output;  // Standard output.
  std::string errors;  // Standard error.
};

// Runs a program to its end with `input` as its standard input.
CommandResult RunCommand(const std::vector<std::string>& arguments, const std::string& input = "");

// A program that runs beside the test; killed with it.
class ChildProcess {
 public:
  // Starts the program with both outputs written to the file `log_path`, and `environment`
  // (NAME=VALUE) added to ours.
  ChildProcess(const std::vector<std::string>& arguments, const std::string& log_path,
               const std::vector<std::string>& environment = {});
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  void Signal(int signal) const;

  // Waits for the end: the exit code, or 128 + signal.
  int Wait();

  bool Running();
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = -1;
  int exit_code_ = -1;
  bool ended_ = false;
};

std::string ReadFile(const std::string& path);
void WriteFile(const std::string& path, const std::string& content);

}  // namespace simile

#endif  // SIMILE_TESTS_SUPPORT_CHILD_PROCESS_H_

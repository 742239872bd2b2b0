// simile-server: options in, signals awaited, exit code out.
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <exception>
#include <string>
#include <string_view>
#include <vector>

#include "fmt/format.h"
#include "server/engine/errors.h"
#include "server/offline_commands.h"
#include "server/options.h"
#include "server/server.h"
#include "spdlog/sinks/basic_file_sink.h"
#include "spdlog/sinks/stdout_sinks.h"
#include "spdlog/spdlog.h"

namespace simile {
namespace {

constexpr int kExitFailure = 1;
constexpr int kExitUsage = 2;

void SetUpLog(const ServerOptions& options) {
  spdlog::set_default_logger(options.log_file.empty()
                                 ? spdlog::stderr_logger_mt("simile")
                                 : spdlog::basic_logger_mt("simile", options.log_file));
  spdlog::set_level(spdlog::level::from_str(options.log_level));
  spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %l %v");
  spdlog::flush_on(spdlog::level::info);
}

// As many files and connections as the system allows this user.
void RaiseDescriptorLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

Environment ReadEnvironment() {
  Environment environment;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string_view text = *variable;
    const size_t end = text.find('=');
    if (end != std::string_view::npos)
      environment.emplace(text.substr(0, end), text.substr(end + 1));
  }
  return environment;
}

int Run(const std::vector<std::string>& arguments) {
  RaiseDescriptorLimit();
  if (const auto exit_code = RunOfflineCommand(arguments)) return *exit_code;
  const auto parsed = ParseOptions(arguments, ReadEnvironment());
  if (!parsed.ok()) {
    fmt::print(stderr, "simile-server: {}\n", MessageOf(parsed.status()));
    return kExitUsage;
  }
  if (parsed->print_and_exit.has_value()) {
    fmt::print("{}", *parsed->print_and_exit);
    return 0;
  }
  SetUpLog(parsed->options);
  for (const std::string& warning : parsed->warnings) spdlog::warn(warning);

  // Blocked before any thread begins, so that only sigwait below takes them.
  sigset_t stop_signals;
  sigemptyset(&stop_signals);
  sigaddset(&stop_signals, SIGTERM);
  sigaddset(&stop_signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &stop_signals, nullptr);
  signal(SIGPIPE, SIG_IGN);

  auto server = Server::Start(parsed->options);
  if (!server.ok()) {
    fmt::print(stderr, "simile-server: {}\n", MessageOf(server.status()));
    return kExitFailure;
  }
  int received = 0;
  sigwait(&stop_signals, &received);
  spdlog::info("signal {}: stopping", received);
  server->reset();
  return 0;
}

}  // namespace
}  // namespace simile

int main(int argument_count, char** arguments) {
  try {
    return simile::Run({arguments + 1, arguments + argument_count});
  } catch (const std::exception& exception) {
    std::fprintf(stderr, "simile-server: %s\n", exception.what());
    return simile::kExitFailure;
  }
}

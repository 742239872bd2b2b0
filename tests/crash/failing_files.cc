// R5: a store of which the N-th operation on a file fails, for every N of a range, each time on a
// new data directory.
//   failing_files [--from 1] [--to 60] [--seed N]
// Which operations count, how many fail and with what is drawn for each N.
#include <signal.h>
#include <unistd.h>

#include <iostream>
#include <random>
#include <string>

#include "CLI/CLI.hpp"
#include "fmt/format.h"
#include "tests/storage/fault_run.h"
#include "tests/support/temporary_directory.h"

namespace simile {
namespace {

// What runs now, for the case that it ends the process.
std::string running;

void SayWhatRan(int /*signal*/) {
  if (write(STDERR_FILENO, running.data(), running.size()) < 0) return;
}

FaultPlan PlanOf(uint64_t number, uint32_t seed) {
  constexpr uint64_t kForEver = uint64_t{1} << 40;
  std::mt19937_64 random(number * 1'000'003 + seed);
  FaultPlan plan{.first = number};
  plan.which = static_cast<FaultPlan::Which>(random() % 4);
  // There are fewer of them in a run, so they are gone through several times.
  constexpr uint64_t kSyncs = 300;
  constexpr uint64_t kNameChanges = 150;
  if (plan.which == FaultPlan::Which::kSync) plan.first = 1 + number % kSyncs;
  if (plan.which == FaultPlan::Which::kNameChange) plan.first = 1 + number % kNameChanges;
  const uint64_t counts[] = {1, 2, 20, kForEver};
  plan.count = counts[random() % 4];
  plan.is_full = random() % 2 == 0;
  return plan;
}

int FailingFiles(uint64_t from, uint64_t to, uint32_t seed) {
  uint64_t acknowledged = 0, faults = 0, met = 0, wrong = 0;
  for (uint64_t number = from; number <= to; ++number) {
    const FaultPlan plan = PlanOf(number, seed);
    running = fmt::format("failing_files: N {}, seed {}: {}\n", number, seed, plan.Describe());
    const TemporaryDirectory directory;
    FaultRun run(directory.path() + "/data", plan, seed + static_cast<uint32_t>(number));
    for (const std::string& what : run.Run()) {
      ++wrong;
      std::cerr << running << "  " << what << "\n";
    }
    acknowledged += run.acknowledged();
    faults += run.faults();
    met += run.faults() > 0 ? 1 : 0;
  }
  fmt::print(
      "failing_files: seed {}, N from {} to {}: {} runs, {} with a fault, {} faults, {} writes "
      "acknowledged, {} lost or wrong\n",
      seed, from, to, to - from + 1, met, faults, acknowledged, wrong);
  return wrong == 0 && met > 0 ? 0 : 1;
}

}  // namespace
}  // namespace simile

int main(int argc, char** argv) {
  CLI::App app("a store of which the N-th operation on a file fails");
  uint64_t from = 1, to = 60;
  uint32_t seed = std::random_device()();
  app.add_option("--from", from, "the first N");
  app.add_option("--to", to, "the last N");
  app.add_option("--seed", seed, "the same again");
  CLI11_PARSE(app, argc, argv);
  struct sigaction action {};
  action.sa_handler = simile::SayWhatRan;
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  sigaction(SIGABRT, &action, nullptr);
  return simile::FailingFiles(from, to, seed);
}

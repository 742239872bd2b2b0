// R1: kill -9 again and again while eight programs write (upsert, delete, metadata, streams), on
// one data directory. After each start everything acknowledged must be there, nothing else, whole;
// and searches and filters must say the same as what is there.
//   kill_cycles [--cycles 25] [--seed N]
#include <chrono>
#include <iostream>
#include <random>
#include <thread>

#include "CLI/CLI.hpp"
#include "fmt/format.h"
#include "tests/crash/crash_run.h"
#include "tests/support/temporary_directory.h"

namespace simile {
namespace {

bool KillCycles(size_t cycles, uint32_t seed) {
  std::mt19937 random(seed);
  const TemporaryDirectory directory;
  CrashRun run(directory.path() + "/data", v1::DURABILITY_FSYNC, random);
  size_t kills = 0;
  for (size_t cycle = 0; cycle <= cycles; ++cycle) {
    run.SetOccasion(fmt::format("after kill {}, seed {}", kills, seed));
    if (!run.Start()) {
      run.Wrong(run.findings().failed_starts, run.server().log());
      break;
    }
    if (cycle == 0) {
      run.Create();
    } else {
      run.Check();
    }
    if (cycle == cycles) break;
    run.BeginWriting();
    std::this_thread::sleep_for(std::chrono::milliseconds(100 + random() % 900));
    run.server().Kill();
    ++kills;
    run.FinishWriting();
  }
  fmt::print("kill_cycles: seed {}: {} kills, {}\n", seed, kills, run.Summary());
  return run.findings().all() == 0;
}

}  // namespace
}  // namespace simile

int main(int argc, char** argv) {
  CLI::App app("kill -9 while eight programs write");
  size_t cycles = 25;
  uint32_t seed = std::random_device()();
  app.add_option("--cycles", cycles, "kills");
  app.add_option("--seed", seed, "the same again");
  CLI11_PARSE(app, argc, argv);
  return simile::KillCycles(cycles, seed) ? 0 : 1;
}

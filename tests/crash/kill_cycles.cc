// R1: kill -9 again and again while eight programs write (upsert, delete, metadata, streams), on
// one data directory. After each start everything acknowledged must be there, nothing else, whole;
// and searches and filters must say the same as what is there.
//   kill_cycles [--cycles 25] [--seed N]
#include <chrono>
#include <iostream>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "CLI/CLI.hpp"
#include "fmt/format.h"
#include "tests/crash/crash_run.h"
#include "tests/support/temporary_directory.h"

namespace simile {
namespace {

// In every second stretch of so many cycles the index gets no checkpoint, so that starts find more
// changes behind the last one than they make again before they serve.
constexpr size_t kStretchCycles = 10;
constexpr uint32_t kNeverMs = 3'600'000;

// How many starts have laid changes beside the index, to be put into it while it serves.
size_t SettlingStarts(const std::string& log) {
  constexpr std::string_view kLaid = "laid beside it";
  size_t count = 0;
  for (size_t at = 0; (at = log.find(kLaid, at)) != std::string::npos; at += kLaid.size()) ++count;
  return count;
}

bool KillCycles(size_t cycles, uint32_t seed) {
  std::mt19937 random(seed);
  const TemporaryDirectory directory;
  CrashRun run(directory.path() + "/data", v1::DURABILITY_FSYNC, random);
  size_t kills = 0, settling = 0;
  for (size_t cycle = 0; cycle <= cycles; ++cycle) {
    run.SetOccasion(fmt::format("after kill {}, seed {}", kills, seed));
    const bool has_checkpoints = cycle / kStretchCycles % 2 == 0;
    if (!run.Start({}, has_checkpoints ? CrashRun::kCheckpointIntervalMs : kNeverMs)) {
      run.Wrong(run.findings().failed_starts, run.server().log());
      break;
    }
    const size_t settling_before = std::exchange(settling, SettlingStarts(run.server().log()));
    // Every second one at once, in the middle of that; the next start begins it again.
    if (settling > settling_before && settling % 2 == 1 && cycle < cycles) {
      std::this_thread::sleep_for(std::chrono::milliseconds(random() % 50));
      run.server().Kill();
      ++kills;
      continue;
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
  // A slow server writes too little in a few stretches.
  if (kills >= 10 * kStretchCycles && settling == 0) {
    run.Wrong(run.findings().wrong_answers, "no start had changes to lay beside the index");
  }
  fmt::print("kill_cycles: seed {}: {} kills, {} starts beside settling changes, {}\n", seed, kills,
             settling, run.Summary());
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

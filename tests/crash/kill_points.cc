// R3: the server ends by SIGKILL at each named point of its source (base/kill_point.h), while eight
// programs write and an operator takes snapshots, makes and drops collections and changes the
// index. After the next start everything acknowledged must be there, whole, and every snapshot
// good. A point that is not reached within two minutes is a failure.
//   kill_points [--times 1] [--sample N | --point NAME...] [--seed N]
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <iostream>
#include <random>
#include <thread>

#include "CLI/CLI.hpp"
#include "base/kill_point.h"
#include "fmt/format.h"
#include "tests/crash/crash_operator.h"
#include "tests/crash/crash_run.h"
#include "tests/support/temporary_directory.h"

namespace simile {
namespace {

constexpr std::chrono::seconds kReachedWithin{120};
constexpr int kKilled = 128 + SIGKILL;

// How often a point is passed before the end: some are passed with every write, some rarely.
uint32_t PassesMax(std::string_view point) {
  for (const std::string_view often : {"commit.", "upsert.", "remove.", "patch."}) {
    if (point.starts_with(often)) return 60;
  }
  return point.starts_with("file.") || point.starts_with("checkpoint.") ? 8 : 3;
}

class KillPoints {
 public:
  explicit KillPoints(uint32_t seed)
      : seed_(seed),
        random_(seed),
        run_(directory_.path() + "/data", v1::DURABILITY_FSYNC, random_),
        operator_(run_) {}

  bool Run(const std::vector<std::string>& points, size_t times) {
    run_.SetOccasion(fmt::format("at the start, seed {}", seed_));
    if (Serves()) {
      run_.Create();
      run_.server().Kill();
    }
    for (size_t time = 0; time < times; ++time) {
      for (const std::string& point : points) {
        if (run_.findings().failed_starts > 0) break;
        Kill(point);
      }
    }
    fmt::print("kill_points: seed {}: {} points, {} kills, {} not reached, {}\n", seed_,
               points.size(), kills_, not_reached_, run_.Summary());
    return run_.findings().all() == 0 && not_reached_ == 0;
  }

 private:
  void Kill(const std::string& point) {
    const std::string at = fmt::format("{}:{}", point, 1 + random_() % PassesMax(point));
    run_.SetOccasion(fmt::format("killed at {}, seed {}", at, seed_));
    if (point.starts_with("restore.")) return KillRestore(point + ":1");
    // A start may come by the point itself; then it does not serve.
    if (run_.Start({"SIMILE_KILL_AT=" + at})) {
      run_.BeginWriting();
      operator_.Begin();
      AwaitEnd();
      run_.FinishWriting();
      operator_.Finish();
    }
    CountEnd(at, run_.server().process().Wait());
    if (!Serves()) return;
    run_.Check();
    operator_.Check();
    run_.server().Kill();
  }

  void AwaitEnd() {
    const auto give_up = std::chrono::steady_clock::now() + kReachedWithin;
    while (run_.server().process().Running() && std::chrono::steady_clock::now() < give_up) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    // SIGTERM is no SIGKILL, so the exit code tells that the point was not reached.
    if (run_.server().process().Running()) run_.server().Stop();
  }

  void CountEnd(const std::string& at, int exit_code) {
    if (exit_code == kKilled) {
      ++kills_;
    } else {
      ++not_reached_;
      std::cerr << at << " was not reached: exit code " << exit_code << ", seed " << seed_ << "\n";
    }
  }

  // Nothing is at the target until all of it is; the next attempt is not in the way of the first.
  void KillRestore(const std::string& at) {
    const std::string snapshot = directory_.path() + "/data/snapshots/to-restore";
    const std::string target = fmt::format("{}/restored-{}", directory_.path(), kills_);
    if (!Serves()) return;
    Client client({.server = run_.server().address()});
    if (const auto taken = client.CreateSnapshot("to-restore"); !taken.ok()) {
      run_.Wrong(run_.findings().refused, taken.status().ToString());
    }
    const auto restore = [&](const std::vector<std::string>& environment) {
      return ChildProcess({ServerBinary(), "restore", snapshot, "--data-dir", target},
                          directory_.path() + "/restore.log", environment)
          .Wait();
    };
    CountEnd(at, restore({"SIMILE_KILL_AT=" + at}));
    if (std::filesystem::exists(target)) {
      run_.Wrong(run_.findings().torn, target + " is there before it is whole");
    }
    CheckRestored(target, restore({}), client.CountDocuments(kCrashCollection));
    if (absl::Status s = client.DeleteSnapshot("to-restore"); !s.ok()) {
      run_.Wrong(run_.findings().refused, s.ToString());
    }
    run_.server().Kill();
    std::filesystem::remove_all(target);
  }

  void CheckRestored(const std::string& target, int exit_code,
                     const absl::StatusOr<uint64_t>& wanted) {
    ServerProcess restored(target);
    if (exit_code != 0 || !restored.serving()) {
      return run_.Wrong(run_.findings().failed_starts, restored.log());
    }
    const auto count = Client({.server = restored.address()}).CountDocuments(kCrashCollection);
    if (!count.ok() || !wanted.ok() || *count != *wanted) {
      run_.Wrong(run_.findings().lost, fmt::format("{} documents are restored of {}",
                                                   count.value_or(0), wanted.value_or(0)));
    }
    restored.Kill();
  }

  bool Serves() {
    if (run_.Start()) return true;
    run_.Wrong(run_.findings().failed_starts, run_.server().log());
    return false;
  }

  const uint32_t seed_;
  std::mt19937 random_;
  TemporaryDirectory directory_;
  CrashRun run_;
  CrashOperator operator_;
  size_t kills_ = 0;
  size_t not_reached_ = 0;
};

}  // namespace
}  // namespace simile

int main(int argc, char** argv) {
  CLI::App app("SIGKILL at named points of the server");
  size_t times = 1;
  uint32_t seed = std::random_device()();
  std::vector<std::string> points(std::begin(simile::kKillPoints), std::end(simile::kKillPoints));
  size_t sample = points.size();
  app.add_option("--sample", sample, "only so many points, drawn by the seed");
  app.add_option("--times", times, "kills at each point");
  app.add_option("--point", points, "only these")->check(CLI::IsMember(points));
  app.add_option("--seed", seed, "the same again");
  CLI11_PARSE(app, argc, argv);
  if (sample < points.size()) {
    std::shuffle(points.begin(), points.end(), std::mt19937(seed));
    points.resize(sample);
  }
  return simile::KillPoints(seed).Run(points, times) ? 0 : 1;
}

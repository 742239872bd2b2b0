// R2: the power of the disk is cut again and again while eight programs write and an operator takes
// snapshots, makes and drops collections and changes the index. The data directory is on a file
// system in a file; the server is stopped, the file copied, and the next start is on the copy: what
// was not synced is not in it. Everything acknowledged before must be there, and every snapshot
// good. Without syncs there is no operator: what it does is synced always.
//   power_cut [--cuts 5] [--durability fsync|os-buffer] [--seed N]
// Ends with 77, and says why, where there is no root or no loop device.
#include <signal.h>

#include <chrono>
#include <filesystem>
#include <iostream>
#include <optional>
#include <random>
#include <thread>

#include "CLI/CLI.hpp"
#include "fmt/format.h"
#include "tests/crash/crash_operator.h"
#include "tests/crash/crash_run.h"
#include "tests/crash/loop_disk.h"
#include "tests/support/temporary_directory.h"

namespace simile {
namespace {

constexpr int kSkipped = 77;

// Whether every thread of the process has seen SIGSTOP: one may be inside a sync until then.
bool IsStopped(pid_t pid) {
  for (const auto& task : std::filesystem::directory_iterator(fmt::format("/proc/{}/task", pid))) {
    const std::string status = ReadFile(task.path() / "stat");
    const size_t name_end = status.rfind(')');
    if (name_end == status.npos || status.compare(name_end, 3, ") T") != 0) return false;
  }
  return true;
}

// Stops the server, sets aside what is on the disk at that moment, and ends the server.
absl::Status CutPower(ServerProcess& server, LoopDisk& disk) {
  server.process().Signal(SIGSTOP);
  while (!IsStopped(server.process().pid())) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  absl::Status copied = disk.CopyAsCut();
  server.Kill();
  return copied;
}

int PowerCuts(size_t cuts, v1::Durability durability, uint32_t seed) {
  std::mt19937 random(seed);
  const TemporaryDirectory directory;
  LoopDisk disk(directory.path());
  if (absl::Status s = disk.MakeAndMount(); !s.ok()) {
    std::cerr << "power_cut: SKIPPED, nothing was tested: " << s.ToString() << "\n";
    return kSkipped;
  }
  CrashRun run(disk.mount_point() + "/data", durability, random);
  std::optional<CrashOperator> crash_operator;
  if (durability == v1::DURABILITY_FSYNC) crash_operator.emplace(run);
  for (size_t cut = 0; cut <= cuts; ++cut) {
    run.SetOccasion(fmt::format("after cut {}, seed {}", cut, seed));
    if (!run.Start()) {
      run.Wrong(run.findings().failed_starts, run.server().log());
      break;
    }
    if (cut == 0) {
      run.Create();
    } else {
      run.Check();
      if (crash_operator.has_value()) crash_operator->Check();
    }
    if (cut == cuts) break;
    run.BeginWriting();
    if (crash_operator.has_value()) crash_operator->Begin();
    std::this_thread::sleep_for(std::chrono::milliseconds(500 + random() % 1'500));
    absl::Status done = CutPower(run.server(), disk);
    run.FinishWriting();
    if (crash_operator.has_value()) crash_operator->Finish();
    if (done.ok()) done = disk.MountCut();
    if (!done.ok()) {
      std::cerr << "power_cut: " << done.ToString() << "\n";
      return 1;
    }
  }
  run.server().Kill();
  fmt::print("power_cut: seed {}, {}: {} cuts, {}\n", seed, v1::Durability_Name(durability), cuts,
             run.Summary());
  return run.findings().all() == 0 ? 0 : 1;
}

}  // namespace
}  // namespace simile

int main(int argc, char** argv) {
  CLI::App app("power cuts while eight programs write");
  size_t cuts = 5;
  std::string durability = "fsync";
  uint32_t seed = std::random_device()();
  app.add_option("--cuts", cuts, "power cuts");
  app.add_option("--durability", durability, "of the writes; os-buffer shows that cuts lose some")
      ->check(CLI::IsMember({"fsync", "os-buffer"}));
  app.add_option("--seed", seed, "the same again");
  CLI11_PARSE(app, argc, argv);
  return simile::PowerCuts(
      cuts, durability == "fsync" ? simile::v1::DURABILITY_FSYNC : simile::v1::DURABILITY_OS_BUFFER,
      seed);
}

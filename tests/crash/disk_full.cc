// R4: the disk of a server becomes full, by its own writers and then to the last byte by somebody
// else, and there is space again.
//   disk_full [--seed N]
// Ends with 77, and says why, where there is no root or no loop device.
#include <atomic>
#include <chrono>
#include <filesystem>
#include <functional>
#include <iostream>
#include <random>
#include <thread>

#include "CLI/CLI.hpp"
#include "fmt/format.h"
#include "tests/crash/disk_fill.h"
#include "tests/crash/full_disk_run.h"
#include "tests/crash/loop_disk.h"
#include "tests/support/temporary_directory.h"

namespace simile {
namespace {

constexpr int kSkipped = 77;
constexpr uint64_t kDiskBytes = 320ull << 20;

// There is room for a part of what is restored, which takes it in the log and in tables. By a
// server of its own, since what is left of a restore gives space back at any time later.
void RestoreHalfWay(FullDiskRun& run, DiskFill& fill) {
  constexpr size_t kDocumentsOfEach = 1'000;
  constexpr uint64_t kRoomBytes = 8 << 20;
  run.SetOccasion("a restore that meets the end of the disk");
  if (!run.Start()) return;
  run.Create();
  run.WriteSome(kDocumentsOfEach);
  run.TakeSnapshot();
  fill.Leave(FullDiskRun::free_bytes_min() + kRoomBytes);
  run.CheckRestoreEndsHalfWay();
  fill.Remove();
  run.CheckRestoreWorks();
  run.Kill();
}

// Writers fill the disk up to what the server keeps free.
void FillByWriting(FullDiskRun& run) {
  run.SetOccasion("full by its own writers");
  run.Create();
  run.TakeSnapshot();
  run.WriteUntilRefused();
  run.CheckWritesAreRefused();
  run.CheckOthersGoOn();
  run.CheckSnapshotsAreRefused();
}

// Somebody else takes the rest, and takes again what is given up.
void FillToTheLastByte(FullDiskRun& run, DiskFill& fill) {
  run.SetOccasion("full to the last byte");
  fmt::print("disk_full: a foreign file takes {} bytes\n", fill.Fill());
  run.CheckWritesAreRefused();
  run.DeleteMany();
  fmt::print("disk_full: and {} more after deletions\n", fill.Fill());
  run.DeleteMany();
  run.CheckWritesAreRefused();
  run.CheckOthersGoOn();
  run.CheckSnapshotsAreRefused();
}

int FullDisks(uint32_t seed) {
  const TemporaryDirectory directory;
  LoopDisk disk(directory.path(), kDiskBytes);
  if (absl::Status s = disk.MakeAndMount(); !s.ok()) {
    std::cerr << "disk_full: SKIPPED, nothing was tested: " << s.ToString() << "\n";
    return kSkipped;
  }
  DiskFill fill(disk.mount_point() + "/foreign");
  FullDiskRun restoring(disk.mount_point() + "/restoring", seed);
  RestoreHalfWay(restoring, fill);
  std::filesystem::remove_all(disk.mount_point() + "/restoring");
  FullDiskRun run(disk.mount_point() + "/data", seed);
  if (run.Start()) {
    FillByWriting(run);
    FillToTheLastByte(run, fill);
    run.SetOccasion("started on the full disk");
    run.Kill();
    if (run.Start()) {
      run.CheckDocuments();
      // The log that was read, and files of the server before, need no space any more.
      fmt::print("disk_full: and {} more after the start\n", fill.Fill());
      run.CheckWritesAreRefused();
      run.CheckOthersGoOn();
      run.SetOccasion("with space again");
      fill.Remove();
      run.CheckWritesGoOn();
      run.CheckDocuments();
      run.Kill();
      run.SetOccasion("after one more start");
      if (run.Start()) run.CheckDocuments();
    }
  }
  run.Kill();
  fmt::print("disk_full: seed {}, {}\n", seed, run.Summary());
  return run.findings() + restoring.findings() == 0 ? 0 : 1;
}

}  // namespace
}  // namespace simile

int main(int argc, char** argv) {
  CLI::App app("a disk that becomes full, and has space again");
  uint32_t seed = std::random_device()();
  app.add_option("--seed", seed, "the same again");
  CLI11_PARSE(app, argc, argv);
  return simile::FullDisks(seed);
}

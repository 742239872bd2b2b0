#ifndef SIMILE_TESTS_CRASH_LOOP_DISK_H_
#define SIMILE_TESTS_CRASH_LOOP_DISK_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"

namespace simile {

// An ext4 file system in a file, mounted on a directory: a disk whose power can be cut. What the
// kernel holds in memory for it and has not written yet is not in the file, so a copy of the file
// is what a power cut would leave.
//
// The mount is in a namespace of this process, so it goes with the process however that ends, and
// the loop device with it. Thread safety: none.
class LoopDisk {
 public:
  // Files and mount point lie in `directory`. The disk has `bytes`, taken as they are written.
  explicit LoopDisk(std::string directory, uint64_t bytes = 2ull << 30);
  ~LoopDisk();
  LoopDisk(const LoopDisk&) = delete;
  LoopDisk& operator=(const LoopDisk&) = delete;

  // To be called while the process has one thread. FailedPrecondition says what is missing: root,
  // loop devices, mkfs.ext4.
  absl::Status MakeAndMount();

  // Sets aside what is in the file now. Who writes to the disk must be stopped.
  absl::Status CopyAsCut();

  // Mounts what was set aside in place of the disk. No process may have files open on it.
  absl::Status MountCut();

  std::string mount_point() const { return directory_ + "/mounted"; }

 private:
  absl::Status Mount();
  absl::Status Unmount();

  const std::string directory_;
  const uint64_t bytes_;
  bool is_mounted_ = false;
};

}  // namespace simile

#endif  // SIMILE_TESTS_CRASH_LOOP_DISK_H_

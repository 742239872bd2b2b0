#include "tests/crash/loop_disk.h"

#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>
#include <vector>

#include "fmt/format.h"
#include "tests/support/child_process.h"

namespace simile {
namespace {

absl::Status RunTool(std::vector<std::string> arguments) {
  // Found by PATH, which the shell's `exec` and env(1) look at and execv(2) does not.
  arguments.insert(arguments.begin(), "/usr/bin/env");
  const CommandResult result = RunCommand(arguments);
  if (result.exit_code == 0) return absl::OkStatus();
  return absl::FailedPreconditionError(
      fmt::format("{} ended with {}: {}", arguments[1], result.exit_code, result.errors));
}

absl::Status SystemError(const std::string& doing) {
  return absl::FailedPreconditionError(fmt::format("{}: {}", doing, std::strerror(errno)));
}

}  // namespace

LoopDisk::LoopDisk(std::string directory, uint64_t bytes)
    : directory_(std::move(directory)), bytes_(bytes) {}

LoopDisk::~LoopDisk() { Unmount().IgnoreError(); }

absl::Status LoopDisk::MakeAndMount() {
  if (geteuid() != 0) return absl::FailedPreconditionError("mounting needs root");
  if (unshare(CLONE_NEWNS) != 0) return SystemError("a mount namespace");
  if (mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
    return SystemError("making mounts private");
  }
  std::error_code error;
  std::filesystem::create_directories(mount_point(), error);
  const std::string image = directory_ + "/disk";
  if (absl::Status s = RunTool({"truncate", "-s", fmt::format("{}", bytes_), image}); !s.ok()) {
    return s;
  }
  absl::Status made = RunTool({"mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0", image});
  return made.ok() ? Mount() : made;
}

absl::Status LoopDisk::CopyAsCut() {
  return RunTool({"cp", "--sparse=always", directory_ + "/disk", directory_ + "/cut"});
}

absl::Status LoopDisk::MountCut() {
  if (absl::Status s = Unmount(); !s.ok()) return s;
  if (std::rename((directory_ + "/cut").c_str(), (directory_ + "/disk").c_str()) != 0) {
    return SystemError("renaming the copy");
  }
  return Mount();
}

absl::Status LoopDisk::Mount() {
  // The file system's own commits, which would write what nobody has synced, are put off.
  absl::Status mounted =
      RunTool({"mount", "-o", "loop,commit=300", directory_ + "/disk", mount_point()});
  is_mounted_ = mounted.ok();
  return mounted;
}

absl::Status LoopDisk::Unmount() {
  if (!is_mounted_) return absl::OkStatus();
  if (umount(mount_point().c_str()) != 0) return SystemError("unmounting the disk");
  is_mounted_ = false;
  return absl::OkStatus();
}

}  // namespace simile

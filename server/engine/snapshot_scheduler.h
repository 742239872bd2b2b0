#ifndef SIMILE_SERVER_ENGINE_SNAPSHOT_SCHEDULER_H_
#define SIMILE_SERVER_ENGINE_SNAPSHOT_SCHEDULER_H_

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "server/engine/mutex.h"
#include "storage/snapshots.h"

namespace simile {

// Takes a snapshot whenever the last one of its own is `interval` old, also across restarts, and
// keeps the newest few. Its own begin with "auto-"; others it never touches. What fails is logged,
// and tried again after a tenth of the interval.
//
// Thread safety: none needed; it has a thread of its own.
class SnapshotScheduler {
 public:
  // What it asks the database.
  struct Actions {
    std::function<absl::StatusOr<std::vector<SnapshotManifest>>()> list;  // Those that can be read.
    std::function<absl::Status(const std::string&)> create;
    std::function<absl::Status(const std::string&)> remove;
  };

  // An interval of 0 means never. `kept_max` is at least 1.
  SnapshotScheduler(Actions actions, std::chrono::milliseconds interval, size_t kept_max);

  // Finishes the snapshot that is being taken.
  ~SnapshotScheduler();
  SnapshotScheduler(const SnapshotScheduler&) = delete;
  SnapshotScheduler& operator=(const SnapshotScheduler&) = delete;

 private:
  using Clock = std::chrono::system_clock;

  void Run();
  // Takes one if it is due, and returns how long to wait.
  std::chrono::milliseconds Step();
  absl::Status RemoveOld(const std::vector<SnapshotManifest>& own);

  const Actions actions_;
  const std::chrono::milliseconds interval_;
  const size_t kept_max_;

  Mutex mutex_;
  std::condition_variable_any closing_changed_;
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace simile

#endif  // SIMILE_SERVER_ENGINE_SNAPSHOT_SCHEDULER_H_

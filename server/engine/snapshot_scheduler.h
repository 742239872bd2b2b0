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

// What the server takes by itself, and how that goes. Times in milliseconds since 1970.
struct SnapshotSchedule {
  std::chrono::milliseconds interval{0};  // 0: none is taken, and all below but kept_max is empty.
  size_t kept_max = 0;
  size_t kept = 0;     // Its own, at the last look.
  std::string newest;  // Of these; empty: none.
  int64_t newest_unix_ms = 0;
  int64_t next_unix_ms = 0;  // When the next look is; 0: at once.
  std::string failure;       // Why the last one was not made, or an old one not removed.
  int64_t failure_unix_ms = 0;
};

// Takes a snapshot whenever the last one of its own is `interval` old, also across restarts, and
// keeps the newest few. Its own begin with "auto-"; others it never touches. What fails is logged,
// and tried again after a tenth of the interval.
//
// Thread safety: all methods may be called together; it has a thread of its own.
class SnapshotScheduler {
 public:
  // What it asks the database.
  struct Actions {
    std::function<absl::StatusOr<std::vector<SnapshotManifest>>()> list;  // Those that can be read.
    std::function<absl::StatusOr<SnapshotManifest>(const std::string&)> create;
    std::function<absl::Status(const std::string&)> remove;
  };

  // An interval of 0 means never. `kept_max` is at least 1.
  SnapshotScheduler(Actions actions, std::chrono::milliseconds interval, size_t kept_max);

  // Finishes the snapshot that is being taken.
  ~SnapshotScheduler();
  SnapshotScheduler(const SnapshotScheduler&) = delete;
  SnapshotScheduler& operator=(const SnapshotScheduler&) = delete;

  SnapshotSchedule Schedule() const;

 private:
  using Clock = std::chrono::system_clock;

  void Run();
  // Takes one if it is due, and returns how long to wait.
  std::chrono::milliseconds Step();
  absl::StatusOr<std::vector<SnapshotManifest>> ListOwn() const;  // Oldest first.
  absl::Status RemoveOld(const std::vector<SnapshotManifest>& own);
  void Note(const std::vector<SnapshotManifest>& own);
  void NoteFailure(const std::string& failure);

  const Actions actions_;
  const std::chrono::milliseconds interval_;
  const size_t kept_max_;

  mutable Mutex mutex_;
  std::condition_variable_any closing_changed_;
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;
  SnapshotSchedule schedule_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace simile

#endif  // SIMILE_SERVER_ENGINE_SNAPSHOT_SCHEDULER_H_

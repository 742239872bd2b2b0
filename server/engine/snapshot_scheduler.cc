#include "server/engine/snapshot_scheduler.h"

#include <algorithm>
#include <utility>

#include "fmt/chrono.h"
#include "fmt/format.h"
#include "server/engine/errors.h"
#include "spdlog/spdlog.h"

namespace simile {
namespace {

constexpr std::string_view kPrefix = "auto-";

// Never waits longer in one go, so that a clock that is set is noticed.
constexpr std::chrono::milliseconds kLookAgain{60'000};

std::string NameOf(std::chrono::system_clock::time_point time) {
  const auto ms =
      std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count() % 1000;
  return fmt::format("{}{:%Y%m%d-%H%M%S}-{:03}", kPrefix,
                     fmt::gmtime(std::chrono::system_clock::to_time_t(time)), ms);
}

}  // namespace

SnapshotScheduler::SnapshotScheduler(Actions actions, std::chrono::milliseconds interval,
                                     size_t kept_max)
    : actions_(std::move(actions)), interval_(interval), kept_max_(kept_max) {
  if (interval_.count() > 0) thread_ = std::thread([this] { Run(); });
}

SnapshotScheduler::~SnapshotScheduler() {
  {
    WriteLock lock(mutex_);
    closing_ = true;
  }
  closing_changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void SnapshotScheduler::Run() {
  for (;;) {
    const std::chrono::milliseconds wait = Step();
    WriteLock lock(mutex_);
    if (!closing_) closing_changed_.wait_for(mutex_, std::min(wait, kLookAgain));
    if (closing_) return;
  }
}

std::chrono::milliseconds SnapshotScheduler::Step() {
  const auto retry =
      std::max<std::chrono::milliseconds>(std::chrono::milliseconds(1), interval_ / 10);
  auto snapshots = actions_.list();
  if (!snapshots.ok()) {
    spdlog::warn("snapshots cannot be listed, so none is taken: {}", MessageOf(snapshots.status()));
    return retry;
  }
  std::erase_if(*snapshots,
                [](const SnapshotManifest& one) { return !one.name.starts_with(kPrefix); });
  std::ranges::sort(*snapshots, {}, &SnapshotManifest::created_unix_ms);
  const auto now = Clock::now();
  const auto now_ms = std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch());
  if (!snapshots->empty()) {
    // One of the future is of a clock that was set back.
    const std::chrono::milliseconds age =
        now_ms - std::chrono::milliseconds(snapshots->back().created_unix_ms);
    if (age.count() >= 0 && age < interval_) return interval_ - age;
  }
  const std::string name = NameOf(now);
  // The database logs why one was not made.
  if (!actions_.create(name).ok()) return retry;
  snapshots->push_back({.name = name});
  if (absl::Status s = RemoveOld(*snapshots); !s.ok()) {
    spdlog::warn("an old snapshot cannot be removed: {}", MessageOf(s));
  }
  return interval_;
}

absl::Status SnapshotScheduler::RemoveOld(const std::vector<SnapshotManifest>& own) {
  for (size_t at = 0; at + kept_max_ < own.size(); ++at) {
    if (absl::Status s = actions_.remove(own[at].name); !s.ok()) return s;
    spdlog::info("removed snapshot '{}': {} are kept", own[at].name, kept_max_);
  }
  return absl::OkStatus();
}

}  // namespace simile

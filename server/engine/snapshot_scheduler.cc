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

int64_t UnixMs(std::chrono::system_clock::time_point time) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
}

std::string NameOf(std::chrono::system_clock::time_point time) {
  return fmt::format("{}{:%Y%m%d-%H%M%S}-{:03}", kPrefix,
                     fmt::gmtime(std::chrono::system_clock::to_time_t(time)), UnixMs(time) % 1000);
}

}  // namespace

SnapshotScheduler::SnapshotScheduler(Actions actions, std::chrono::milliseconds interval,
                                     size_t kept_max)
    : actions_(std::move(actions)), interval_(interval), kept_max_(kept_max) {
  schedule_.interval = interval_;
  schedule_.kept_max = kept_max_;
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

SnapshotSchedule SnapshotScheduler::Schedule() const {
  ReadLock lock(mutex_);
  return schedule_;
}

void SnapshotScheduler::Run() {
  for (;;) {
    const std::chrono::milliseconds wait = Step();
    WriteLock lock(mutex_);
    schedule_.next_unix_ms = UnixMs(Clock::now() + wait);
    if (!closing_) closing_changed_.wait_for(mutex_, std::min(wait, kLookAgain));
    if (closing_) return;
  }
}

std::chrono::milliseconds SnapshotScheduler::Step() {
  const auto retry =
      std::max<std::chrono::milliseconds>(std::chrono::milliseconds(1), interval_ / 10);
  auto own = ListOwn();
  if (!own.ok()) {
    spdlog::warn("snapshots cannot be listed, so none is taken: {}", MessageOf(own.status()));
    NoteFailure(MessageOf(own.status()));
    return retry;
  }
  Note(*own);
  const auto now = Clock::now();
  if (!own->empty()) {
    // One of the future is of a clock that was set back.
    const std::chrono::milliseconds age(UnixMs(now) - own->back().created_unix_ms);
    if (age.count() >= 0 && age < interval_) return interval_ - age;
  }
  auto created = actions_.create(NameOf(now));
  if (!created.ok()) {
    // The database logs why one was not made.
    NoteFailure(MessageOf(created.status()));
    return retry;
  }
  NoteFailure("");
  own->push_back(*std::move(created));
  if (absl::Status s = RemoveOld(*own); !s.ok()) {
    spdlog::warn("an old snapshot cannot be removed: {}", MessageOf(s));
    NoteFailure(MessageOf(s));
  }
  if (auto left = ListOwn(); left.ok()) Note(*left);
  return interval_;
}

absl::StatusOr<std::vector<SnapshotManifest>> SnapshotScheduler::ListOwn() const {
  auto own = actions_.list();
  if (!own.ok()) return own;
  std::erase_if(*own, [](const SnapshotManifest& one) { return !one.name.starts_with(kPrefix); });
  std::ranges::sort(*own, {}, &SnapshotManifest::created_unix_ms);
  return own;
}

absl::Status SnapshotScheduler::RemoveOld(const std::vector<SnapshotManifest>& own) {
  for (size_t at = 0; at + kept_max_ < own.size(); ++at) {
    if (absl::Status s = actions_.remove(own[at].name); !s.ok()) return s;
    spdlog::info("removed snapshot '{}': {} are kept", own[at].name, kept_max_);
  }
  return absl::OkStatus();
}

void SnapshotScheduler::Note(const std::vector<SnapshotManifest>& own) {
  WriteLock lock(mutex_);
  schedule_.kept = own.size();
  schedule_.newest = own.empty() ? "" : own.back().name;
  schedule_.newest_unix_ms = own.empty() ? 0 : own.back().created_unix_ms;
}

void SnapshotScheduler::NoteFailure(const std::string& failure) {
  WriteLock lock(mutex_);
  schedule_.failure = failure;
  schedule_.failure_unix_ms = failure.empty() ? 0 : UnixMs(Clock::now());
}

}  // namespace simile

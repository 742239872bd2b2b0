#include "server/engine/checkpointer.h"

#include <algorithm>
#include <utility>

#include "server/engine/errors.h"
#include "server/engine/stopwatch.h"
#include "spdlog/spdlog.h"

namespace simile {
namespace {

// Looked for changes so often within an interval.
constexpr int kLooksPerInterval = 4;

// A checkpoint is followed by a rest of so many times what it took.
constexpr int kRestPerWork = 20;

}  // namespace

Checkpointer::Checkpointer(Collections collections, std::chrono::milliseconds interval)
    : collections_(std::move(collections)), interval_(interval) {
  if (interval_.count() > 0) thread_ = std::thread([this] { Run(); });
}

Checkpointer::~Checkpointer() {
  {
    WriteLock lock(mutex_);
    closing_ = true;
  }
  closing_changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Checkpointer::Run() {
  for (;;) {
    {
      WriteLock lock(mutex_);
      if (!closing_) closing_changed_.wait_for(mutex_, interval_ / kLooksPerInterval);
      if (closing_) return;
    }
    WriteDue();
  }
}

void Checkpointer::WriteDue() {
  std::map<uint32_t, Progress> progress;
  for (const std::shared_ptr<Collection>& collection : collections_()) {
    Progress& own = progress[collection->id()] = std::move(progress_[collection->id()]);
    if (Clock::now() < own.due || !collection->HasUnwrittenChanges()) continue;
    const Stopwatch watch;
    const auto report = collection->WriteCheckpoint();
    const auto took = watch.Elapsed();
    own.due = Clock::now() + std::max<Clock::duration>(interval_, kRestPerWork * took);
    const std::string error = report.ok() ? "" : MessageOf(report.status());
    if (!error.empty() && error != own.last_error) {
      spdlog::warn(
          "collection '{}': its index is not kept in files, so a restart will take longer: "
          "{}",
          collection->name(), error);
    }
    own.last_error = error;
    collection->RebuildIndexIfStale();
  }
  progress_ = std::move(progress);
}

}  // namespace simile

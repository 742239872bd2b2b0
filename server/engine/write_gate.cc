#include "server/engine/write_gate.h"

#include <algorithm>
#include <chrono>

namespace simile {
namespace {

// How often one that waits looks whether it is still wanted.
constexpr std::chrono::milliseconds kWantedPoll{50};

}  // namespace

bool WriteGate::MayEnter(const Ids& ids) const {
  const auto shares_none = [&ids](const Ids& others) {
    return std::ranges::none_of(ids, [&](const std::string& id) { return others.contains(id); });
  };
  if (!shares_none(held_)) return false;
  for (const Ids* earlier : waiting_) {
    if (earlier == &ids) return true;
    if (!shares_none(*earlier)) return false;
  }
  return true;
}

absl::StatusOr<std::unique_ptr<WriteGate::Pass>> WriteGate::Enter(
    const std::vector<std::string>& ids, const CallContext& context) {
  Ids wanted(ids.begin(), ids.end());
  absl::Status status;
  {
    std::unique_lock lock(mutex_);
    waiting_.push_back(&wanted);
    const auto may_enter = [&] { return MayEnter(wanted); };
    while (!may_enter() && status.ok()) {
      changed_.wait_for(lock, kWantedPoll, may_enter);
      status = context.Check();
    }
    std::erase(waiting_, &wanted);
    if (status.ok()) held_.insert(wanted.begin(), wanted.end());
  }
  // Somebody behind it may share ids with nobody else.
  changed_.notify_all();
  if (!status.ok()) return status;
  return std::make_unique<Pass>(*this, std::move(wanted));
}

WriteGate::Pass::~Pass() {
  {
    std::lock_guard lock(gate_.mutex_);
    for (const std::string& id : ids_) gate_.held_.erase(id);
  }
  gate_.changed_.notify_all();
}

}  // namespace simile

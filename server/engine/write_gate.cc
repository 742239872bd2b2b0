#include "server/engine/write_gate.h"

#include <algorithm>
#include <utility>

namespace simile {

WriteGate::Pass::Pass(WriteGate& gate, std::vector<std::string> ids)
    : gate_(gate), ids_(std::move(ids)) {
  std::unique_lock lock(gate_.mutex_);
  gate_.freed_.wait(lock, [this] {
    return std::none_of(ids_.begin(), ids_.end(),
                        [this](const std::string& id) { return gate_.held_.contains(id); });
  });
  // An id that comes twice in one write is held once.
  for (const std::string& id : ids_) gate_.held_.insert(id);
}

WriteGate::Pass::~Pass() {
  {
    std::lock_guard lock(gate_.mutex_);
    for (const std::string& id : ids_) gate_.held_.erase(id);
  }
  gate_.freed_.notify_all();
}

}  // namespace simile

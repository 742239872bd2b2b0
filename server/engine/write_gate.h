#ifndef SIMILE_SERVER_ENGINE_WRITE_GATE_H_
#define SIMILE_SERVER_ENGINE_WRITE_GATE_H_

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_set>
#include <vector>

#include "absl/status/statusor.h"
#include "server/engine/call_context.h"

namespace simile {

// Lets writes of different documents run together and those of the same id one after the other.
// Without it two writers of one id could commit in one order and change the index in the other.
//
// A pass takes all of its ids at once or waits, in the order of arrival, and nobody waits while
// holding a pass, so there is no deadlock and nobody is overtaken for ever.
//
// Thread safety: all methods may be called together.
class WriteGate {
 private:
  using Ids = std::unordered_set<std::string>;

 public:
  // The right to write the ids it was given for; ends with its life.
  class Pass {
   public:
    Pass(WriteGate& gate, Ids ids) : gate_(gate), ids_(std::move(ids)) {}
    ~Pass();
    Pass(const Pass&) = delete;
    Pass& operator=(const Pass&) = delete;

   private:
    WriteGate& gate_;
    const Ids ids_;
  };

  // Waits for the ids; one that comes twice is held once. Cancelled or DeadlineExceeded as
  // `context` says.
  absl::StatusOr<std::unique_ptr<Pass>> Enter(const std::vector<std::string>& ids,
                                              const CallContext& context);

 private:
  bool MayEnter(const Ids& ids) const;

  std::mutex mutex_;  // Guards all below.
  std::condition_variable changed_;
  Ids held_;
  std::deque<const Ids*> waiting_;  // In order of arrival.
};

}  // namespace simile

#endif  // SIMILE_SERVER_ENGINE_WRITE_GATE_H_

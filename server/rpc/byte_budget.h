#ifndef SIMILE_SERVER_RPC_BYTE_BUDGET_H_
#define SIMILE_SERVER_RPC_BYTE_BUDGET_H_

#include <cstdint>
#include <deque>
#include <functional>

#include "server/engine/mutex.h"

namespace simile {

// Counts the bytes of all messages being worked on, so that memory stays bounded. gRPC's own quota
// is not trusted with that (server/README.md).
//
// Thread safety: all methods may be called together.
class ByteBudget {
 public:
  explicit ByteBudget(uint64_t bytes_max) : bytes_max_(bytes_max) {}

  // Takes `bytes` if they fit, or if nothing else is taken. None always fit.
  bool TryTake(uint64_t bytes);

  // Takes `bytes` of a message that is in memory already, whether they fit or not.
  void Take(uint64_t bytes);

  void Release(uint64_t bytes);

  // True when less than the maximum is taken. Otherwise false, and `resume` is called once from
  // the thread that makes room. Streams ask so before they read on.
  bool HasRoom(std::function<void()> resume);

  uint64_t bytes_taken() const;
  uint64_t bytes_max() const { return bytes_max_; }

 private:
  const uint64_t bytes_max_;

  mutable Mutex mutex_;
  uint64_t bytes_taken_ ABSL_GUARDED_BY(mutex_) = 0;
  std::deque<std::function<void()>> waiting_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace simile

#endif  // SIMILE_SERVER_RPC_BYTE_BUDGET_H_

#ifndef SIMILE_SERVER_RPC_STALL_ALARM_H_
#define SIMILE_SERVER_RPC_STALL_ALARM_H_

#include <grpcpp/alarm.h>
#include <grpcpp/server_context.h>

#include <memory>

#include "server/engine/mutex.h"

namespace simile {

// Cancels a call whose client does not take what it was sent within 30 seconds, so that answers
// nobody reads do not fill the memory.
//
// Thread safety: Start and Stop from one thread at a time.
class StallAlarm {
 public:
  // `context` must outlive the alarm.
  explicit StallAlarm(grpc::CallbackServerContext& context);
  ~StallAlarm();
  StallAlarm(const StallAlarm&) = delete;
  StallAlarm& operator=(const StallAlarm&) = delete;

  // Something was sent; the time begins again.
  void Start();

  // It was taken.
  void Stop() { alarm_.reset(); }

 private:
  // gRPC calls back from a thread of its own, maybe after the end of the call.
  struct Watch {
    Mutex mutex;
    grpc::CallbackServerContext* context ABSL_GUARDED_BY(mutex) = nullptr;  // Null: gone.
  };

  const std::shared_ptr<Watch> watch_ = std::make_shared<Watch>();
  std::unique_ptr<grpc::Alarm> alarm_;
};

}  // namespace simile

#endif  // SIMILE_SERVER_RPC_STALL_ALARM_H_

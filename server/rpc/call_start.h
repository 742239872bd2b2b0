#ifndef SIMILE_SERVER_RPC_CALL_START_H_
#define SIMILE_SERVER_RPC_CALL_START_H_

#include <grpcpp/server_context.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>

#include "absl/status/status.h"
#include "server/engine/call_context.h"
#include "server/engine/limits.h"
#include "server/rpc/rpc_runtime.h"

namespace simile {

// Whether a message of that size may be worked on at all: Unavailable while stopping,
// ResourceExhausted with numbers and advice when it is too large.
absl::Status CheckMessage(const RpcRuntime& runtime, uint64_t message_bytes);

// ResourceExhausted with a time to try again: all bytes in flight are taken.
absl::Status NoRoomError(const ByteBudget& budget, uint64_t message_bytes);

// ResourceExhausted with a time to try again: the pool's queue is full.
absl::Status QueueFullError(const WorkPool& pool);

// The deadline the client set, cut to `deadline_ms_max`, a flag that a reactor sets on cancel, and
// what one answer may hold.
CallContext ContextOf(const RpcRuntime& runtime, const grpc::CallbackServerContext& context,
                      std::shared_ptr<const std::atomic<bool>> cancelled,
                      uint32_t deadline_ms_max = kDeadlineMsMax);

// ResourceExhausted when an answer has more bytes than one message may.
absl::Status CheckAnswerBytes(const RpcRuntime& runtime, uint64_t answer_bytes);

// Runs `work` and turns an exception, which only lack of memory should cause, into a status.
absl::Status GuardedCall(const std::function<absl::Status()>& work);

}  // namespace simile

#endif  // SIMILE_SERVER_RPC_CALL_START_H_

#ifndef SIMILE_SERVER_RPC_UNARY_CALL_H_
#define SIMILE_SERVER_RPC_UNARY_CALL_H_

#include <grpcpp/impl/codegen/proto_utils.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <utility>

#include "absl/status/statusor.h"
#include "server/engine/call_context.h"
#include "server/engine/stopwatch.h"
#include "server/rpc/call_start.h"
#include "server/rpc/error_mapping.h"
#include "server/rpc/message_check.h"
#include "server/rpc/rpc_runtime.h"
#include "server/rpc/stall_alarm.h"

namespace simile {

// One unary call. gRPC's thread checks the size, counts the bytes and queues; a thread of the pool
// parses, works, serialises and finishes. Owns itself: gRPC calls OnDone last.
template <typename Request, typename Response>
class UnaryCall final : public grpc::ServerUnaryReactor {
 public:
  using Handler =
      std::function<absl::StatusOr<Response>(const Request& request, const CallContext& context)>;

  // Starts the call on `pool`. `request` and `response` live until the call is done. A later
  // deadline than `deadline_ms_max` is shortened to it.
  static grpc::ServerUnaryReactor* Start(RpcRuntime& runtime, WorkPool& pool,
                                         grpc::CallbackServerContext& context,
                                         const grpc::ByteBuffer* request,
                                         grpc::ByteBuffer* response, Handler handler,
                                         uint32_t deadline_ms_max = kDeadlineMsMax) {
    auto* call =
        new UnaryCall(runtime, context, request, response, std::move(handler), deadline_ms_max);
    call->Admit(pool);
    return call;
  }

  void OnCancel() override { cancelled_->store(true); }

  // The client has the answer, or is gone: only now its memory is free.
  void OnDone() override {
    runtime_.bytes_in_flight.Release(bytes_taken_);
    delete this;
  }

 private:
  // An answer of this size fits into what a connection sends ahead of its reader.
  static constexpr size_t kSmallAnswerBytes = 16 * 1024;

  UnaryCall(RpcRuntime& runtime, grpc::CallbackServerContext& context,
            const grpc::ByteBuffer* request, grpc::ByteBuffer* response, Handler handler,
            uint32_t deadline_ms_max)
      : runtime_(runtime),
        request_(request),
        response_(response),
        request_bytes_(request->Length()),
        handler_(std::move(handler)),
        context_(ContextOf(runtime, context, cancelled_, deadline_ms_max)),
        stall_alarm_(context) {}

  void Admit(WorkPool& pool) {
    if (absl::Status s = CheckMessage(runtime_, request_bytes_); !s.ok()) {
      return Finish(ToGrpcStatus(s));
    }
    if (!runtime_.bytes_in_flight.TryTake(request_bytes_)) {
      return Finish(ToGrpcStatus(NoRoomError(runtime_.bytes_in_flight, request_bytes_)));
    }
    bytes_taken_ = request_bytes_;
    const bool queued = pool.Submit([this] {
      const absl::Status status = GuardedCall([this] { return Work(); });
      HoldAnswer();
      Finish(ToGrpcStatus(status));
    });
    if (!queued) Finish(ToGrpcStatus(QueueFullError(pool)));
  }

  void HoldAnswer() {
    const size_t answer_bytes = response_->Length();
    runtime_.bytes_in_flight.Take(answer_bytes);
    bytes_taken_ += answer_bytes;
    if (answer_bytes > kSmallAnswerBytes) stall_alarm_.Start();
  }

  absl::Status Work() {
    const auto queue_time = total_.Elapsed();
    if (absl::Status s = context_.Check(); !s.ok()) return s;
    const absl::StatusOr<Request> request = ParseMessage<Request>(*request_);
    if (!request.ok()) return request.status();
    absl::StatusOr<Response> response = handler_(*request, context_);
    if (!response.ok()) return response.status();
    if constexpr (requires { response->mutable_timings(); }) {
      response->mutable_timings()->set_queue_us(Microseconds(queue_time));
      response->mutable_timings()->set_total_us(Microseconds(total_.Elapsed()));
    }
    if (absl::Status s = CheckAnswerBytes(runtime_, response->ByteSizeLong()); !s.ok()) return s;
    bool own_buffer = false;
    if (!grpc::SerializationTraits<Response>::Serialize(*response, response_, &own_buffer).ok()) {
      return absl::InternalError("the answer could not be serialised");
    }
    return absl::OkStatus();
  }

  static uint64_t Microseconds(std::chrono::nanoseconds time) {
    return static_cast<uint64_t>(
        std::chrono::duration_cast<std::chrono::microseconds>(time).count());
  }

  RpcRuntime& runtime_;
  const grpc::ByteBuffer* const request_;
  grpc::ByteBuffer* const response_;
  const uint64_t request_bytes_;
  uint64_t bytes_taken_ = 0;  // Of the request, later of the answer too.
  const Handler handler_;
  const Stopwatch total_;
  const std::shared_ptr<std::atomic<bool>> cancelled_ = std::make_shared<std::atomic<bool>>(false);
  const CallContext context_;
  StallAlarm stall_alarm_;
};

}  // namespace simile

#endif  // SIMILE_SERVER_RPC_UNARY_CALL_H_

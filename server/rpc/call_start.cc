#include "server/rpc/call_start.h"

#include <algorithm>
#include <exception>
#include <new>
#include <utility>

#include "fmt/format.h"
#include "server/engine/errors.h"
#include "spdlog/spdlog.h"

namespace simile {
namespace {

constexpr std::chrono::milliseconds kRetryAfterOverload{200};

}  // namespace

absl::Status CheckMessage(const RpcRuntime& runtime, uint64_t message_bytes) {
  if (runtime.stopping) {
    return absl::UnavailableError("the server is stopping; try again when it is back");
  }
  if (message_bytes > runtime.options.message_bytes_max) {
    return absl::ResourceExhaustedError(
        fmt::format("the message has {} bytes; at most {} are allowed: split the batch",
                    message_bytes, runtime.options.message_bytes_max));
  }
  return absl::OkStatus();
}

absl::Status NoRoomError(const ByteBudget& budget, uint64_t message_bytes) {
  return WithRetryAfter(
      absl::ResourceExhaustedError(fmt::format(
          "requests of {} bytes are being worked on and this one has {}; at most {} are taken at "
          "once: try again later",
          budget.bytes_taken(), message_bytes, budget.bytes_max())),
      kRetryAfterOverload);
}

absl::Status QueueFullError(const WorkPool& pool) {
  return WithRetryAfter(
      absl::ResourceExhaustedError(
          fmt::format("the server is overloaded: {} {} requests wait already; try again later",
                      pool.queue_max(), pool.name())),
      kRetryAfterOverload);
}

CallContext ContextOf(const RpcRuntime& runtime, const grpc::CallbackServerContext& context,
                      std::shared_ptr<const std::atomic<bool>> cancelled,
                      uint32_t deadline_ms_max) {
  const auto now = std::chrono::system_clock::now();
  const auto latest = now + std::chrono::milliseconds(deadline_ms_max);
  const auto left = std::min(context.deadline(), latest) - now;
  return {.deadline = std::chrono::steady_clock::now() + left,
          .cancelled = [cancelled = std::move(cancelled)] { return cancelled->load(); },
          .read_bytes_max = runtime.options.message_bytes_max};
}

absl::Status CheckAnswerBytes(const RpcRuntime& runtime, uint64_t answer_bytes) {
  if (answer_bytes <= runtime.options.message_bytes_max) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      fmt::format("the answer would have more than {} bytes, which is the most one message may "
                  "have: ask for fewer documents or fields",
                  runtime.options.message_bytes_max));
}

absl::Status GuardedCall(const std::function<absl::Status()>& work) {
  try {
    return work();
  } catch (const std::bad_alloc&) {
    spdlog::error("a request ran out of memory");
    return absl::ResourceExhaustedError("the server ran out of memory for this request");
  } catch (const std::exception& exception) {
    spdlog::error("a request failed with an exception: {}", exception.what());
    return absl::InternalError(fmt::format("internal error: {}", exception.what()));
  } catch (...) {
    spdlog::error("a request failed with an exception of unknown type");
    return absl::InternalError("internal error");
  }
}

}  // namespace simile

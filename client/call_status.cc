#include "client/call_status.h"

#include "fmt/format.h"
#include "google_rpc/error_details.pb.h"

namespace simile {
namespace {

// What gRPC itself says when nobody answers has words for programmers; true of gRPC 1.51.
bool IsConnectionFailure(const grpc::Status& status) {
  return status.error_code() == grpc::StatusCode::UNAVAILABLE && status.error_details().empty() &&
         (status.error_message().find("connect") != std::string::npos ||
          status.error_message().find("DNS") != std::string::npos);
}

}  // namespace

bool IsServerGone(const grpc::Status& status) {
  return status.error_code() == grpc::StatusCode::UNAVAILABLE ||
         status.error_code() == grpc::StatusCode::CANCELLED;
}

absl::Status FromGrpcStatus(const grpc::Status& status, const std::string& server) {
  if (status.ok()) return absl::OkStatus();
  if (IsConnectionFailure(status)) {
    return absl::UnavailableError(
        fmt::format("no server answers at {}: is simile-server running there? ({})", server,
                    status.error_message()));
  }
  if (status.error_code() == grpc::StatusCode::CANCELLED) {
    return absl::UnavailableError(
        fmt::format("{} ended the call before it was done; it may be stopping{}{}", server,
                    status.error_message().empty() ? "" : ": ", status.error_message()));
  }
  std::string message = status.error_message();
  if (status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED &&
      status.error_details().empty()) {
    message = fmt::format("{} did not answer in time", server);
  }
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()), message);
}

std::optional<std::chrono::milliseconds> RetryDelayOf(const grpc::Status& status) {
  google::rpc::Status details;
  if (!details.ParseFromString(status.error_details())) return std::nullopt;
  for (const google::protobuf::Any& detail : details.details()) {
    google::rpc::RetryInfo retry_info;
    if (!detail.UnpackTo(&retry_info)) continue;
    return std::chrono::milliseconds(retry_info.retry_delay().seconds() * 1000 +
                                     retry_info.retry_delay().nanos() / 1'000'000);
  }
  return std::nullopt;
}

std::string StatusMessage(const absl::Status& status) {
  return std::string(status.message().data(), status.message().size());
}

}  // namespace simile

#ifndef SIMILE_CLIENT_CALL_STATUS_H_
#define SIMILE_CLIENT_CALL_STATUS_H_

#include <grpcpp/support/status.h>

#include <chrono>
#include <optional>
#include <string>

#include "absl/status/status.h"

namespace simile {

// True when nobody knows whether the call was done: there was no answer, or the server cancelled
// it, as it does when it stops (this library never cancels a call it waits for).
bool IsServerGone(const grpc::Status& status);

// The server's status with its code and message; "unreachable" errors name the server. A call that
// the server cancelled is Unavailable.
absl::Status FromGrpcStatus(const grpc::Status& status, const std::string& server);

// The pause the server asked for (google.rpc.RetryInfo), if it did.
std::optional<std::chrono::milliseconds> RetryDelayOf(const grpc::Status& status);

// The message as std::string (Debian's absl has a string_view of its own).
std::string StatusMessage(const absl::Status& status);

}  // namespace simile

#endif  // SIMILE_CLIENT_CALL_STATUS_H_

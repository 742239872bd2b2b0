#ifndef SIMILE_SERVER_ENGINE_ERRORS_H_
#define SIMILE_SERVER_ENGINE_ERRORS_H_

#include <chrono>
#include <optional>
#include <string>

#include "absl/status/status.h"

namespace simile {

// A status and what a program needs to act on it: the field at fault and when to try again. They
// ride on absl::Status as payloads; server/rpc turns them into google.rpc details.

// InvalidArgument naming `field`, e.g. "documents[3].vector".
absl::Status InvalidField(const std::string& field, const std::string& message);

// The same status with `field` noted, unless it names one already; `prefix` is put before a field
// that is there: "vector" becomes "documents[3].vector".
absl::Status InField(const std::string& prefix, const absl::Status& status);

// The same status with advice to try again after `delay`.
absl::Status WithRetryAfter(const absl::Status& status, std::chrono::milliseconds delay);

// The same status; when it says that a queue is full (ResourceExhausted), with advice to try again.
absl::Status WithRetryIfFull(const absl::Status& status);

// Empty when the status names no field.
std::string FieldOf(const absl::Status& status);

std::optional<std::chrono::milliseconds> RetryAfterOf(const absl::Status& status);

// The message as std::string (Debian's absl has a string_view of its own).
std::string MessageOf(const absl::Status& status);

}  // namespace simile

#endif  // SIMILE_SERVER_ENGINE_ERRORS_H_

#ifndef SIMILE_TESTS_SUPPORT_STATUS_MATCHERS_H_
#define SIMILE_TESTS_SUPPORT_STATUS_MATCHERS_H_

#include <gmock/gmock.h>

#include <ostream>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace simile {
namespace testing_internal {

inline absl::Status StatusOf(const absl::Status& status) { return status; }

template <typename Value>
absl::Status StatusOf(const absl::StatusOr<Value>& result) {
  return result.status();
}

inline std::string Printed(const absl::Status& status) {
  return std::string(absl::StatusCodeToString(status.code())) + ": " +
         std::string(status.message().data(), status.message().size());
}

}  // namespace testing_internal

// Matches an absl::Status or StatusOr that is OK.
MATCHER(IsOk, "is OK") {
  const absl::Status status = testing_internal::StatusOf(arg);
  if (!status.ok()) *result_listener << testing_internal::Printed(status);
  return status.ok();
}

// Matches one of that code whose message contains `text`.
MATCHER_P2(StatusIs, code, text,
           std::string(absl::StatusCodeToString(code)) + " with \"" + text + "\"") {
  const absl::Status status = testing_internal::StatusOf(arg);
  *result_listener << testing_internal::Printed(status);
  const std::string message(status.message().data(), status.message().size());
  return status.code() == code && message.find(text) != std::string::npos;
}

}  // namespace simile

#endif  // SIMILE_TESTS_SUPPORT_STATUS_MATCHERS_H_

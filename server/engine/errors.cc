#include "server/engine/errors.h"

#include <charconv>

#include "absl/strings/cord.h"
#include "absl/types/optional.h"

namespace simile {
namespace {

// The encoder works through what may wait in some seconds.
constexpr std::chrono::milliseconds kRetryAfterFullQueue{1'000};

constexpr char kFieldPayload[] = "simile/field";
constexpr char kRetryPayload[] = "simile/retry_after_ms";

std::string PayloadOf(const absl::Status& status, const char* type_url) {
  const absl::optional<absl::Cord> payload = status.GetPayload(type_url);
  return payload.has_value() ? std::string(*payload) : std::string();
}

}  // namespace

absl::Status InvalidField(const std::string& field, const std::string& message) {
  return InField(field, absl::InvalidArgumentError(message));
}

absl::Status InField(const std::string& prefix, const absl::Status& status) {
  if (status.ok()) return status;
  const std::string inner = FieldOf(status);
  absl::Status result = status;
  const std::string field = prefix.empty() || inner.empty() ? prefix + inner : prefix + "." + inner;
  if (!field.empty()) result.SetPayload(kFieldPayload, absl::Cord(field));
  return result;
}

absl::Status WithRetryAfter(const absl::Status& status, std::chrono::milliseconds delay) {
  absl::Status result = status;
  result.SetPayload(kRetryPayload, absl::Cord(std::to_string(delay.count())));
  return result;
}

absl::Status WithRetryIfFull(const absl::Status& status) {
  if (status.code() != absl::StatusCode::kResourceExhausted) return status;
  return WithRetryAfter(status, kRetryAfterFullQueue);
}

std::string FieldOf(const absl::Status& status) { return PayloadOf(status, kFieldPayload); }

std::optional<std::chrono::milliseconds> RetryAfterOf(const absl::Status& status) {
  const std::string text = PayloadOf(status, kRetryPayload);
  int64_t delay_ms = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), delay_ms);
  if (text.empty() || error != std::errc()) return std::nullopt;
  return std::chrono::milliseconds(delay_ms);
}

std::string MessageOf(const absl::Status& status) {
  return std::string(status.message().data(), status.message().size());
}

}  // namespace simile

#include "embedder/encode_call.h"

namespace simile {
namespace {

using embedder_internal::MutexLock;

size_t BytesOf(std::span<const std::string_view> texts) {
  size_t bytes = 0;
  for (const std::string_view text : texts) bytes += text.size();
  return bytes;
}

}  // namespace

EncodeCall::EncodeCall(std::span<const std::string_view> texts_of_caller,
                       const EncodeOptions& chosen)
    : texts(texts_of_caller), text_bytes(BytesOf(texts_of_caller)), options(chosen) {
  result.embeddings.resize(texts.size());
}

absl::Status EncodeCall::CheckWanted() {
  if (absl::Status s = status(); !s.ok()) return s;
  // Without the lock: the caller's function may look at the service, which looks at its calls.
  if (options.cancelled && options.cancelled()) {
    Fail(absl::CancelledError("the caller no longer wants the vectors"));
  } else if (std::chrono::steady_clock::now() >= options.deadline) {
    Fail(absl::DeadlineExceededError("the deadline passed before the texts were embedded"));
  }
  return status();
}

absl::Status EncodeCall::status() const {
  MutexLock lock(mutex_);
  return status_;
}

void EncodeCall::Fail(const absl::Status& status) {
  MutexLock lock(mutex_);
  if (status_.ok()) status_ = status;
}

}  // namespace simile

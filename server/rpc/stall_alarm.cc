#include "server/rpc/stall_alarm.h"

#include <chrono>

namespace simile {
namespace {

constexpr std::chrono::seconds kStallTimeout{30};

}  // namespace

StallAlarm::StallAlarm(grpc::CallbackServerContext& context) {
  WriteLock lock(watch_->mutex);
  watch_->context = &context;
}

StallAlarm::~StallAlarm() {
  WriteLock lock(watch_->mutex);
  watch_->context = nullptr;
}

void StallAlarm::Start() {
  alarm_ = std::make_unique<grpc::Alarm>();
  alarm_->Set(std::chrono::system_clock::now() + kStallTimeout, [watch = watch_](bool expired) {
    WriteLock lock(watch->mutex);
    if (expired && watch->context != nullptr) watch->context->TryCancel();
  });
}

}  // namespace simile

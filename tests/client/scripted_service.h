#ifndef SIMILE_TESTS_CLIENT_SCRIPTED_SERVICE_H_
#define SIMILE_TESTS_CLIENT_SCRIPTED_SERVICE_H_

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/grpcpp.h>

#include <deque>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace simile {

// Answers every unary method of every service with the next status of a script, and with an empty
// message once the script is at its end.
//
// Thread safety: all methods may be called together.
class ScriptedService final : public grpc::CallbackGenericService {
 public:
  void Script(std::deque<grpc::Status> statuses) {
    std::lock_guard lock(mutex_);
    script_ = std::move(statuses);
  }

  // From now on no call gets an answer.
  void Hang() {
    std::lock_guard lock(mutex_);
    hangs_ = true;
  }

  // The methods that were called since the last time this was asked, e.g.
  // "/simile.v1.SearchService/Search".
  std::vector<std::string> TakeCalls() {
    std::lock_guard lock(mutex_);
    return std::exchange(calls_, {});
  }

 private:
  class Call final : public grpc::ServerGenericBidiReactor {
   public:
    Call(bool hangs, grpc::Status status) : hangs_(hangs), status_(std::move(status)) {
      StartRead(&request_);
    }

    void OnReadDone(bool /*ok*/) override {
      if (hangs_) return;
      if (status_.ok()) {
        StartWriteAndFinish(&response_, grpc::WriteOptions(), grpc::Status::OK);
      } else {
        Finish(status_);
      }
    }

    void OnCancel() override {
      if (hangs_) Finish(grpc::Status::CANCELLED);
    }

    void OnDone() override { delete this; }

   private:
    const bool hangs_;
    const grpc::Status status_;
    grpc::ByteBuffer request_;
    // No bytes: what every message without fields looks like.
    grpc::Slice nothing_;
    grpc::ByteBuffer response_{&nothing_, 1};
  };

  grpc::ServerGenericBidiReactor* CreateReactor(
      grpc::GenericCallbackServerContext* context) override {
    std::lock_guard lock(mutex_);
    calls_.push_back(context->method());
    grpc::Status status;
    if (!script_.empty()) {
      status = script_.front();
      script_.pop_front();
    }
    return new Call(hangs_, status);
  }

  std::mutex mutex_;
  std::deque<grpc::Status> script_;
  std::vector<std::string> calls_;
  bool hangs_ = false;
};

}  // namespace simile

#endif  // SIMILE_TESTS_CLIENT_SCRIPTED_SERVICE_H_

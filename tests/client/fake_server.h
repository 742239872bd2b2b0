#ifndef SIMILE_TESTS_CLIENT_FAKE_SERVER_H_
#define SIMILE_TESTS_CLIENT_FAKE_SERVER_H_

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "google_rpc/error_details.pb.h"

namespace simile {

// Services of a test on a free loopback port, until the end of the scope.
class FakeServer {
 public:
  // `add_services` registers them; they must outlive the server.
  explicit FakeServer(const std::function<void(grpc::ServerBuilder&)>& add_services) {
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
    add_services(builder);
    server_ = builder.BuildAndStart();
    address_ = "127.0.0.1:" + std::to_string(port);
  }

  // Cancels the calls that still run.
  ~FakeServer() { server_->Shutdown(std::chrono::system_clock::now()); }

  FakeServer(const FakeServer&) = delete;
  FakeServer& operator=(const FakeServer&) = delete;

  const std::string& address() const { return address_; }

 private:
  std::unique_ptr<grpc::Server> server_;
  std::string address_;
};

// A failure that says when to come back, as the server sends it.
inline grpc::Status RetryAfter(grpc::StatusCode code, const std::string& message,
                               std::chrono::milliseconds delay) {
  google::rpc::RetryInfo retry;
  retry.mutable_retry_delay()->set_seconds(delay.count() / 1'000);
  retry.mutable_retry_delay()->set_nanos(static_cast<int32_t>(delay.count() % 1'000) * 1'000'000);
  google::rpc::Status details;
  details.set_code(code);
  details.set_message(message);
  // Not the first of the details.
  details.add_details()->PackFrom(google::rpc::ErrorInfo());
  details.add_details()->PackFrom(retry);
  return grpc::Status(code, message, details.SerializeAsString());
}

// A failure with details, but without a time to come back.
inline grpc::Status Failure(grpc::StatusCode code, const std::string& message) {
  google::rpc::ErrorInfo info;
  info.set_domain("simile");
  google::rpc::Status details;
  details.set_code(code);
  details.set_message(message);
  details.add_details()->PackFrom(info);
  return grpc::Status(code, message, details.SerializeAsString());
}

}  // namespace simile

#endif  // SIMILE_TESTS_CLIENT_FAKE_SERVER_H_

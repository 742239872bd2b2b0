#ifndef SIMILE_SERVER_RPC_CONNECTION_ACCEPTOR_H_
#define SIMILE_SERVER_RPC_CONNECTION_ACCEPTOR_H_

#include <grpcpp/server_builder.h>

#include <cstdint>
#include <memory>
#include <string>
#include <thread>

#include "absl/status/statusor.h"

namespace simile {

// Where to listen, e.g. "127.0.0.1:7464", "[::1]:7464" or "localhost:7464".
struct ListenAddress {
  std::string host;
  uint16_t port = 0;  // 0: a free one.

  bool IsLoopback() const;
};

// InvalidArgument when `text` is no ADDRESS:PORT.
absl::StatusOr<ListenAddress> ParseListenAddress(const std::string& text);

// Accepts connections and hands them to gRPC, which has no loop of its own then: the listener of
// gRPC 1.51 stops for good when file descriptors run out (CVE-2023-4785). This one keeps one in
// reserve, refuses connections above a cap, and goes on.
//
// Thread safety: Start and Stop from one thread.
class ConnectionAcceptor {
 public:
  using Target = grpc::experimental::ExternalConnectionAcceptor;

  // Binds and listens. FailedPrecondition when the address is taken or none of this machine;
  // InvalidArgument when the name is not known. Names the address.
  static absl::StatusOr<std::unique_ptr<ConnectionAcceptor>> Listen(const ListenAddress& address);

  ~ConnectionAcceptor();
  ConnectionAcceptor(const ConnectionAcceptor&) = delete;
  ConnectionAcceptor& operator=(const ConnectionAcceptor&) = delete;

  void Start(std::unique_ptr<Target> target);

  // Accepts no more; connections that are open stay.
  void Stop();

  // With the real port, e.g. "127.0.0.1:41233".
  const std::string& address() const { return address_; }
  uint16_t port() const { return port_; }

 private:
  ConnectionAcceptor(int listener, std::string address, uint16_t port);
  void Run();
  void RefuseForLackOfDescriptors(int& spare) const;

  const int listener_;
  const std::string address_;
  const uint16_t port_;
  int wake_ = -1;       // Readable once Stop was called.
  int descriptor_max_;  // Connections with a higher number are refused.
  std::unique_ptr<Target> target_;
  std::thread thread_;
};

}  // namespace simile

#endif  // SIMILE_SERVER_RPC_CONNECTION_ACCEPTOR_H_

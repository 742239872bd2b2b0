#ifndef SIMILE_SERVER_RPC_RPC_SERVER_H_
#define SIMILE_SERVER_RPC_RPC_SERVER_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "server/engine/database.h"
#include "server/rpc/connection_acceptor.h"
#include "server/rpc/rpc_runtime.h"

namespace simile {

// The database on a port: all services, standard health and reflection. Health is NOT_SERVING
// until SetServing(true).
//
// Thread safety: Start and Stop from one thread.
class RpcServer {
 public:
  // Listens and serves. Errors as ConnectionAcceptor::Listen. `database` must outlive the server.
  static absl::StatusOr<std::unique_ptr<RpcServer>> Start(Database& database,
                                                          const ListenAddress& address,
                                                          const RpcOptions& options);
  ~RpcServer();
  RpcServer(const RpcServer&) = delete;
  RpcServer& operator=(const RpcServer&) = delete;

  // What health answers, for the server as a whole and for each service.
  void SetServing(bool serving);

  // NOT_SERVING, no new work, then waits for what is being done, at most `grace`; what is left is
  // cancelled.
  void Stop(std::chrono::milliseconds grace);

  const std::string& address() const;
  uint16_t port() const;

 private:
  class Services;
  RpcServer(Database& database, const RpcOptions& options);
  void WaitUntilIdle(std::chrono::steady_clock::time_point give_up) const;

  RpcRuntime runtime_;
  std::unique_ptr<Services> services_;
  std::unique_ptr<ConnectionAcceptor> acceptor_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace simile

#endif  // SIMILE_SERVER_RPC_RPC_SERVER_H_

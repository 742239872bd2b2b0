#ifndef SIMILE_SERVER_SERVER_H_
#define SIMILE_SERVER_SERVER_H_

#include <memory>
#include <string>
#include <thread>

#include "absl/status/statusor.h"
#include "server/engine/database.h"
#include "server/options.h"
#include "server/rpc/rpc_server.h"

namespace simile {

// The whole server: model, store, database and port, in the order they need each other.
//
// Thread safety: from one thread.
class Server {
 public:
  // Loads the model, opens the data directory and the port; then fills the indexes in the
  // background and turns healthy. The error is one sentence that names the file, directory or
  // address at fault.
  static absl::StatusOr<std::unique_ptr<Server>> Start(const ServerOptions& options);

  // Stops taking work, finishes what runs, flushes and closes.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

 private:
  explicit Server(const ServerOptions& options) : options_(options) {}
  void LoadAndServe();

  const ServerOptions options_;
  std::unique_ptr<Database> database_;
  std::unique_ptr<RpcServer> rpc_;
  std::thread loader_;
};

}  // namespace simile

#endif  // SIMILE_SERVER_SERVER_H_

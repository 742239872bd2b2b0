#ifndef SIMILE_CLIENT_CLIENT_STATE_H_
#define SIMILE_CLIENT_CLIENT_STATE_H_

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <random>
#include <thread>

#include "absl/status/statusor.h"
#include "client/call_status.h"
#include "client/simile_client.h"
#include "fmt/format.h"
#include "grpc_health/health.grpc.pb.h"
#include "simile/v1/admin_service.grpc.pb.h"
#include "simile/v1/collection_service.grpc.pb.h"
#include "simile/v1/document_service.grpc.pb.h"
#include "simile/v1/embedding_service.grpc.pb.h"
#include "simile/v1/search_service.grpc.pb.h"

namespace simile {

// Whether a call that may have been done can be done again.
enum class Repeat { kSafely, kIfRefused, kNever };

// Pauses between attempts: double each time, a random half of it, so that clients who failed
// together do not come back together.
class Backoff {
 public:
  std::chrono::milliseconds Next();

 private:
  std::chrono::milliseconds longest_{100};
  std::minstd_rand random_{std::random_device()()};
};

// The channel, the stubs and how a call is repeated.
class Client::State {
 public:
  explicit State(const ClientOptions& chosen);

  // Calls `method` of `stub` until it succeeds, fails for good, or time is up.
  template <typename Stub, typename Request, typename Response>
  absl::StatusOr<Response> Call(Stub& stub,
                                grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                             Response*),
                                const Request& request, Repeat repeat) {
    if (request.ByteSizeLong() > kMessageBytesMax) {
      return absl::ResourceExhaustedError(
          fmt::format("the request has {} bytes; a server takes at most {}: split the batch",
                      request.ByteSizeLong(), kMessageBytesMax));
    }
    const auto deadline = std::chrono::system_clock::now() + options.timeout;
    Backoff backoff;
    for (int attempt = 1;; ++attempt) {
      grpc::ClientContext context;
      context.set_deadline(deadline);
      Response response;
      const grpc::Status status = (stub.*method)(&context, request, &response);
      if (status.ok()) return response;
      const auto pause = PauseBeforeNext(status, repeat, backoff);
      if (!pause.has_value() || attempt >= options.attempts_max ||
          std::chrono::system_clock::now() + *pause >= deadline) {
        return FromGrpcStatus(status, options.server);
      }
      std::this_thread::sleep_for(*pause);
    }
  }

  // How long to wait before another attempt; nullopt when there should be none.
  static std::optional<std::chrono::milliseconds> PauseBeforeNext(const grpc::Status& status,
                                                                  Repeat repeat, Backoff& backoff);

  // What a server takes unless it was told otherwise.
  static constexpr size_t kMessageBytesMax = 64 << 20;

  const ClientOptions options;
  const std::shared_ptr<grpc::Channel> channel;
  const std::unique_ptr<v1::CollectionService::Stub> collections;
  const std::unique_ptr<v1::DocumentService::Stub> documents;
  const std::unique_ptr<v1::SearchService::Stub> search;
  const std::unique_ptr<v1::EmbeddingService::Stub> embedding;
  const std::unique_ptr<v1::AdminService::Stub> admin;
  const std::unique_ptr<grpc::health::v1::Health::Stub> health;
};

}  // namespace simile

#endif  // SIMILE_CLIENT_CLIENT_STATE_H_

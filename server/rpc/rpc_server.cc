#include "server/rpc/rpc_server.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <mutex>
#include <thread>
#include <utility>

#include "grpc_health/health.pb.h"
#include "server/rpc/admin_service.h"
#include "server/rpc/collection_service.h"
#include "server/rpc/document_service.h"
#include "server/rpc/embedding_service.h"
#include "server/rpc/search_service.h"

namespace simile {
namespace {

// gRPC cuts off above this; between our limit and this one the answer is our own sentence.
constexpr uint64_t kMessageBytesMargin = 8ull << 20;
// What gRPC may hold beside messages: buffers of connections and streams.
constexpr uint64_t kTransportBytes = 512ull << 20;
constexpr int kHeaderBytesMax = 16 * 1024;
constexpr int kStreamsPerConnectionMax = 256;
constexpr int kKeepaliveMs = 60'000;
constexpr int kKeepaliveTimeoutMs = 20'000;
constexpr int kPingIntervalMinMs = 10'000;
constexpr std::chrono::milliseconds kCancelTime{500};
constexpr std::chrono::milliseconds kIdlePoll{5};

constexpr const char* kServiceNames[] = {
    "",
    "simile.v1.CollectionService",
    "simile.v1.DocumentService",
    "simile.v1.SearchService",
    "simile.v1.EmbeddingService",
    "simile.v1.AdminService",
};

// gRPC's plugins are a process-wide choice, to be made before a server is built.
void InstallPlugins(bool reflection) {
  static std::once_flag health_once, reflection_once;
  std::call_once(health_once, [] { grpc::EnableDefaultHealthCheckService(true); });
  if (!reflection) return;
  std::call_once(reflection_once,
                 [] { grpc::reflection::InitProtoReflectionServerBuilderPlugin(); });
  // Linked in, so that reflection can describe the health service too.
  grpc::health::v1::HealthCheckRequest::descriptor();
}

}  // namespace

class RpcServer::Services {
 public:
  explicit Services(RpcRuntime& runtime)
      : collections(runtime),
        documents(runtime),
        search(runtime),
        embedding(runtime),
        admin(runtime) {}

  CollectionService collections;
  DocumentService documents;
  SearchService search;
  EmbeddingService embedding;
  AdminService admin;
};

RpcServer::RpcServer(Database& database, const RpcOptions& options)
    : runtime_(database, options), services_(std::make_unique<Services>(runtime_)) {}

absl::StatusOr<std::unique_ptr<RpcServer>> RpcServer::Start(Database& database,
                                                            const ListenAddress& address,
                                                            const RpcOptions& options) {
  InstallPlugins(options.reflection);
  std::unique_ptr<RpcServer> result(new RpcServer(database, options));
  auto acceptor = ConnectionAcceptor::Listen(address);
  if (!acceptor.ok()) return acceptor.status();
  result->acceptor_ = *std::move(acceptor);

  grpc::ServerBuilder builder;
  auto target = builder.experimental().AddExternalConnectionAcceptor(
      grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD,
      grpc::InsecureServerCredentials());
  Services& services = *result->services_;
  for (grpc::Service* service : std::initializer_list<grpc::Service*>{
           &services.collections, &services.documents, &services.search, &services.embedding,
           &services.admin}) {
    builder.RegisterService(service);
  }
  const auto transport_bytes_max =
      static_cast<int>(options.message_bytes_max + kMessageBytesMargin);
  builder.SetMaxReceiveMessageSize(transport_bytes_max);
  builder.SetMaxSendMessageSize(transport_bytes_max);
  grpc::ResourceQuota quota("simile");
  quota.Resize(2 * options.bytes_in_flight_max + kTransportBytes);
  builder.SetResourceQuota(quota);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kStreamsPerConnectionMax);
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, kHeaderBytesMax);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                             kPingIntervalMinMs);
  result->server_ = builder.BuildAndStart();
  if (result->server_ == nullptr) return absl::InternalError("gRPC could not start its server");
  result->SetServing(false);
  result->acceptor_->Start(std::move(target));
  return result;
}

RpcServer::~RpcServer() { Stop(std::chrono::milliseconds(0)); }

void RpcServer::SetServing(bool serving) {
  grpc::HealthCheckServiceInterface* health = server_->GetHealthCheckService();
  for (const char* name : kServiceNames) health->SetServingStatus(name, serving);
}

void RpcServer::Stop(std::chrono::milliseconds grace) {
  if (server_ == nullptr) return;
  const auto give_up = std::chrono::steady_clock::now() + grace;
  SetServing(false);
  runtime_.stopping = true;
  acceptor_->Stop();
  runtime_.ingest_streams.StopAll();
  WaitUntilIdle(give_up);
  // What is left now are watchers of the health service and calls that outlived the grace.
  server_->Shutdown(std::chrono::system_clock::now() + kCancelTime);
  server_->Wait();
  server_.reset();
}

void RpcServer::WaitUntilIdle(std::chrono::steady_clock::time_point give_up) const {
  while (std::chrono::steady_clock::now() < give_up &&
         (runtime_.bytes_in_flight.bytes_taken() > 0 || runtime_.ingest_streams.size() > 0)) {
    std::this_thread::sleep_for(kIdlePoll);
  }
}

const std::string& RpcServer::address() const { return acceptor_->address(); }

uint16_t RpcServer::port() const { return acceptor_->port(); }

}  // namespace simile

// Standard health and reflection, as any generated client sees them.
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <future>
#include <string>
#include <vector>

#include "grpc_health/health.grpc.pb.h"
#include "tests/rpc/rpc_fixture.h"

namespace simile {
namespace {

using ::grpc::health::v1::Health;
using ::grpc::health::v1::HealthCheckRequest;
using ::grpc::health::v1::HealthCheckResponse;
using ::testing::HasSubstr;

const std::vector<std::string> kServices = {
    "",
    "simile.v1.AdminService",
    "simile.v1.CollectionService",
    "simile.v1.DocumentService",
    "simile.v1.EmbeddingService",
    "simile.v1.SearchService",
};

class HealthTest : public RpcFixture {
 protected:
  void SetUp() override {
    OpenDatabase();
    Serve({});
  }

  HealthCheckResponse::ServingStatus Check(const std::string& service) {
    HealthCheckRequest request;
    request.set_service(service);
    HealthCheckResponse response;
    grpc::ClientContext context;
    EXPECT_TRUE(Health::NewStub(channel_)->Check(&context, request, &response).ok()) << service;
    return response.status();
  }
};

TEST_F(HealthTest, EveryServiceIsNotServingBeforeItIsReadyAndServingThen) {
  for (const std::string& service : kServices) {
    EXPECT_EQ(Check(service), HealthCheckResponse::NOT_SERVING) << service;
  }
  server_->SetServing(true);
  for (const std::string& service : kServices) {
    EXPECT_EQ(Check(service), HealthCheckResponse::SERVING) << service;
  }
}

TEST_F(HealthTest, AnUnknownServiceIsNotFound) {
  HealthCheckRequest request;
  request.set_service("simile.v1.Nothing");
  HealthCheckResponse response;
  grpc::ClientContext context;
  EXPECT_EQ(Health::NewStub(channel_)->Check(&context, request, &response).error_code(),
            grpc::StatusCode::NOT_FOUND);
}

TEST_F(HealthTest, AWatcherSeesEveryChangeUpToTheStop) {
  auto stub = Health::NewStub(channel_);
  grpc::ClientContext context;
  auto watch = stub->Watch(&context, HealthCheckRequest());
  HealthCheckResponse response;
  ASSERT_TRUE(watch->Read(&response));
  EXPECT_EQ(response.status(), HealthCheckResponse::NOT_SERVING);
  server_->SetServing(true);
  ASSERT_TRUE(watch->Read(&response));
  EXPECT_EQ(response.status(), HealthCheckResponse::SERVING);
  server_->Stop(std::chrono::milliseconds(100));
  ASSERT_TRUE(watch->Read(&response));
  EXPECT_EQ(response.status(), HealthCheckResponse::NOT_SERVING);
}

TEST_F(HealthTest, ServerInfoAndStatsAnswerWhileLoading) {
  v1::ServerInfo info;
  ASSERT_TRUE(Call(*admin_, &v1::AdminService::Stub::GetServerInfo, {}, info).ok());
  EXPECT_FALSE(info.ready());
  EXPECT_EQ(info.limits().batch_max(), 10'000u);
  EXPECT_EQ(info.limits().message_bytes_max(), 67'108'864u);
  v1::ServerStats stats;
  ASSERT_TRUE(Call(*admin_, &v1::AdminService::Stub::GetStats, {}, stats).ok());
  EXPECT_GT(stats.resident_bytes(), 0u);
  EXPECT_EQ(stats.pools_size(), 3);
  database_->Load();
  ASSERT_TRUE(Call(*admin_, &v1::AdminService::Stub::GetServerInfo, {}, info).ok());
  EXPECT_TRUE(info.ready());
}

TEST_F(HealthTest, ReflectionListsEveryService) {
  // The packages bring no client for reflection, so the bytes are written by hand: field 7,
  // list_services, is "*". One message on a stream is a unary call on the wire.
  const grpc::Slice slice(std::string("\x3A\x01*"));
  grpc::ByteBuffer request(&slice, 1), response;
  grpc::ClientContext context;
  std::promise<grpc::Status> done;
  grpc::GenericStub stub(channel_);
  stub.UnaryCall(&context, "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", {},
                 &request, &response,
                 [&done](grpc::Status status) { done.set_value(std::move(status)); });
  const grpc::Status status = done.get_future().get();
  ASSERT_TRUE(status.ok()) << status.error_message();
  grpc::Slice answer;
  ASSERT_TRUE(response.DumpToSingleSlice(&answer).ok());
  const std::string bytes(reinterpret_cast<const char*>(answer.begin()), answer.size());
  for (const std::string& service : kServices) EXPECT_THAT(bytes, HasSubstr(service));
  EXPECT_THAT(bytes, HasSubstr("grpc.health.v1.Health"));
}

}  // namespace
}  // namespace simile

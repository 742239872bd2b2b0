#ifndef SIMILE_TESTS_RPC_RPC_FIXTURE_H_
#define SIMILE_TESTS_RPC_RPC_FIXTURE_H_

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "google_rpc/error_details.pb.h"
#include "server/rpc/rpc_server.h"
#include "simile/v1/admin_service.grpc.pb.h"
#include "simile/v1/collection_service.grpc.pb.h"
#include "simile/v1/document_service.grpc.pb.h"
#include "simile/v1/embedding_service.grpc.pb.h"
#include "simile/v1/search_service.grpc.pb.h"
#include "tests/rpc/gated_encoder.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temporary_directory.h"

namespace simile {

// gRPC's status has the code and its message the part.
MATCHER_P2(IsError, code, part, "") {
  *result_listener << "code " << arg.error_code() << ": " << arg.error_message();
  return arg.error_code() == code && arg.error_message().find(part) != std::string::npos;
}

// The first detail of type `Detail` of a failed call; the default when there is none.
template <typename Detail>
Detail DetailOf(const grpc::Status& status) {
  google::rpc::Status details;
  details.ParseFromString(status.error_details());
  Detail result;
  for (const google::protobuf::Any& any : details.details()) {
    if (any.Is<Detail>()) any.UnpackTo(&result);
  }
  return result;
}

inline bool HasRetryInfo(const grpc::Status& status) {
  const auto delay = DetailOf<google::rpc::RetryInfo>(status).retry_delay();
  return delay.seconds() > 0 || delay.nanos() > 0;
}

inline std::string FieldOf(const grpc::Status& status) {
  const auto bad = DetailOf<google::rpc::BadRequest>(status);
  return bad.field_violations_size() > 0 ? bad.field_violations(0).field() : "";
}

// A server in this process on a free port, with a model called "words", and stubs to talk to it.
// Two collections: "texts" with the model and "vectors" of two dimensions under cosine.
class RpcFixture : public ::testing::Test {
 protected:
  void SetUp() override {
    OpenDatabase();
    database_->Load();
    Serve({});
    CreateCollections();
  }

  void TearDown() override {
    gate_->Open();
    server_.reset();
  }

  void OpenDatabase() {
    auto store =
        Store::Open({.data_directory = directory_.path() + "/data", .free_disk_bytes_min = 0});
    ASSERT_THAT(store, IsOk());
    auto models = std::make_unique<ModelRegistry>();
    ASSERT_THAT(models->Add(std::make_unique<EncoderService>(std::make_unique<GatedEncoder>(gate_),
                                                             EncoderServiceOptions{.threads = 2})),
                IsOk());
    database_ = std::make_unique<Database>(*std::move(store), std::move(models), DatabaseOptions{});
  }

  void Serve(const RpcOptions& options) {
    server_.reset();
    auto server = RpcServer::Start(*database_, {.host = "127.0.0.1", .port = 0}, options);
    ASSERT_THAT(server, IsOk());
    server_ = *std::move(server);
    grpc::ChannelArguments arguments;
    arguments.SetMaxSendMessageSize(-1);
    arguments.SetMaxReceiveMessageSize(-1);
    channel_ = grpc::CreateCustomChannel(server_->address(), grpc::InsecureChannelCredentials(),
                                         arguments);
    admin_ = v1::AdminService::NewStub(channel_);
    collections_ = v1::CollectionService::NewStub(channel_);
    documents_ = v1::DocumentService::NewStub(channel_);
    search_ = v1::SearchService::NewStub(channel_);
    embedding_ = v1::EmbeddingService::NewStub(channel_);
  }

  void CreateCollections() {
    ASSERT_THAT(database_->CreateCollection({.name = "texts"}), IsOk());
    ASSERT_THAT(database_->CreateCollection(
                    {.name = "vectors", .dimension = 2, .engine = IndexEngine::kFlat}),
                IsOk());
  }

  // Calls `method` of `stub`; the answer goes to `response`.
  template <typename Stub, typename Request, typename Response>
  static grpc::Status Call(Stub& stub,
                           grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                        Response*),
                           const Request& request, Response& response) {
    grpc::ClientContext context;
    return (stub.*method)(&context, request, &response);
  }

  static v1::Document TextDocument(const std::string& id, const std::string& text) {
    v1::Document document;
    document.set_id(id);
    document.set_text(text);
    return document;
  }

  static v1::Document VectorDocument(const std::string& id, const std::vector<float>& vector) {
    v1::Document document;
    document.set_id(id);
    for (const float component : vector) {
      document.mutable_vector()->mutable_floats()->add_values(component);
    }
    return document;
  }

  grpc::Status Upsert(const std::string& collection, const std::vector<v1::Document>& documents) {
    v1::UpsertDocumentsRequest request;
    request.set_collection(collection);
    for (const v1::Document& document : documents) *request.add_documents() = document;
    upserted_.Clear();
    return Call(*documents_, &v1::DocumentService::Stub::UpsertDocuments, request, upserted_);
  }

  // Upserts one document and returns how it ended.
  v1::ItemStatus UpsertOne(const std::string& collection, const v1::Document& document) {
    const grpc::Status status = Upsert(collection, {document});
    EXPECT_TRUE(status.ok()) << status.error_message();
    return upserted_.results_size() == 1 ? upserted_.results(0).status() : v1::ItemStatus();
  }

  static v1::SearchRequest TextSearch(const std::string& collection, const std::string& text) {
    v1::SearchRequest request;
    request.set_collection(collection);
    request.mutable_query()->add_terms()->set_text(text);
    return request;
  }

  grpc::Status Search(const v1::SearchRequest& request) {
    found_.Clear();
    return Call(*search_, &v1::SearchService::Stub::Search, request, found_);
  }

  uint64_t CountOf(const std::string& collection) {
    return (*database_->Find(collection))->DocumentCount();
  }

  TemporaryDirectory directory_;
  const std::shared_ptr<Gate> gate_ = std::make_shared<Gate>();
  std::unique_ptr<Database> database_;
  std::unique_ptr<RpcServer> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::AdminService::Stub> admin_;
  std::unique_ptr<v1::CollectionService::Stub> collections_;
  std::unique_ptr<v1::DocumentService::Stub> documents_;
  std::unique_ptr<v1::SearchService::Stub> search_;
  std::unique_ptr<v1::EmbeddingService::Stub> embedding_;
  v1::UpsertDocumentsResponse upserted_;
  v1::SearchResponse found_;
};

}  // namespace simile

#endif  // SIMILE_TESTS_RPC_RPC_FIXTURE_H_

// kill -9 in the middle of an import: every acknowledged document is there afterwards, whole, and
// found by search.
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "simile/v1/collection_service.grpc.pb.h"
#include "simile/v1/document_service.grpc.pb.h"
#include "simile/v1/search_service.grpc.pb.h"
#include "tests/support/server_process.h"
#include "tests/support/temporary_directory.h"

namespace simile {
namespace {

constexpr int kDimension = 16;
constexpr int kBatchDocuments = 20;

// Document `number` of this test: everything in it follows from the number.
v1::Document MakeDocument(uint64_t number) {
  v1::Document document;
  document.set_id("doc-" + std::to_string(number));
  document.set_text("text of document " + std::to_string(number));
  std::mt19937 generator(static_cast<uint32_t>(number));
  std::normal_distribution<float> normal;
  for (int axis = 0; axis < kDimension; ++axis) {
    document.mutable_vector()->mutable_floats()->add_values(normal(generator));
  }
  (*document.mutable_metadata())["number"].set_int64_value(static_cast<int64_t>(number));
  return document;
}

class RestartTest : public ::testing::Test {
 protected:
  void Start() {
    server_ = std::make_unique<ServerProcess>(
        directory_.path() + "/data", std::vector<std::string>{"--checkpoint-interval-ms", "50"});
    ASSERT_TRUE(server_->serving()) << server_->log();
    channel_ = grpc::CreateChannel(server_->address(), grpc::InsecureChannelCredentials());
  }

  // Streams batches from `first` on until the stream breaks; returns how many documents were
  // acknowledged in all of the session. Kills the server once `kill_after` are.
  uint64_t IngestUntilKilled(const std::string& session, uint64_t kill_after) {
    auto stub = v1::DocumentService::NewStub(channel_);
    grpc::ClientContext context;
    auto stream = stub->IngestDocuments(&context);
    v1::IngestDocumentsRequest start;
    start.mutable_start()->set_collection("docs");
    start.mutable_start()->set_session_id(session);
    v1::IngestDocumentsResponse response;
    if (!stream->Write(start) || !stream->Read(&response)) return 0;
    const uint64_t first = response.ready().items_done();
    std::thread writer([&] {
      for (uint64_t item = first;; item += kBatchDocuments) {
        v1::IngestDocumentsRequest request;
        request.mutable_batch()->set_first_item(item);
        for (uint64_t number = item; number < item + kBatchDocuments; ++number) {
          *request.mutable_batch()->add_documents() = MakeDocument(number);
        }
        if (!stream->Write(request)) return;
      }
    });
    uint64_t acknowledged = first;
    while (stream->Read(&response)) {
      const v1::IngestAcknowledgement& done = response.acknowledgement();
      EXPECT_EQ(done.first_item(), acknowledged);
      EXPECT_EQ(done.durability(), v1::DURABILITY_FSYNC);
      for (const v1::UpsertResult& result : done.results()) EXPECT_EQ(result.status().code(), 0);
      acknowledged += static_cast<uint64_t>(done.results_size());
      if (acknowledged >= kill_after) server_->process().Signal(SIGKILL);
    }
    writer.join();
    server_->Kill();
    return acknowledged;
  }

  void ExpectWholeAndFound(uint64_t number) {
    const v1::Document expected = MakeDocument(number);
    v1::GetDocumentsRequest get;
    get.set_collection("docs");
    get.add_ids(expected.id());
    get.mutable_fields()->set_text(true);
    get.mutable_fields()->set_metadata(true);
    get.mutable_fields()->set_vector(true);
    v1::GetDocumentsResponse got;
    grpc::ClientContext get_context;
    ASSERT_TRUE(v1::DocumentService::NewStub(channel_)->GetDocuments(&get_context, get, &got).ok());
    ASSERT_TRUE(got.results(0).found()) << expected.id() << " was acknowledged and is lost";
    const v1::Document& stored = got.results(0).document();
    EXPECT_EQ(stored.text(), expected.text());
    EXPECT_EQ(stored.metadata().at("number").int64_value(), static_cast<int64_t>(number));
    EXPECT_TRUE(stored.has_vector());

    v1::SearchRequest search;
    search.set_collection("docs");
    *search.mutable_query()->add_terms()->mutable_vector() = expected.vector();
    search.mutable_query()->set_limit(1);
    v1::SearchResponse found;
    grpc::ClientContext search_context;
    ASSERT_TRUE(v1::SearchService::NewStub(channel_)->Search(&search_context, search, &found).ok());
    ASSERT_EQ(found.hits_size(), 1);
    EXPECT_EQ(found.hits(0).document().id(), expected.id());
  }

  void CreateCollection() {
    v1::CreateCollectionRequest create;
    create.set_name("docs");
    create.set_dimension(kDimension);
    v1::Collection created;
    grpc::ClientContext context;
    ASSERT_TRUE(v1::CollectionService::NewStub(channel_)
                    ->CreateCollection(&context, create, &created)
                    .ok());
  }

  TemporaryDirectory directory_;
  std::unique_ptr<ServerProcess> server_;
  std::shared_ptr<grpc::Channel> channel_;
};

TEST_F(RestartTest, EveryAcknowledgedDocumentSurvivesKill9AndTheImportResumes) {
  Start();
  CreateCollection();
  uint64_t acknowledged = 0;
  for (int cycle = 1; cycle <= 4; ++cycle) {
    SCOPED_TRACE("cycle " + std::to_string(cycle));
    const uint64_t now = IngestUntilKilled("restart-test", acknowledged + 150);
    EXPECT_GT(now, acknowledged);
    acknowledged = now;
    Start();
    for (uint64_t number = 0; number < acknowledged; number += 7) ExpectWholeAndFound(number);
    ExpectWholeAndFound(acknowledged - 1);

    // What is stored beyond the last acknowledgement is whole batches, once each.
    v1::CountDocumentsRequest count;
    count.set_collection("docs");
    v1::CountDocumentsResponse counted;
    grpc::ClientContext count_context;
    ASSERT_TRUE(v1::DocumentService::NewStub(channel_)
                    ->CountDocuments(&count_context, count, &counted)
                    .ok());
    EXPECT_GE(counted.count(), acknowledged);
    EXPECT_EQ(counted.count() % kBatchDocuments, 0u);
  }
}

TEST_F(RestartTest, AGraphIsTakenUpFromItsFilesAfterKill9WithWhatCameLater) {
  Start();
  CreateCollection();
  uint64_t acknowledged = 0;
  for (int cycle = 1; cycle <= 3; ++cycle) {
    SCOPED_TRACE("cycle " + std::to_string(cycle));
    // Above 4,096 vectors there is a graph.
    acknowledged = IngestUntilKilled("graph-test", acknowledged + 5'000);
    Start();
    for (uint64_t number = 0; number < acknowledged; number += 501) ExpectWholeAndFound(number);
    ExpectWholeAndFound(acknowledged - 1);
  }
  EXPECT_NE(server_->log().find("read from its files"), std::string::npos) << server_->log();
  EXPECT_EQ(server_->log().find("built anew"), std::string::npos) << server_->log();
  // An orderly stop leaves nothing to be made again.
  EXPECT_EQ(server_->Stop(), 0);
  Start();
  EXPECT_NE(server_->log().find("0 later changes"), std::string::npos) << server_->log();
  ExpectWholeAndFound(acknowledged - 1);
}

}  // namespace
}  // namespace simile

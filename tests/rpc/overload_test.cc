// Overload is refused with a time to try again; nothing waits without bound.
#include <future>
#include <string>
#include <vector>

#include "tests/rpc/rpc_fixture.h"

namespace simile {
namespace {

using ::grpc::StatusCode;
using ::testing::HasSubstr;

class OverloadTest : public RpcFixture {
 protected:
  // Searches on a thread of its own, with a channel that others need not wait for.
  std::future<grpc::Status> SearchAside(const std::string& text) {
    return std::async(std::launch::async, [this, text] {
      v1::SearchResponse response;
      return Call(*search_, &v1::SearchService::Stub::Search, TextSearch("texts", text), response);
    });
  }

  v1::ServerStats Stats() {
    v1::ServerStats stats;
    EXPECT_TRUE(Call(*admin_, &v1::AdminService::Stub::GetStats, {}, stats).ok());
    return stats;
  }

  // The bytes of a call are free once its client has the answer, which may have it a moment before.
  void AwaitNothingInFlight() {
    while (Stats().bytes_in_flight() > 0) std::this_thread::yield();
  }

  // Asks until so many searches wait in the queue.
  void AwaitQueuedSearches(uint32_t count) {
    while (Stats().pools(0).queued() < count) std::this_thread::yield();
  }
};

TEST_F(OverloadTest, AFullQueueRefusesWithATimeToTryAgain) {
  Serve({.search_threads = 1, .search_queue_max = 1});
  gate_->Shut();
  std::future<grpc::Status> working = SearchAside("apple");
  gate_->AwaitSomebody();
  std::future<grpc::Status> waiting = SearchAside("pear");
  AwaitQueuedSearches(1);
  const grpc::Status refused = Search(TextSearch("texts", "plum"));
  EXPECT_THAT(refused, IsError(StatusCode::RESOURCE_EXHAUSTED, "1 search requests wait already"));
  EXPECT_TRUE(HasRetryInfo(refused));
  EXPECT_EQ(Stats().pools(0).rejected(), 1u);
  gate_->Open();
  EXPECT_TRUE(working.get().ok());
  EXPECT_TRUE(waiting.get().ok());
  AwaitNothingInFlight();
}

TEST_F(OverloadTest, FullMemoryRefusesWithNumbers) {
  Serve({.bytes_in_flight_max = 1'000});
  gate_->Shut();
  std::future<grpc::Status> working = SearchAside(std::string(900, 'x'));
  gate_->AwaitSomebody();
  const grpc::Status refused = Search(TextSearch("texts", std::string(200, 'x')));
  EXPECT_THAT(refused, IsError(StatusCode::RESOURCE_EXHAUSTED, "at most 1000 are taken at once"));
  EXPECT_TRUE(HasRetryInfo(refused));
  gate_->Open();
  EXPECT_TRUE(working.get().ok());
  AwaitNothingInFlight();
  EXPECT_TRUE(Search(TextSearch("texts", std::string(200, 'x'))).ok());
}

TEST_F(OverloadTest, AnIngestStreamWaitsForMemoryInsteadOfBeingRefused) {
  Serve({.bytes_in_flight_max = 1'000});
  gate_->Shut();
  std::future<grpc::Status> working = SearchAside(std::string(2'000, 'x'));
  gate_->AwaitSomebody();
  grpc::ClientContext context;
  auto stream = documents_->IngestDocuments(&context);
  v1::IngestDocumentsRequest request;
  request.mutable_start()->set_collection("vectors");
  ASSERT_TRUE(stream->Write(request));
  gate_->Open();
  v1::IngestDocumentsResponse response;
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_TRUE(response.has_ready());
  stream->WritesDone();
  EXPECT_FALSE(stream->Read(&response));
  EXPECT_TRUE(stream->Finish().ok());
  EXPECT_TRUE(working.get().ok());
}

TEST_F(OverloadTest, AStreamAboveTheLimitOfStreamsIsRefused) {
  std::vector<std::unique_ptr<grpc::ClientContext>> contexts;
  std::vector<std::unique_ptr<
      grpc::ClientReaderWriter<v1::IngestDocumentsRequest, v1::IngestDocumentsResponse>>>
      streams;
  v1::IngestDocumentsRequest request;
  request.mutable_start()->set_collection("vectors");
  v1::IngestDocumentsResponse response;
  // Two connections: one carries at most 256 streams.
  grpc::ChannelArguments own_connection;
  own_connection.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  const auto second = v1::DocumentService::NewStub(grpc::CreateCustomChannel(
      server_->address(), grpc::InsecureChannelCredentials(), own_connection));
  for (size_t number = 0; number < kIngestStreamsMax; ++number) {
    contexts.push_back(std::make_unique<grpc::ClientContext>());
    v1::DocumentService::Stub& stub = number < kIngestStreamsMax / 2 ? *documents_ : *second;
    streams.push_back(stub.IngestDocuments(contexts.back().get()));
    ASSERT_TRUE(streams.back()->Write(request));
    ASSERT_TRUE(streams.back()->Read(&response));
  }
  grpc::ClientContext context;
  auto refused = documents_->IngestDocuments(&context);
  refused->Write(request);
  EXPECT_FALSE(refused->Read(&response));
  const grpc::Status status = refused->Finish();
  EXPECT_THAT(status, IsError(StatusCode::RESOURCE_EXHAUSTED, "256 ingest streams are open"));
  EXPECT_TRUE(HasRetryInfo(status));
  for (const auto& stream : streams) stream->WritesDone();
  for (const auto& stream : streams) EXPECT_TRUE(stream->Finish().ok());
}

TEST_F(OverloadTest, WhileStoppingNewWorkIsRefusedAndRunningWorkIsFinished) {
  gate_->Shut();
  std::future<grpc::Status> working = SearchAside("apple");
  gate_->AwaitSomebody();
  // The connection is open, so the refusal comes from the server and not from the network.
  std::future<void> stopping =
      std::async(std::launch::async, [this] { server_->Stop(std::chrono::seconds(20)); });
  grpc::Status refused;
  do {
    v1::ListModelsResponse response;
    refused = Call(*embedding_, &v1::EmbeddingService::Stub::ListModels, {}, response);
  } while (refused.ok());
  EXPECT_THAT(refused, IsError(StatusCode::UNAVAILABLE, "the server is stopping"));
  gate_->Open();
  EXPECT_TRUE(working.get().ok());
  stopping.get();
}

TEST_F(OverloadTest, ACallThatWasGivenUpFreesItsPlace) {
  Serve({.search_threads = 1});
  gate_->Shut();
  std::future<grpc::Status> working = SearchAside("apple");
  gate_->AwaitSomebody();
  grpc::ClientContext context;
  v1::SearchResponse response;
  std::future<grpc::Status> given_up = std::async(std::launch::async, [&] {
    return search_->Search(&context, TextSearch("texts", "pear"), &response);
  });
  AwaitQueuedSearches(1);
  context.TryCancel();
  EXPECT_EQ(given_up.get().error_code(), StatusCode::CANCELLED);
  gate_->Open();
  EXPECT_TRUE(working.get().ok());
  AwaitNothingInFlight();
  EXPECT_EQ(Stats().pools(0).queued(), 0u);
  EXPECT_TRUE(Search(TextSearch("texts", "plum")).ok());
}

}  // namespace
}  // namespace simile

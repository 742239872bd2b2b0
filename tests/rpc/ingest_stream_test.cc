// The protocol of IngestDocuments.
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/rpc/rpc_fixture.h"

namespace simile {
namespace {

using ::grpc::StatusCode;

class IngestStreamTest : public RpcFixture {
 protected:
  // A client's end of one stream.
  struct Stream {
    explicit Stream(v1::DocumentService::Stub& stub) : calls(stub.IngestDocuments(&context)) {}

    bool Start(const std::string& collection, const std::string& session) {
      v1::IngestDocumentsRequest request;
      request.mutable_start()->set_collection(collection);
      request.mutable_start()->set_session_id(session);
      return calls->Write(request);
    }

    bool Send(uint64_t first_item, int count) {
      v1::IngestDocumentsRequest request;
      request.mutable_batch()->set_first_item(first_item);
      for (int item = 0; item < count; ++item) {
        *request.mutable_batch()->add_documents() =
            VectorDocument("", {1, static_cast<float>(first_item) + static_cast<float>(item)});
      }
      return calls->Write(request);
    }

    // Reads `ready`: how many items are done.
    uint64_t Ready() {
      v1::IngestDocumentsResponse response;
      EXPECT_TRUE(calls->Read(&response));
      EXPECT_TRUE(response.has_ready());
      return response.ready().items_done();
    }

    v1::IngestAcknowledgement Acknowledgement() {
      v1::IngestDocumentsResponse response;
      EXPECT_TRUE(calls->Read(&response));
      EXPECT_TRUE(response.has_acknowledgement());
      return response.acknowledgement();
    }

    // Half-closes and returns how the server ended the stream.
    grpc::Status Finish() {
      calls->WritesDone();
      v1::IngestDocumentsResponse response;
      while (calls->Read(&response)) {
      }
      return calls->Finish();
    }

    grpc::ClientContext context;
    std::unique_ptr<
        grpc::ClientReaderWriter<v1::IngestDocumentsRequest, v1::IngestDocumentsResponse>>
        calls;
  };

  std::unique_ptr<Stream> Open() { return std::make_unique<Stream>(*documents_); }
};

TEST_F(IngestStreamTest, AcknowledgesEveryBatchInOrderAndEndsWithOk) {
  auto stream = Open();
  ASSERT_TRUE(stream->Start("vectors", ""));
  EXPECT_EQ(stream->Ready(), 0u);
  std::thread writer([&stream] {
    for (uint64_t batch = 0; batch < 50; ++batch) EXPECT_TRUE(stream->Send(batch * 10, 10));
  });
  for (uint64_t batch = 0; batch < 50; ++batch) {
    const v1::IngestAcknowledgement done = stream->Acknowledgement();
    EXPECT_EQ(done.first_item(), batch * 10);
    EXPECT_EQ(done.results_size(), 10);
    EXPECT_EQ(done.durability(), v1::DURABILITY_FSYNC);
    EXPECT_GT(done.commit_sequence(), 0u);
  }
  writer.join();
  EXPECT_TRUE(stream->Finish().ok());
  EXPECT_EQ(CountOf("vectors"), 500u);
}

TEST_F(IngestStreamTest, ReadySaysWhatABatchMayHave) {
  auto stream = Open();
  ASSERT_TRUE(stream->Start("vectors", "import"));
  v1::IngestDocumentsResponse response;
  ASSERT_TRUE(stream->calls->Read(&response));
  EXPECT_EQ(response.ready().batch_max(), 10'000u);
  EXPECT_EQ(response.ready().batch_bytes_max(), 64u << 20);
  EXPECT_TRUE(stream->Finish().ok());
}

TEST_F(IngestStreamTest, AStreamThatWasHalfClosedAtOnceEndsWithOkAfterItsLastBatch) {
  auto stream = Open();
  ASSERT_TRUE(stream->Start("vectors", ""));
  ASSERT_TRUE(stream->Send(0, 5));
  ASSERT_TRUE(stream->Send(5, 5));
  EXPECT_TRUE(stream->Finish().ok());
  EXPECT_EQ(CountOf("vectors"), 10u);
}

TEST_F(IngestStreamTest, ABrokenStreamIsResumedAndNothingIsStoredTwice) {
  {
    auto broken = Open();
    ASSERT_TRUE(broken->Start("vectors", "import"));
    EXPECT_EQ(broken->Ready(), 0u);
    ASSERT_TRUE(broken->Send(0, 7));
    EXPECT_EQ(broken->Acknowledgement().results_size(), 7);
    // Whether this batch is stored, the client never learns.
    ASSERT_TRUE(broken->Send(7, 7));
    broken->context.TryCancel();
    broken->Finish();
  }
  auto stream = Open();
  ASSERT_TRUE(stream->Start("vectors", "import"));
  const uint64_t done = stream->Ready();
  EXPECT_TRUE(done == 7 || done == 14) << done;
  ASSERT_TRUE(stream->Send(done, static_cast<int>(21 - done)));
  stream->Acknowledgement();
  EXPECT_TRUE(stream->Finish().ok());
  EXPECT_EQ(CountOf("vectors"), 21u);
}

TEST_F(IngestStreamTest, ANewerStreamTakesTheSessionOver) {
  auto older = Open();
  ASSERT_TRUE(older->Start("vectors", "import"));
  EXPECT_EQ(older->Ready(), 0u);
  auto newer = Open();
  ASSERT_TRUE(newer->Start("vectors", "import"));
  EXPECT_EQ(newer->Ready(), 0u);
  older->Send(0, 3);
  EXPECT_THAT(older->Finish(), IsError(StatusCode::ABORTED, "taken over by a newer stream"));
  ASSERT_TRUE(newer->Send(0, 3));
  EXPECT_EQ(newer->Acknowledgement().results_size(), 3);
  EXPECT_TRUE(newer->Finish().ok());
  EXPECT_EQ(CountOf("vectors"), 3u);
}

TEST_F(IngestStreamTest, ABatchThatDoesNotFollowEndsTheStreamAfterTheAcknowledgementsBefore) {
  auto stream = Open();
  ASSERT_TRUE(stream->Start("vectors", ""));
  stream->Ready();
  ASSERT_TRUE(stream->Send(0, 3));
  ASSERT_TRUE(stream->Send(4, 3));
  EXPECT_EQ(stream->Acknowledgement().first_item(), 0u);
  EXPECT_THAT(stream->Finish(), IsError(StatusCode::OUT_OF_RANGE, "send on from item 3"));
}

TEST_F(IngestStreamTest, TheFirstMessageMustBeStartAndNoneAfterIt) {
  auto without_start = Open();
  without_start->Send(0, 1);
  EXPECT_THAT(without_start->Finish(),
              IsError(StatusCode::INVALID_ARGUMENT, "first message of an ingest stream"));
  auto twice = Open();
  ASSERT_TRUE(twice->Start("vectors", ""));
  twice->Ready();
  twice->Start("vectors", "");
  EXPECT_THAT(twice->Finish(), IsError(StatusCode::INVALID_ARGUMENT, "must be a `batch`"));
}

TEST_F(IngestStreamTest, AnUnknownCollectionAndALongSessionIdAreRefused) {
  auto unknown = Open();
  unknown->Start("nothing", "");
  const grpc::Status status = unknown->Finish();
  EXPECT_THAT(status, IsError(StatusCode::NOT_FOUND, "'nothing'"));
  EXPECT_EQ(DetailOf<google::rpc::ErrorInfo>(status).domain(), "simile");
  auto long_id = Open();
  long_id->Start("vectors", std::string(65, 'x'));
  EXPECT_THAT(long_id->Finish(), IsError(StatusCode::INVALID_ARGUMENT, "65 bytes; at most 64"));
}

TEST_F(IngestStreamTest, ABadDocumentFailsByItself) {
  auto stream = Open();
  ASSERT_TRUE(stream->Start("vectors", "import"));
  stream->Ready();
  v1::IngestDocumentsRequest request;
  *request.mutable_batch()->add_documents() = VectorDocument("good", {1, 2});
  *request.mutable_batch()->add_documents() = VectorDocument("bad", {1, 2, 3});
  ASSERT_TRUE(stream->calls->Write(request));
  const v1::IngestAcknowledgement done = stream->Acknowledgement();
  EXPECT_EQ(done.results(0).status().code(), 0);
  EXPECT_EQ(done.results(1).status().code(), StatusCode::INVALID_ARGUMENT);
  EXPECT_TRUE(stream->Finish().ok());
}

TEST_F(IngestStreamTest, AStopEndsTheStreamAfterTheBatchThatRuns) {
  auto stream = Open();
  ASSERT_TRUE(stream->Start("texts", "import"));
  stream->Ready();
  gate_->Shut();
  v1::IngestDocumentsRequest request;
  *request.mutable_batch()->add_documents() = TextDocument("a", "red apple");
  ASSERT_TRUE(stream->calls->Write(request));
  gate_->AwaitSomebody();
  std::thread stopper([this] { server_->Stop(std::chrono::seconds(20)); });
  gate_->Open();
  EXPECT_EQ(stream->Acknowledgement().results_size(), 1);
  // Not half-closed, so that it is the server that ends the stream.
  v1::IngestDocumentsResponse response;
  EXPECT_FALSE(stream->calls->Read(&response));
  EXPECT_THAT(stream->calls->Finish(), IsError(StatusCode::UNAVAILABLE, "resume the import"));
  stopper.join();
  EXPECT_EQ(CountOf("texts"), 1u);
}

TEST_F(IngestStreamTest, AWriterThatRunsAheadOfItsReaderLosesNothing) {
  auto stream = Open();
  ASSERT_TRUE(stream->Start("vectors", ""));
  std::thread writer([&stream] {
    for (uint64_t batch = 0; batch < 300; ++batch) {
      if (!stream->Send(batch * 20, 20)) return;
    }
  });
  EXPECT_EQ(stream->Ready(), 0u);
  for (uint64_t batch = 0; batch < 300; ++batch) {
    ASSERT_EQ(stream->Acknowledgement().first_item(), batch * 20);
  }
  writer.join();
  EXPECT_TRUE(stream->Finish().ok());
  EXPECT_EQ(CountOf("vectors"), 6'000u);
}

}  // namespace
}  // namespace simile

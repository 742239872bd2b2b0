// Which calls of the client are repeated, when, and how errors come out of it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "client/simile_client.h"
#include "tests/client/fake_server.h"
#include "tests/client/scripted_service.h"
#include "tests/support/status_matchers.h"

namespace simile {
namespace {

using ::grpc::StatusCode;
using ::std::chrono::milliseconds;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class ClientRetryTest : public ::testing::Test {
 protected:
  ClientRetryTest()
      : server_([this](grpc::ServerBuilder& builder) {
          builder.RegisterCallbackGenericService(&service_);
        }) {
    Connect({});
  }

  void Connect(ClientOptions options) {
    options.server = server_.address();
    client_ = std::make_unique<Client>(options);
  }

  absl::Status Count() { return client_->CountDocuments("texts").status(); }

  absl::Status Upsert(const std::vector<std::string>& ids) {
    v1::UpsertDocumentsRequest request;
    for (const std::string& id : ids) request.add_documents()->set_id(id);
    return client_->UpsertDocuments(request).status();
  }

  ScriptedService service_;
  FakeServer server_;
  std::unique_ptr<Client> client_;
};

const grpc::Status kGone(StatusCode::UNAVAILABLE, "Socket closed");

TEST_F(ClientRetryTest, ACallThatMetNoServerIsRepeated) {
  service_.Script({kGone, kGone});
  EXPECT_THAT(Count(), IsOk());
  EXPECT_THAT(service_.TakeCalls(), SizeIs(3));
}

// A server that stops cancels what it cannot finish.
TEST_F(ClientRetryTest, ACallThatTheServerCancelledIsOneThatMetNoServer) {
  const grpc::Status cancelled(StatusCode::CANCELLED, "");
  service_.Script({cancelled});
  EXPECT_THAT(Count(), IsOk());
  EXPECT_THAT(service_.TakeCalls(), SizeIs(2));
  service_.Script({cancelled});
  EXPECT_THAT(Upsert({""}), StatusIs(absl::StatusCode::kUnavailable, "it may be stopping"));
  EXPECT_THAT(service_.TakeCalls(), SizeIs(1));
}

TEST_F(ClientRetryTest, OnlyCallsThatMayBeDoneTwiceAreRepeatedWhenNobodyKnowsWhetherTheyWereDone) {
  struct Method {
    std::string name;
    size_t calls;
    std::function<absl::Status()> call;
  };
  const std::vector<Method> methods = {
      {"CreateCollection", 1, [&] { return client_->CreateCollection({}).status(); }},
      {"GetCollection", 2, [&] { return client_->GetCollection("a").status(); }},
      {"ListCollections", 2, [&] { return client_->ListCollections({}).status(); }},
      {"UpdateCollection", 2, [&] { return client_->UpdateCollection({}).status(); }},
      {"DeleteCollection", 1, [&] { return client_->DeleteCollection("a"); }},
      {"GetDocuments", 2, [&] { return client_->GetDocuments({}).status(); }},
      {"DeleteDocuments", 2, [&] { return client_->DeleteDocuments({}).status(); }},
      {"ListDocuments", 2, [&] { return client_->ListDocuments({}).status(); }},
      {"CountDocuments", 2, [&] { return client_->CountDocuments("a").status(); }},
      {"UpdateMetadata", 2, [&] { return client_->UpdateMetadata({}).status(); }},
      {"Search", 2, [&] { return client_->SearchText("a", "red").status(); }},
      {"SearchBatch", 2, [&] { return client_->SearchBatch({}).status(); }},
      {"Embed", 2, [&] { return client_->Embed({}).status(); }},
      {"Tokenize", 2, [&] { return client_->Tokenize({}).status(); }},
      {"ListModels", 2, [&] { return client_->ListModels().status(); }},
      {"GetServerInfo", 2, [&] { return client_->GetServerInfo().status(); }},
      {"GetStats", 2, [&] { return client_->GetStats().status(); }},
      {"GetSnapshotManifest", 2, [&] { return client_->GetSnapshotManifest("a").status(); }},
      {"ReadSnapshotChunk", 2, [&] { return client_->ReadSnapshotChunk({}).status(); }},
      {"BeginSnapshotUpload", 2, [&] { return client_->BeginSnapshotUpload({}).status(); }},
      {"WriteSnapshotChunk", 2, [&] { return client_->WriteSnapshotChunk({}).status(); }},
      {"FinishSnapshotUpload", 1, [&] { return client_->FinishSnapshotUpload("a").status(); }},
      {"Check", 1, [&] { return client_->IsServing().status(); }}};
  for (const Method& method : methods) {
    service_.Script({kGone});
    EXPECT_EQ(method.call().ok(), method.calls == 2) << method.name;
    const std::vector<std::string> calls = service_.TakeCalls();
    EXPECT_THAT(calls, SizeIs(method.calls)) << method.name;
    EXPECT_THAT(calls, Each(HasSubstr("/" + method.name)));
  }
}

TEST_F(ClientRetryTest, AnUpsertIsRepeatedOnlyWhenEveryDocumentHasAnId) {
  service_.Script({kGone});
  EXPECT_THAT(Upsert({"a", "b"}), IsOk());
  EXPECT_THAT(service_.TakeCalls(), SizeIs(2));
  service_.Script({kGone});
  EXPECT_THAT(Upsert({"a", ""}), StatusIs(absl::StatusCode::kUnavailable, "Socket closed"));
  EXPECT_THAT(service_.TakeCalls(), SizeIs(1));
}

TEST_F(ClientRetryTest, ARefusedCallIsRepeatedAfterTheTimeTheServerAskedFor) {
  constexpr milliseconds kDelay{350};
  for (const StatusCode code : {StatusCode::RESOURCE_EXHAUSTED, StatusCode::UNAVAILABLE}) {
    // Refused means that nothing was done, so that also this one may come again.
    service_.Script({RetryAfter(code, "overloaded", kDelay)});
    const auto start = std::chrono::steady_clock::now();
    EXPECT_THAT(Upsert({""}), IsOk());
    EXPECT_GE(std::chrono::steady_clock::now() - start, kDelay);
    EXPECT_THAT(service_.TakeCalls(), SizeIs(2));
  }
}

TEST_F(ClientRetryTest, ARefusalWithoutATimeIsFinal) {
  service_.Script({Failure(StatusCode::RESOURCE_EXHAUSTED, "the batch is too large")});
  EXPECT_THAT(Count(), StatusIs(absl::StatusCode::kResourceExhausted, "the batch is too large"));
  EXPECT_THAT(service_.TakeCalls(), SizeIs(1));
}

TEST_F(ClientRetryTest, TheHealthCheckIsNotEvenRepeatedWhenTheServerAsksForIt) {
  service_.Script({RetryAfter(StatusCode::UNAVAILABLE, "loading", milliseconds(1))});
  EXPECT_THAT(client_->IsServing(), StatusIs(absl::StatusCode::kUnavailable, "loading"));
  EXPECT_THAT(service_.TakeCalls(), SizeIs(1));
  // The empty answer has the status UNKNOWN.
  EXPECT_EQ(client_->IsServing().value(), false);
}

TEST_F(ClientRetryTest, ThereAreNoMoreAttemptsThanAllowed) {
  for (const int attempts_max : {1, 3}) {
    Connect({.attempts_max = attempts_max});
    service_.Script(std::deque<grpc::Status>(10, kGone));
    EXPECT_THAT(Count(), StatusIs(absl::StatusCode::kUnavailable, "Socket closed"));
    EXPECT_THAT(service_.TakeCalls(), SizeIs(static_cast<size_t>(attempts_max)));
  }
}

TEST_F(ClientRetryTest, AllAttemptsTogetherKeepToTheTimeout) {
  Connect({.timeout = milliseconds(500), .attempts_max = 50});
  service_.Script(std::deque<grpc::Status>(50, kGone));
  EXPECT_FALSE(Count().ok());
  // The pauses are at least 50, 100, 200 and 400 ms.
  EXPECT_THAT(service_.TakeCalls(), SizeIs(::testing::Le(4)));
}

TEST_F(ClientRetryTest, ATimeBeyondTheTimeoutIsNotWaitedFor) {
  service_.Script({RetryAfter(StatusCode::RESOURCE_EXHAUSTED, "full", std::chrono::hours(1))});
  EXPECT_THAT(Count(), StatusIs(absl::StatusCode::kResourceExhausted, "full"));
  EXPECT_THAT(service_.TakeCalls(), SizeIs(1));
}

TEST_F(ClientRetryTest, AServerThatDoesNotAnswerInTimeIsNamed) {
  Connect({.timeout = milliseconds(300)});
  service_.Hang();
  EXPECT_THAT(Count(), StatusIs(absl::StatusCode::kDeadlineExceeded,
                                server_.address() + " did not answer in time"));
}

TEST_F(ClientRetryTest, ErrorsKeepTheirCodeAndMessage) {
  // 1 is CANCELLED, which means that the server is gone.
  for (int code = 2; code <= 16; ++code) {
    Connect({.attempts_max = 1});
    service_.Script({Failure(static_cast<StatusCode>(code), "what went wrong")});
    const absl::Status status = Count();
    EXPECT_EQ(static_cast<int>(status.code()), code);
    EXPECT_EQ(status.message(), "what went wrong");
  }
}

TEST_F(ClientRetryTest, ARequestThatNoServerTakesIsRefusedWithoutACall) {
  v1::UpsertDocumentsRequest request;
  request.add_documents()->set_text(std::string(64 << 20, 'x'));
  EXPECT_THAT(client_->UpsertDocuments(request),
              StatusIs(absl::StatusCode::kResourceExhausted, "at most 67108864: split the batch"));
  EXPECT_THAT(service_.TakeCalls(), SizeIs(0));
}

TEST(ClientConnectionTest, AServerThatIsNotThereIsNamed) {
  // Nobody listens on port 1.
  Client client({.server = "127.0.0.1:1", .attempts_max = 2});
  EXPECT_THAT(client.GetStats(),
              StatusIs(absl::StatusCode::kUnavailable, "no server answers at 127.0.0.1:1"));
  EXPECT_THAT(client.CreateCollection({}),
              StatusIs(absl::StatusCode::kUnavailable, "no server answers at 127.0.0.1:1"));
}

}  // namespace
}  // namespace simile

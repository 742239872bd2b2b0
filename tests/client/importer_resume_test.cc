// The importer on streams that break.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <deque>
#include <string>
#include <vector>

#include "tests/client/importer_fixture.h"

namespace simile {
namespace {

using ::grpc::StatusCode;
using ::testing::Each;
using ::testing::SizeIs;

const grpc::Status kBroken(StatusCode::UNAVAILABLE, "Socket closed");

class ImporterResumeTest : public ImporterFixture {
 protected:
  ImporterResumeTest() {
    options_.batch_documents = 5;
    options_.session_id = "import";
  }
};

TEST_F(ImporterResumeTest, AStreamThatBreaksBeforeABatchIsStoredIsResumedThere) {
  service_.EndStreams({{.status = kBroken, .batches = 3}});
  EXPECT_THAT(Import(52), IsOk());
  EXPECT_EQ(service_.ids(), Ids(52));
  ExpectEachReportedOnce(52);
  ASSERT_THAT(service_.starts(), SizeIs(2));
  EXPECT_EQ(service_.starts()[1].session_id(), "import");
}

TEST_F(ImporterResumeTest, ABatchThatWasStoredButNotAcknowledgedIsNotSentAgain) {
  service_.EndStreams({{.status = kBroken, .batches = 3, .store_next = true}});
  EXPECT_THAT(Import(52), IsOk());
  EXPECT_EQ(service_.ids(), Ids(52));
  ExpectEachReportedOnce(52);
  for (const Report& report : reports()) {
    // What became of those the client was never told.
    const bool told = report.item < 15 || report.item >= 20;
    EXPECT_EQ(report.result.id(), told ? std::to_string(report.item) : "");
    EXPECT_EQ(report.result.status().code(), 0);
  }
}

TEST_F(ImporterResumeTest, AStreamMayBreakAgainAndAgainAsLongAsItComesForward) {
  Connect({.attempts_max = 2});
  service_.EndStreams({{.status = kBroken, .batches = 1},
                       {.status = kBroken, .batches = 2, .store_next = true},
                       {.status = kBroken, .batches = 1},
                       {.status = kBroken, .batches = 1, .store_next = true}});
  EXPECT_THAT(Import(100), IsOk());
  EXPECT_EQ(service_.ids(), Ids(100));
  ExpectEachReportedOnce(100);
  EXPECT_THAT(service_.starts(), SizeIs(5));
}

TEST_F(ImporterResumeTest, AStreamThatBreaksInItsLastBatchIsResumedByFinish) {
  for (const bool store_next : {false, true}) {
    service_.Store({});
    reports_.clear();
    service_.EndStreams({{.status = kBroken, .batches = 0, .store_next = store_next}});
    EXPECT_THAT(Import(3), IsOk());
    EXPECT_EQ(service_.ids(), Ids(3));
    ExpectEachReportedOnce(3);
  }
}

TEST_F(ImporterResumeTest, StreamsThatComeNoFurtherAreGivenUp) {
  Connect({.attempts_max = 3});
  service_.EndStreams(std::deque<StreamEnd>(10, {.status = kBroken}));
  EXPECT_THAT(Import(52), StatusIs(absl::StatusCode::kUnavailable, "Socket closed"));
  EXPECT_THAT(service_.starts(), SizeIs(3));
}

TEST_F(ImporterResumeTest, WithoutRetriesABrokenStreamIsFinal) {
  Connect({.attempts_max = 1});
  service_.EndStreams({{.status = kBroken}});
  EXPECT_THAT(Import(52), StatusIs(absl::StatusCode::kUnavailable, "Socket closed"));
  EXPECT_THAT(service_.starts(), SizeIs(1));
}

TEST_F(ImporterResumeTest, AnOverloadedServerIsGivenTheTimeItAsksFor) {
  constexpr std::chrono::milliseconds kDelay{300};
  for (const bool before_ready : {true, false}) {
    service_.Store({});
    reports_.clear();
    service_.EndStreams({{.status = RetryAfter(StatusCode::RESOURCE_EXHAUSTED, "busy", kDelay),
                          .before_ready = before_ready}});
    const auto start = std::chrono::steady_clock::now();
    EXPECT_THAT(Import(12), IsOk());
    EXPECT_GE(std::chrono::steady_clock::now() - start, kDelay);
    EXPECT_EQ(service_.ids(), Ids(12));
    ExpectEachReportedOnce(12);
  }
}

TEST_F(ImporterResumeTest, ARefusalInTheMiddleWithoutATimeIsFinal) {
  service_.EndStreams(
      {{.status = Failure(StatusCode::RESOURCE_EXHAUSTED, "too large"), .batches = 1}});
  EXPECT_THAT(Import(52), StatusIs(absl::StatusCode::kResourceExhausted, "too large"));
  EXPECT_THAT(service_.starts(), SizeIs(1));
}

TEST_F(ImporterResumeTest, ALaterRunOfANamedSessionSendsOnlyWhatIsMissing) {
  // Also where the earlier run stopped within a batch of this one.
  for (const size_t done : {size_t{4}, size_t{5}, size_t{13}, size_t{20}}) {
    service_.Store(Ids(done));
    reports_.clear();
    EXPECT_THAT(Import(22), IsOk()) << done;
    EXPECT_EQ(service_.ids(), Ids(22)) << done;
    ExpectEachReportedOnce(22);
    for (const Report& report : reports()) {
      EXPECT_EQ(report.result.id(), report.item < done ? "" : std::to_string(report.item));
    }
  }
}

TEST_F(ImporterResumeTest, ALaterRunOfASessionThatIsCompleteSendsNothing) {
  service_.Store(Ids(22));
  EXPECT_THAT(Import(22), IsOk());
  EXPECT_EQ(service_.ids(), Ids(22));
  ExpectEachReportedOnce(22);
  EXPECT_THAT(service_.batch_sizes(), SizeIs(0));
}

TEST_F(ImporterResumeTest, DocumentsWithoutIdAreStoredOnceToo) {
  service_.EndStreams({{.status = kBroken, .batches = 1, .store_next = true}});
  Importer& importer = Open();
  for (int item = 0; item < 23; ++item) ASSERT_THAT(importer.Add(DocumentOf("")), IsOk());
  EXPECT_THAT(importer.Finish(), IsOk());
  EXPECT_THAT(service_.ids(), SizeIs(23));
  EXPECT_THAT(service_.ids(), Each(""));
  ExpectEachReportedOnce(23);
}

}  // namespace
}  // namespace simile

// The importer on streams that work, and on such that are refused.
#include "client/importer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/client/importer_fixture.h"

namespace simile {
namespace {

using ::grpc::StatusCode;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class ImporterTest : public ImporterFixture {};

TEST_F(ImporterTest, EveryDocumentIsStoredAndReportedOnceAndInOrder) {
  options_.batch_documents = 7;
  EXPECT_THAT(Import(1'000), IsOk());
  EXPECT_EQ(service_.ids(), Ids(1'000));
  ExpectEachReportedOnce(1'000);
  for (const Report& report : reports()) EXPECT_EQ(report.result.id(), Ids(1'000)[report.item]);
}

TEST_F(ImporterTest, TheStreamBeginsWithWhatWasChosen) {
  options_.session_id = "import";
  options_.durability = v1::DURABILITY_OS_BUFFER;
  EXPECT_THAT(Import(1), IsOk());
  ASSERT_THAT(service_.starts(), SizeIs(1));
  EXPECT_EQ(service_.starts()[0].collection(), "texts");
  EXPECT_EQ(service_.starts()[0].session_id(), "import");
  EXPECT_EQ(service_.starts()[0].durability(), v1::DURABILITY_OS_BUFFER);
}

TEST_F(ImporterTest, WithoutANameEachImportIsASessionOfItsOwnSyncedToDisk) {
  service_.EndStreams({{.status = grpc::Status(StatusCode::UNAVAILABLE, "gone")}});
  EXPECT_THAT(Import(1), IsOk());
  service_.Store({});
  EXPECT_THAT(Import(1), IsOk());
  const std::vector<v1::IngestStart> starts = service_.starts();
  ASSERT_THAT(starts, SizeIs(3));
  EXPECT_THAT(starts[0].session_id(), SizeIs(32));
  EXPECT_EQ(starts[1].session_id(), starts[0].session_id());
  EXPECT_NE(starts[2].session_id(), starts[0].session_id());
  EXPECT_EQ(starts[0].durability(), v1::DURABILITY_FSYNC);
}

TEST_F(ImporterTest, FinishWithNothingAddedIsDoneAtOnce) {
  EXPECT_THAT(Open().Finish(), IsOk());
  EXPECT_THAT(service_.ids(), IsEmpty());
  EXPECT_THAT(reports(), IsEmpty());
}

TEST_F(ImporterTest, ABatchIsSentAtItsNumberOfDocumentsOrBytes) {
  options_.batch_documents = 3;
  EXPECT_THAT(Import(7), IsOk());
  EXPECT_THAT(service_.batch_sizes(), ElementsAre(3, 3, 1));

  options_.batch_documents = 100;
  options_.batch_bytes = 1'000;
  service_.Store({});
  Importer& importer = Open();
  for (int item = 0; item < 5; ++item) {
    EXPECT_THAT(importer.Add(DocumentOf(std::string(400, 'x'))), IsOk());
  }
  EXPECT_THAT(importer.Finish(), IsOk());
  EXPECT_THAT(service_.batch_sizes(), ElementsAre(3, 3, 1, 3, 2));
}

TEST_F(ImporterTest, ABadDocumentIsReportedAndTheOthersAreStored) {
  options_.batch_documents = 2;
  Importer& importer = Open();
  for (const char* id : {"a", "bad", "c"}) EXPECT_THAT(importer.Add(DocumentOf(id)), IsOk());
  EXPECT_THAT(importer.Finish(), IsOk());
  ExpectEachReportedOnce(3);
  const std::vector<Report> all = reports();
  EXPECT_EQ(all[0].result.status().code(), 0);
  EXPECT_EQ(all[1].result.status().code(), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(all[1].result.status().message(), "it is bad");
  EXPECT_EQ(all[2].result.status().code(), 0);
}

TEST_F(ImporterTest, NoMoreBatchesThanTheWindowWaitForTheirAcknowledgement) {
  constexpr size_t kBatches = 60;
  for (const size_t window : {size_t{1}, size_t{3}}) {
    options_.batch_documents = 1;
    options_.window_batches = window;
    service_.Store({});
    const size_t before = service_.batches_acknowledged();
    // The server holds acknowledgements back until the window is full.
    service_.AcknowledgeLate(window, service_.batch_sizes().size() + kBatches);
    Importer& importer = Open();
    for (size_t sent = 1; sent <= kBatches; ++sent) {
      ASSERT_THAT(importer.Add(DocumentOf(std::to_string(sent))), IsOk());
      ASSERT_GE(service_.batches_acknowledged() - before + window, sent);
    }
    EXPECT_THAT(importer.Finish(), IsOk());
    EXPECT_THAT(service_.ids(), SizeIs(kBatches));
  }
}

TEST_F(ImporterTest, AStreamThatIsRefusedIsFinal) {
  service_.EndStreams(
      {{.status = Failure(StatusCode::NOT_FOUND, "no collection 'texts'"), .before_ready = true}});
  options_.batch_documents = 1;
  EXPECT_THAT(Open().Add(DocumentOf("a")),
              StatusIs(absl::StatusCode::kNotFound, "no collection 'texts'"));
  EXPECT_THAT(service_.starts(), SizeIs(1));
  EXPECT_THAT(reports(), IsEmpty());
}

TEST_F(ImporterTest, AnErrorInTheMiddleThatNoNewStreamWouldMendIsFinal) {
  service_.EndStreams(
      {{.status = Failure(StatusCode::ABORTED, "taken over by a newer stream"), .batches = 2}});
  options_.batch_documents = 1;
  EXPECT_THAT(Import(20), StatusIs(absl::StatusCode::kAborted, "taken over by a newer stream"));
  EXPECT_THAT(service_.starts(), SizeIs(1));
  EXPECT_EQ(service_.ids(), Ids(2));
}

TEST_F(ImporterTest, AStreamThatEndsEarlyWithoutAReasonIsAnError) {
  for (const bool before_ready : {true, false}) {
    service_.EndStreams({{.status = grpc::Status::OK, .before_ready = before_ready}});
    EXPECT_THAT(Import(1), StatusIs(absl::StatusCode::kInternal, server_.address()));
  }
  EXPECT_THAT(service_.ids(), IsEmpty());
}

TEST_F(ImporterTest, AServerThatIsNotThereIsNamed) {
  // Nobody listens on port 1.
  Client client({.server = "127.0.0.1:1", .attempts_max = 2});
  Importer importer(client, options_, [](uint64_t, const v1::UpsertResult&) {});
  EXPECT_THAT(importer.Add(DocumentOf("a")), IsOk());
  EXPECT_THAT(importer.Finish(),
              StatusIs(absl::StatusCode::kUnavailable, "no server answers at 127.0.0.1:1"));
}

TEST_F(ImporterTest, AnImporterThatIsDroppedCancelsItsStream) {
  options_.batch_documents = 1;
  // The acknowledgement of the only batch never comes.
  service_.AcknowledgeLate(2, 2);
  EXPECT_THAT(Open().Add(DocumentOf("a")), IsOk());
  importer_.reset();
  EXPECT_THAT(reports(), IsEmpty());
}

}  // namespace
}  // namespace simile

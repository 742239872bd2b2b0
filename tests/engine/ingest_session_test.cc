#include <string>

#include "tests/engine/engine_fixture.h"

namespace simile {
namespace {

class IngestSessionTest : public EngineFixture {
 protected:
  std::unique_ptr<IngestSession> OpenSession(const std::string& session_id) {
    auto session =
        database_->ingest_sessions().Open(*database_->Find("docs"), session_id, Durability::kFsync);
    EXPECT_THAT(session, IsOk());
    return *std::move(session);
  }
};

TEST_F(IngestSessionTest, AResumedSessionGoesOnWhereItStoppedEvenAfterARestart) {
  Create({.name = "docs"});
  {
    auto session = OpenSession("import-1");
    EXPECT_EQ(session->items_done(), 0u);
    ASSERT_THAT(session->Upsert(0, {Text("", "one"), Text("", "two")}, {}), IsOk());
  }
  Reopen();
  auto session = OpenSession("import-1");
  EXPECT_EQ(session->items_done(), 2u);
  ASSERT_THAT(session->Upsert(2, {Text("", "three")}, {}), IsOk());
  EXPECT_EQ((*database_->Find("docs"))->DocumentCount(), 3u);
}

TEST_F(IngestSessionTest, ItemsThatFailCountAsDone) {
  Create({.name = "docs"});
  ASSERT_THAT(OpenSession("s")->Upsert(0, {Text("a", ""), Text("b", "")}, {}), IsOk());
  EXPECT_EQ(OpenSession("s")->items_done(), 2u);
}

TEST_F(IngestSessionTest, ABatchThatDoesNotFollowIsRefused) {
  Create({.name = "docs"});
  auto session = OpenSession("s");
  EXPECT_THAT(session->Upsert(5, {Text("a", "one")}, {}),
              StatusIs(absl::StatusCode::kOutOfRange, "send on from item 0"));
}

TEST_F(IngestSessionTest, ANewerStreamTakesTheSessionOver) {
  Create({.name = "docs"});
  auto older = OpenSession("s");
  auto newer = OpenSession("s");
  EXPECT_THAT(older->Upsert(0, {Text("", "one")}, {}),
              StatusIs(absl::StatusCode::kAborted, "taken over"));
  EXPECT_THAT(newer->Upsert(0, {Text("", "one")}, {}), IsOk());
  EXPECT_EQ((*database_->Find("docs"))->DocumentCount(), 1u);
}

TEST_F(IngestSessionTest, SessionsOfOtherNamesDoNotMeet) {
  Create({.name = "docs"});
  auto first = OpenSession("first");
  auto second = OpenSession("second");
  EXPECT_THAT(first->Upsert(0, {Text("a", "one")}, {}), IsOk());
  EXPECT_EQ(OpenSession("second")->items_done(), 0u);
}

TEST_F(IngestSessionTest, ALongSessionIdIsRefused) {
  Create({.name = "docs"});
  EXPECT_THAT(database_->ingest_sessions().Open(*database_->Find("docs"), std::string(65, 's'),
                                                Durability::kFsync),
              StatusIs(absl::StatusCode::kInvalidArgument, "65 bytes; at most 64"));
}

}  // namespace
}  // namespace simile

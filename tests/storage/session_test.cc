#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>

#include "storage/catalog_codec.h"
#include "storage/database_files.h"
#include "storage/keys.h"
#include "tests/storage/store_fixture.h"

namespace simile {
namespace {

class SessionTest : public StoreFixture {
 protected:
  void SetUp() override {
    StoreFixture::SetUp();
    collection_ = Create("texts");
  }

  // Writes a record of a session into the closed database.
  void WriteRecord(const std::string& session, const std::string& record) {
    Close();
    const auto files = DatabaseFiles::Open(DatabasePath(), options_);
    ASSERT_THAT(files, IsOk());
    const std::string key = SessionKey(collection_, session);
    ASSERT_TRUE((*files)->db().Put({}, (*files)->sessions(), key, record).ok());
  }

  uint32_t collection_ = 0;
};

TEST_F(SessionTest, IngestProgressIsStoredWithItsRequest) {
  WriteRequest request = Request(collection_, {Put("a", "text")});
  request.progress = {.session_id = "session", .items_handled = 17};
  ASSERT_THAT(store_->Write(request), IsOk());
  request.progress->items_handled = 18;
  request.operations.clear();
  ASSERT_THAT(store_->Write(request), IsOk());
  // One that fails leaves its progress behind neither.
  request.collection_id = 99;
  request.progress->items_handled = 1'000;
  ASSERT_THAT(store_->Write(request), StatusIs(absl::StatusCode::kNotFound, ""));
  Reopen();
  const auto handled = [&](uint32_t collection_id, const std::string& session) {
    return store_->IngestItemsHandled(collection_id, session).value();
  };
  EXPECT_EQ(handled(collection_, "session"), 18u);
  EXPECT_EQ(handled(collection_, "sessio"), 0u);
  EXPECT_EQ(handled(99, "session"), 0u);
}

TEST_F(SessionTest, SessionsUnusedForAWeekAreForgottenAtStart) {
  const int64_t now = std::chrono::duration_cast<std::chrono::seconds>(
                          std::chrono::system_clock::now().time_since_epoch())
                          .count();
  constexpr int64_t kDay = 24 * 60 * 60;
  for (const auto& [session, age] : {std::pair{"old", 8 * kDay}, std::pair{"young", 6 * kDay}}) {
    WriteRecord(session, EncodeIngestProgress({.items_handled = 5, .updated_unix_s = now - age}));
  }
  Reopen();
  EXPECT_TRUE(
      Eventually([&] { return store_->IngestItemsHandled(collection_, "old").value() == 0; }));
  // Looked at in the order of their names, so the younger one was met too once the store is closed.
  Reopen();
  EXPECT_EQ(store_->IngestItemsHandled(collection_, "young").value(), 5u);
}

TEST_F(SessionTest, DamagedIngestProgressIsDataLossNamingItsSession) {
  std::string record = EncodeIngestProgress({.items_handled = 1});
  record.back() = static_cast<char>(record.back() ^ 1);
  WriteRecord("import-7", record);
  Reopen();
  EXPECT_THAT(store_->IngestItemsHandled(collection_, "import-7"),
              StatusIs(absl::StatusCode::kDataLoss, "ingest session 'import-7' is damaged"));
}

}  // namespace
}  // namespace simile

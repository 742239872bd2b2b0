#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "tests/storage/crash_fixture.h"

namespace simile {
namespace {

namespace fs = std::filesystem;

using ::testing::AllOf;

constexpr absl::StatusCode kDataLoss = absl::StatusCode::kDataLoss;
constexpr uint32_t kDocuments = 200;

class DamagedFileTest : public CrashFixture {
 protected:
  void SetUp() override {
    CrashFixture::SetUp();
    options_.memtable_bytes = 32 << 20;  // Everything stays in one log.
    Reopen();
    ASSERT_EQ(Create(kCrashCollection), kCrashCollectionId);
    for (uint32_t number = 0; number < kDocuments; ++number) {
      Write(kCrashCollectionId, {CrashPut(number)});
    }
    Close();
  }

  // Opening reads the log and writes tables of it; returns the path of the one that holds `bytes`,
  // and where.
  std::pair<std::string, size_t> TableHolding(const std::string& bytes) {
    Reopen();
    Close();
    return CrashFixture::TableHolding(bytes);
  }

  static std::string NameOf(const std::string& path) { return fs::path(path).filename(); }
};

TEST_F(DamagedFileTest, AFlippedByteInsideTheLogIsRefusedNotDropped) {
  const std::vector<std::string> logs = FilesEndingIn(".log");
  ASSERT_EQ(logs.size(), 1u);
  const size_t size = fs::file_size(logs.front());
  for (const size_t at : {size / 10, size / 4, size / 2, size / 2 + 1, 3 * size / 4}) {
    FlipByte(logs.front(), at);
    EXPECT_THAT(Store::Open(options_),
                AllOf(StatusIs(kDataLoss, DatabasePath()), StatusIs(kDataLoss, "checksum")))
        << "byte " << at << " of " << size;
    FlipByte(logs.front(), at);
  }
  // A refused start has changed nothing: with the byte as it was, everything is there.
  Reopen();
  EXPECT_EQ(NumbersStored().size(), kDocuments);
}

TEST_F(DamagedFileTest, ADamagedVectorTableIsDataLossNamingTheFile) {
  const std::vector<float> vector = *CrashPut(77).vector;
  std::string bytes(vector.size() * sizeof(float), '\0');
  std::memcpy(bytes.data(), vector.data(), bytes.size());
  const auto [path, at] = TableHolding(bytes);
  FlipByte(path, at + 3);
  Reopen();
  const auto ignore = [](uint64_t, std::span<const float>) { return absl::OkStatus(); };
  EXPECT_THAT(
      store_->ScanVectors(kCrashCollectionId, 0, std::numeric_limits<uint64_t>::max(), ignore),
      StatusIs(kDataLoss, NameOf(path)));
  EXPECT_THAT(store_->GetById(kCrashCollectionId, std::vector<std::string>{"77"}, kEverything),
              StatusIs(kDataLoss, NameOf(path)));
  EXPECT_THAT(store_->GetById(kCrashCollectionId, std::vector<std::string>{"77"}, {}), IsOk());
}

TEST_F(DamagedFileTest, ADamagedDocumentTableIsDataLossNamingTheFile) {
  // Letters at random hardly compress, so some of them stand in the table as they are.
  const auto [path, at] = TableHolding(CrashPut(123).text.substr(200, 12));
  FlipByte(path, at);
  Reopen();
  EXPECT_THAT(store_->GetById(kCrashCollectionId, std::vector<std::string>{"123"}, {}),
              StatusIs(kDataLoss, NameOf(path)));
  EXPECT_THAT(store_->List(kCrashCollectionId, 0, 1'000, {}), StatusIs(kDataLoss, NameOf(path)));
}

TEST_F(DamagedFileTest, AMissingOrTruncatedTableIsServedAround) {
  const auto [path, at] = TableHolding(CrashPut(123).text.substr(200, 12));
  const std::string content = ReadFile(path);
  uint32_t collections = 1;
  for (const size_t bytes : {size_t{0}, content.size() / 2}) {
    fs::remove(path);
    if (bytes > 0) WriteFile(path, content.substr(0, bytes));
    Reopen();
    EXPECT_THAT(store_->GetById(kCrashCollectionId, std::vector<std::string>{"123"}, {}),
                StatusIs(kDataLoss, fs::path(path).stem().string()));
    EXPECT_THAT(store_->List(kCrashCollectionId, 0, 1'000, {}),
                StatusIs(kDataLoss, fs::path(path).stem().string()));
    // Others are read and written, and stay after a restart.
    const uint32_t other = Create("other" + std::to_string(++collections));
    Write(other, {Put("a", "text")});
    Reopen();
    EXPECT_EQ(Get(other, "a")->text, "text");
  }
}

// RocksDB 7.8 frees an iterator twice when it meets a deleted range beside a table that cannot be
// opened.
TEST_F(DamagedFileTest, CollectionsAreDroppedAndListedAroundAMissingTable) {
  const auto [path, at] = TableHolding(CrashPut(123).text.substr(200, 12));
  fs::remove(path);
  for (uint32_t round = 0; round < 4; ++round) {
    Reopen();
    const uint32_t other = Create("other" + std::to_string(round));
    Write(other, {Put("a", "text"), Put("b", "text")});
    EXPECT_THAT(store_->DropCollection(round == 0 ? kCrashCollectionId : other), IsOk());
    const uint32_t kept = Create("kept" + std::to_string(round));
    Write(kept, {Put("a", "text")});
    Reopen();
    for (const CollectionRecord& collection : store_->Collections()) {
      for (int times = 0; times < 20; ++times) {
        const auto listed = store_->List(collection.id, 0, 1'000, {});
        EXPECT_TRUE(listed.ok() || listed.status().code() == kDataLoss);
      }
    }
  }
}

TEST_F(DamagedFileTest, AMissingTableOfTheCatalogIsRefused) {
  const auto [path, at] = TableHolding(kCrashCollection);
  fs::remove(path);
  EXPECT_THAT(Store::Open(options_), AllOf(StatusIs(kDataLoss, fs::path(path).stem().string()),
                                           StatusIs(kDataLoss, "simile-server check")));
}

TEST_F(DamagedFileTest, AMissingCurrentFileIsRefusedInsteadOfStartingAnew) {
  for (const char* state : {"with a log", "with tables"}) {
    const std::string current = DatabasePath() + "/CURRENT";
    const std::string content = ReadFile(current);
    fs::remove(current);
    // The second time too: the first has made nothing that looks like a database.
    for (int attempt = 0; attempt < 2; ++attempt) {
      EXPECT_THAT(Store::Open(options_), StatusIs(kDataLoss, DatabasePath())) << state;
    }
    WriteFile(current, content);
    Reopen();
    EXPECT_EQ(NumbersStored().size(), kDocuments) << state;
    Close();
  }
}

}  // namespace
}  // namespace simile

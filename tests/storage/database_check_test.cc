#include "storage/database_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "tests/storage/crash_fixture.h"

namespace simile {
namespace {

namespace fs = std::filesystem;

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr uint32_t kDocuments = 200;

// Two collections with documents in tables; nothing is open.
class DatabaseCheckTest : public CrashFixture {
 protected:
  void SetUp() override {
    CrashFixture::SetUp();
    options_.memtable_bytes = 32 << 20;
    Reopen();
    for (const char* name : {"hurt", "well"}) {
      const uint32_t id = *CreateSized(name);
      for (uint32_t number = 0; number < kDocuments; ++number) Write(id, {CrashPut(number)});
    }
    // Opening reads the log and writes tables of it.
    Reopen();
    Close();
  }

  absl::StatusOr<uint32_t> CreateSized(const std::string& name) {
    const auto created = store_->CreateCollection(
        {.name = name, .dimension = static_cast<uint32_t>(CrashPut(0).vector->size())});
    if (!created.ok()) return created.status();
    return created->id;
  }

  static std::string BytesOf(const std::vector<float>& vector) {
    std::string bytes(vector.size() * sizeof(float), '\0');
    std::memcpy(bytes.data(), vector.data(), bytes.size());
    return bytes;
  }

  DatabaseCheck Check() const {
    auto check = CheckDatabase(options_.data_directory);
    EXPECT_THAT(check, IsOk());
    return check.ok() ? *std::move(check) : DatabaseCheck{};
  }

  // How many documents of a collection the store cannot give whole.
  uint64_t UnreadableOf(uint32_t id) const {
    uint64_t count = 0;
    for (uint32_t number = 0; number < kDocuments; ++number) {
      const std::vector<std::string> ids = {CrashPut(number).id};
      count += store_->GetById(id, ids, kEverything).ok() ? 0 : 1;
    }
    return count;
  }
};

TEST_F(DatabaseCheckTest, AGoodDatabaseHasNoFindingsAndIsNotChanged) {
  const auto names = [this] {
    std::vector<std::string> found;
    for (const auto& entry : fs::directory_iterator(DatabasePath())) {
      found.push_back(entry.path().filename().string() + std::to_string(entry.file_size()));
    }
    std::ranges::sort(found);
    return found;
  };
  const std::vector<std::string> before = names();
  const DatabaseCheck check = Check();
  EXPECT_TRUE(check.is_good());
  EXPECT_GT(check.tables_read, 0u);
  ASSERT_EQ(check.collections.size(), 2u);
  for (const CollectionCheck& collection : check.collections) {
    EXPECT_EQ(collection.document_count, kDocuments);
    EXPECT_EQ(collection.affected_count, 0u);
    EXPECT_THAT(collection.findings, IsEmpty());
  }
  EXPECT_EQ(names(), before);
}

TEST_F(DatabaseCheckTest, ADatabaseThatIsInUseIsRefused) {
  Reopen();
  EXPECT_THAT(CheckDatabase(options_.data_directory),
              StatusIs(absl::StatusCode::kFailedPrecondition, "in use"));
}

TEST_F(DatabaseCheckTest, ADamagedBlockIsCountedExactlyAndNamed) {
  for (const std::string& bytes :
       {CrashPut(123).text.substr(200, 12), BytesOf(*CrashPut(77).vector)}) {
    const auto [path, at] = TableHolding(bytes);
    FlipByte(path, at);
    const DatabaseCheck check = Check();
    ASSERT_EQ(check.files.size(), 1u);
    EXPECT_EQ(check.files[0].path, path);
    EXPECT_THAT(check.files[0].reason, HasSubstr("checksum"));
    EXPECT_THAT(check.files[0].collections, ElementsAre("hurt", "well"));
    ASSERT_EQ(check.collections.size(), 2u);
    Reopen();
    EXPECT_GT(check.collections[0].affected_count, 0u);
    EXPECT_EQ(check.collections[0].affected_count, UnreadableOf(1));
    EXPECT_EQ(check.collections[1].affected_count, 0u);
    EXPECT_EQ(UnreadableOf(2), 0u);
    Close();
    FlipByte(path, at);
  }
}

TEST_F(DatabaseCheckTest, AMissingTableAndATruncatedOneAreNamedWithAllTheyHeld) {
  const auto [path, at] = TableHolding(CrashPut(123).text.substr(200, 12));
  const std::string content = ReadFile(path);
  for (const size_t bytes : {size_t{0}, content.size() / 2}) {
    fs::remove(path);
    if (bytes > 0) WriteFile(path, content.substr(0, bytes));
    const DatabaseCheck check = Check();
    ASSERT_EQ(check.files.size(), 1u) << bytes;
    EXPECT_EQ(check.files[0].path, path);
    EXPECT_EQ(check.files[0].family, "documents");
    EXPECT_FALSE(check.is_good());
    for (const CollectionCheck& collection : check.collections) {
      EXPECT_EQ(collection.affected_count, kDocuments) << collection.name;
    }
  }
}

TEST_F(DatabaseCheckTest, ADamagedLogManifestAndCurrentAreNamed) {
  Reopen();
  for (uint32_t number = 0; number < kDocuments; ++number) Write(1, {CrashPut(number)});
  Close();
  const std::string current = DatabasePath() + "/CURRENT";
  const std::string current_text = ReadFile(current);
  const std::string manifest =
      DatabasePath() + "/" + current_text.substr(0, current_text.size() - 1);
  for (const std::string& path : {FilesEndingIn(".log").back(), manifest, current}) {
    const size_t at = path == current ? 3 : fs::file_size(path) / 3;
    FlipByte(path, at);
    const DatabaseCheck check = Check();
    EXPECT_FALSE(check.is_good());
    ASSERT_FALSE(check.files.empty()) << path;
    EXPECT_EQ(check.files[0].path, path);
    EXPECT_THAT(Store::Open(options_), StatusIs(absl::StatusCode::kDataLoss, "")) << path;
    FlipByte(path, at);
  }
  EXPECT_TRUE(Check().is_good());
}

}  // namespace
}  // namespace simile

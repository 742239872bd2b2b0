#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "base/crc32c.h"
#include "fmt/format.h"
#include "tests/storage/store_fixture.h"
#include "tests/support/child_process.h"

namespace simile {
namespace {

namespace fs = std::filesystem;

constexpr absl::StatusCode kFailedPrecondition = absl::StatusCode::kFailedPrecondition;
constexpr absl::StatusCode kDataLoss = absl::StatusCode::kDataLoss;

class DataDirectoryTest : public StoreFixture {
 protected:
  // Each test makes its directory itself.
  void SetUp() override {}

  absl::StatusOr<std::unique_ptr<Store>> Open() const { return Store::Open(options_); }

  // Root may do anything to any file; for it, this thread looks like nobody to the file system,
  // to whom the directory and its lock are open.
  absl::Status OpenAsNobody() const {
    constexpr uid_t kNobody = 65534;
    // The group of this thread stays.
    constexpr fs::perms kOthers = fs::perms::group_all | fs::perms::others_all;
    constexpr fs::perms kWrite = fs::perms::group_write | fs::perms::others_write;
    if (geteuid() != 0) return Open().status();
    std::error_code missing;
    for (const std::string& path : {options_.data_directory, options_.data_directory + "/LOCK"}) {
      fs::permissions(path, kOthers, fs::perm_options::add, missing);
    }
    fs::permissions(directory_.path(), kOthers & ~kWrite, fs::perm_options::add);
    setfsuid(kNobody);
    absl::Status opened = Open().status();
    setfsuid(0);
    return opened;
  }

  std::string FormatPath() const { return options_.data_directory + "/FORMAT"; }

  // Makes a data directory whose FORMAT file says `text` and then the right checksum.
  void WriteFormat(const std::string& text) {
    fs::create_directories(options_.data_directory);
    WriteFile(FormatPath(), fmt::format("{}crc32c {:08x}\n", text, Crc32c(text)));
  }
};

TEST_F(DataDirectoryTest, ANewDirectoryIsMadeForItsOwnerOnly) {
  options_.data_directory = directory_.path() + "/some/where/new";
  ASSERT_THAT(Open(), IsOk());
  EXPECT_EQ(fs::status(options_.data_directory).permissions(), fs::perms::owner_all);
  EXPECT_TRUE(fs::is_directory(DatabasePath()));
}

TEST_F(DataDirectoryTest, AnEmptyDirectoryIsTaken) {
  fs::create_directories(options_.data_directory);
  EXPECT_THAT(Open(), IsOk());
}

TEST_F(DataDirectoryTest, TheFormatFileHasTheTextTheReadmeSays) {
  ASSERT_THAT(Open(), IsOk());
  EXPECT_EQ(ReadFile(FormatPath()), "simile data directory\nversion 5\ncrc32c e70c28f2\n");
}

TEST_F(DataDirectoryTest, AnOlderFormatIsTakenAndBecomesTheNewOne) {
  WriteFormat("simile data directory\nversion 1\n");
  ASSERT_EQ(ReadFile(FormatPath()), "simile data directory\nversion 1\ncrc32c a986492e\n");
  ASSERT_THAT(Open(), IsOk());
  EXPECT_THAT(ReadFile(FormatPath()), ::testing::HasSubstr("\nversion 5\n"));
  EXPECT_THAT(Open(), IsOk());
}

TEST_F(DataDirectoryTest, AFormatBeforeTheFirstIsRefused) {
  WriteFormat("simile data directory\nversion 0\n");
  EXPECT_THAT(Open(), StatusIs(kFailedPrecondition, "says format 0"));
}

TEST_F(DataDirectoryTest, ADirectoryInUseIsRefusedNamingItsPathAndProcess) {
  const auto first = Open();
  ASSERT_THAT(first, IsOk());
  const auto second = Open();
  EXPECT_THAT(second, StatusIs(kFailedPrecondition, options_.data_directory));
  EXPECT_THAT(second, StatusIs(kFailedPrecondition, fmt::format("in use by process {}", getpid())));
}

TEST_F(DataDirectoryTest, TheLockIsFreeOnceTheStoreIsClosed) {
  ASSERT_THAT(Open(), IsOk());
  EXPECT_THAT(Open(), IsOk());
}

TEST_F(DataDirectoryTest, TheLockIsFreeAfterAFailedOpen) {
  WriteFormat("simile data directory\nversion 6\n");
  ASSERT_THAT(Open(), StatusIs(kFailedPrecondition, "format 6"));
  WriteFormat("simile data directory\nversion 1\n");
  EXPECT_THAT(Open(), IsOk());
}

TEST_F(DataDirectoryTest, ANewerFormatIsRefusedSayingWhatToDo) {
  WriteFormat("simile data directory\nversion 6\n");
  const auto opened = Open();
  EXPECT_THAT(opened, StatusIs(kFailedPrecondition, FormatPath()));
  EXPECT_THAT(opened, StatusIs(kFailedPrecondition,
                               "says format 6, and this program knows formats 1 to 5: use the "
                               "program that wrote it, or a newer one"));
  EXPECT_FALSE(fs::exists(DatabasePath())) << "written into a directory that was refused";
}

TEST_F(DataDirectoryTest, ANewerFormatWithMoreLinesIsRefusedAsNewerNotAsDamaged) {
  WriteFormat("simile data directory\nversion 12\nencryption aes\n");
  EXPECT_THAT(Open(), StatusIs(kFailedPrecondition, "says format 12"));
}

TEST_F(DataDirectoryTest, EveryFlippedBitOfTheFormatFileIsDataLoss) {
  WriteFormat("simile data directory\nversion 1\n");
  const std::string good = ReadFile(FormatPath());
  for (size_t bit = 0; bit < good.size() * 8; ++bit) {
    std::string damaged = good;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    WriteFile(FormatPath(), damaged);
    ASSERT_THAT(Open(), StatusIs(kDataLoss, FormatPath() + " is damaged")) << "bit " << bit;
  }
}

TEST_F(DataDirectoryTest, EveryTruncationOfTheFormatFileIsDataLoss) {
  WriteFormat("simile data directory\nversion 1\n");
  const std::string good = ReadFile(FormatPath());
  for (size_t size = 0; size < good.size(); ++size) {
    WriteFile(FormatPath(), good.substr(0, size));
    ASSERT_THAT(Open(), StatusIs(kDataLoss, FormatPath() + " is damaged")) << size << " bytes";
  }
}

TEST_F(DataDirectoryTest, ADirectoryOfOtherFilesIsRefusedAndLeftAsItWas) {
  fs::create_directories(options_.data_directory);
  WriteFile(options_.data_directory + "/thesis.tex", "years of work");
  const auto opened = Open();
  EXPECT_THAT(opened, StatusIs(kFailedPrecondition, options_.data_directory));
  EXPECT_THAT(opened, StatusIs(kFailedPrecondition, "'thesis.tex' and no FORMAT file"));
  EXPECT_EQ(std::distance(fs::directory_iterator(options_.data_directory), {}), 1);
}

TEST_F(DataDirectoryTest, ADatabaseWithoutAFormatFileIsRefused) {
  ASSERT_THAT(Open(), IsOk());
  fs::remove(FormatPath());
  EXPECT_THAT(Open(), StatusIs(kFailedPrecondition, "'rocksdb' and no FORMAT file"));
}

TEST_F(DataDirectoryTest, AStartThatDiedBeforeItsFormatFileIsTakenUp) {
  fs::create_directories(options_.data_directory);
  WriteFile(options_.data_directory + "/LOCK", "1\n");
  WriteFile(FormatPath() + ".new", "simile da");
  EXPECT_THAT(Open(), IsOk());
}

TEST_F(DataDirectoryTest, APathUnderAFileIsRefusedNamingIt) {
  WriteFile(directory_.path() + "/file", "");
  options_.data_directory = directory_.path() + "/file/data";
  EXPECT_THAT(Open(), StatusIs(kFailedPrecondition, options_.data_directory));
}

TEST_F(DataDirectoryTest, APathThatMayNotBeWrittenIsPermissionDenied) {
  ASSERT_EQ(chmod(directory_.path().c_str(), 0555), 0);
  const absl::Status opened = OpenAsNobody();
  ASSERT_EQ(chmod(directory_.path().c_str(), 0755), 0);
  EXPECT_THAT(opened, StatusIs(absl::StatusCode::kPermissionDenied, options_.data_directory));
}

TEST_F(DataDirectoryTest, AFormatFileThatMayNotBeReadIsNotCalledDamaged) {
  ASSERT_THAT(Open(), IsOk());
  ASSERT_EQ(chmod(FormatPath().c_str(), 0), 0);
  EXPECT_THAT(OpenAsNobody(), StatusIs(absl::StatusCode::kPermissionDenied, FormatPath()));
}

}  // namespace
}  // namespace simile

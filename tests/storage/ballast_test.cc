#include "storage/ballast.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <limits>
#include <memory>
#include <string>

#include "fmt/format.h"
#include "tests/storage/failing_file_system.h"
#include "tests/storage/store_fixture.h"

namespace simile {
namespace {

constexpr uint64_t kBytes = 1 << 20;
constexpr uint64_t kPlenty = uint64_t{1} << 40;

class BallastTest : public ::testing::Test {
 protected:
  std::string Path(const std::string& name) const { return directory_.path() + "/" + name; }
  static bool Exists(const std::string& path) { return std::filesystem::exists(path); }

  const TemporaryDirectory directory_;
};

TEST_F(BallastTest, ItTakesItsBytesAndFreesThemOnce) {
  Ballast ballast(directory_.path(), kBytes);
  EXPECT_FALSE(ballast.is_there());
  EXPECT_FALSE(ballast.GiveUp());
  ballast.MakeIfThereIsRoom(kPlenty, 0);
  for (const char* name : {"BALLAST", "BALLAST.start"}) {
    struct stat found {};
    ASSERT_EQ(stat(Path(name).c_str(), &found), 0) << name;
    EXPECT_GE(static_cast<uint64_t>(found.st_blocks) * 512, kBytes) << name << " has a hole";
  }
  EXPECT_TRUE(ballast.GiveUp());
  EXPECT_FALSE(Exists(Path("BALLAST")));
  EXPECT_TRUE(Exists(Path("BALLAST.start"))) << "what a start needs was given up with it";
  EXPECT_FALSE(ballast.GiveUp());
  EXPECT_EQ(ballast.times_given_up(), 1u);
  EXPECT_TRUE(ballast.GiveUpForStart());
  EXPECT_FALSE(Exists(Path("BALLAST.start")));
}

TEST_F(BallastTest, ItIsMadeOnlyBesideWhatIsToStayFree) {
  Ballast ballast(directory_.path(), kBytes);
  ballast.MakeIfThereIsRoom(kBytes, 1);
  EXPECT_FALSE(Exists(Path("BALLAST.start")));
  ballast.MakeIfThereIsRoom(kBytes + 1, 1);
  EXPECT_TRUE(Exists(Path("BALLAST.start")));
  EXPECT_FALSE(ballast.is_there()) << "there was room for one";
  ballast.MakeIfThereIsRoom(std::numeric_limits<uint64_t>::max(),
                            std::numeric_limits<uint64_t>::max());
  EXPECT_FALSE(ballast.is_there());
}

TEST_F(BallastTest, ANextOneTakesOverWhatIsThereUnlessItsSizeIsAnother) {
  Ballast(directory_.path(), kBytes).MakeIfThereIsRoom(kPlenty, 0);
  EXPECT_TRUE(Ballast(directory_.path(), kBytes).is_there());
  EXPECT_FALSE(Ballast(directory_.path(), 2 * kBytes).is_there());
  EXPECT_FALSE(Exists(Path("BALLAST")));
  std::ofstream(Path("BALLAST")).close();
  std::filesystem::resize_file(Path("BALLAST"), kBytes);
  EXPECT_FALSE(Ballast(directory_.path(), kBytes).is_there()) << "a hole is no ballast";
}

// A disk that is full for one operation of the database.
class FullDiskTest : public StoreFixture {
 protected:
  void SetUp() override {}

  void OpenWith(std::shared_ptr<FailingFileSystem> file_system) {
    options_.memtable_bytes = 64 * 1024;
    options_.free_disk_bytes_min = 4 * kBytes;
    options_.file_system = std::move(file_system);
    Reopen();
  }

  bool HasBallast() const {
    return std::filesystem::exists(options_.data_directory + "/BALLAST") &&
           std::filesystem::exists(options_.data_directory + "/BALLAST.start");
  }
};

TEST_F(FullDiskTest, IsNotSeenByWritersWhileThereIsBallastWhichIsMadeAgain) {
  const auto file_system = std::make_shared<FailingFileSystem>(
      FaultPlan{.which = FaultPlan::Which::kAppend, .is_full = true});
  OpenWith(file_system);
  const uint32_t id = Create("texts");
  constexpr int kDocuments = 60;
  for (int number = 0; number < kDocuments; ++number) {
    file_system->FailNext();
    Write(id, {Put(std::to_string(number), std::string(3'000, 'x'))});
    EXPECT_TRUE(Eventually([&] {
      Write(id, {Put("last", "x")});
      return HasBallast();
    }));
  }
  EXPECT_EQ(file_system->faults(), static_cast<uint64_t>(kDocuments));
  options_.file_system = nullptr;
  Reopen();
  EXPECT_EQ(store_->DocumentCount(id), static_cast<uint64_t>(kDocuments) + 1);
  for (int number = 0; number < kDocuments; ++number) {
    EXPECT_TRUE(Get(id, std::to_string(number)).has_value()) << number;
  }
}

TEST_F(FullDiskTest, WithoutAGuardThereIsNoBallast) {
  Reopen();
  EXPECT_FALSE(std::filesystem::exists(options_.data_directory + "/BALLAST"));
}

}  // namespace
}  // namespace simile

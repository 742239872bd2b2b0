// `simile snapshot download` and `upload` with real servers: what comes over the wire, what happens
// when the way is interrupted, and that what arrives is what left.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <random>

#include "tests/support/server_process.h"
#include "tests/support/temporary_directory.h"

namespace simile {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::HasSubstr;

constexpr int kDocuments = 2'000;
constexpr uint32_t kSeed = 7;

std::string RandomLines(int first, int count) {
  std::mt19937 random(kSeed + static_cast<uint32_t>(first));
  std::string lines;
  for (int number = first; number < first + count; ++number) {
    json document = {{"id", std::to_string(number)}, {"text", ""}};
    std::string text(400, ' ');
    for (char& c : text) c = static_cast<char>('a' + random() % 26);
    document["text"] = text;
    for (int axis = 0; axis < 16; ++axis) {
      document["vector"].push_back(static_cast<double>(random() % 2'000) / 1'000 - 1);
    }
    lines += document.dump() + "\n";
  }
  return lines;
}

// One server with a collection "v" and a snapshot "one" of it.
class SnapshotTransferTest : public ::testing::Test {
 protected:
  SnapshotTransferTest() : server_(std::make_unique<ServerProcess>(Path("data"))) {}

  void SetUp() override {
    ASSERT_TRUE(server_->serving()) << server_->log();
    ASSERT_EQ(server_->Run({"collection", "create", "v", "--dimension", "16"}).exit_code, 0);
    Import(0, kDocuments);
    ASSERT_EQ(server_->Run({"snapshot", "create", "one"}).exit_code, 0);
  }

  void Import(int first, int count) {
    const CommandResult imported =
        server_->Run({"import", "v", "-", "--format", "jsonl"}, RandomLines(first, count));
    ASSERT_EQ(imported.exit_code, 0) << imported.errors << " seed " << kSeed;
  }

  std::string Path(const std::string& name) const { return directory_.path() + "/" + name; }

  // The answer as JSON, when the command succeeds.
  static json Told(const CommandResult& result) {
    EXPECT_EQ(result.exit_code, 0) << result.errors;
    return result.exit_code == 0 ? json::parse(result.output) : json();
  }

  json Download(const std::string& name, const std::string& to) {
    return Told(server_->Run({"snapshot", "download", name, to, "-o", "json"}));
  }

  static std::string LargestIn(const std::string& path) {
    std::string largest;
    for (const auto& entry : fs::recursive_directory_iterator(path)) {
      if (!entry.is_regular_file()) continue;
      if (largest.empty() || entry.file_size() > fs::file_size(largest)) {
        largest = entry.path().string();
      }
    }
    return largest;
  }

  static std::string ExportOf(const ServerProcess& server, const std::string& collection) {
    const CommandResult exported = server.Run({"export", collection, "-"});
    EXPECT_EQ(exported.exit_code, 0) << exported.errors;
    return exported.output;
  }

  const TemporaryDirectory directory_;
  std::unique_ptr<ServerProcess> server_;
};

TEST_F(SnapshotTransferTest, ADownloadedSnapshotIsVerifiedAndRestoredOffline) {
  const json told = Download("one", Path("kept"));
  EXPECT_EQ(told["bytes_transferred"], told["bytes"]);
  EXPECT_EQ(told["bytes_at_hand"], 0);
  EXPECT_FALSE(fs::exists(Path("kept/one.download")));
  EXPECT_EQ(RunCommand({ServerBinary(), "verify", Path("kept/one")}).exit_code, 0);
  const CommandResult restored =
      RunCommand({ServerBinary(), "restore", Path("kept/one"), "--data-dir", Path("restored")});
  ASSERT_EQ(restored.exit_code, 0) << restored.errors;
  const ServerProcess second(Path("restored"));
  ASSERT_TRUE(second.serving()) << second.log();
  const std::string all = ExportOf(*server_, "v");
  EXPECT_EQ(std::ranges::count(all, '\n'), kDocuments);
  EXPECT_EQ(ExportOf(second, "v"), all);

  // Asked again it is there; another of that name is not overwritten.
  EXPECT_EQ(Download("one", Path("kept"))["bytes_transferred"], 0);
  ASSERT_EQ(server_->Run({"snapshot", "delete", "one"}).exit_code, 0);
  ASSERT_EQ(server_->Run({"snapshot", "create", "one"}).exit_code, 0);
  const CommandResult other = server_->Run({"snapshot", "download", "one", Path("kept")});
  EXPECT_EQ(other.exit_code, 1);
  EXPECT_THAT(other.errors, HasSubstr("is not this snapshot"));
  EXPECT_EQ(server_->Run({"snapshot", "download", "two", Path("kept")}).exit_code, 4);
}

TEST_F(SnapshotTransferTest, AnInterruptedDownloadGoesOnWhereItEnded) {
  const uint64_t bytes = Download("one", Path("kept"))["bytes"];
  // As one that was killed leaves it: a file half there, one not at all, the name not given.
  fs::rename(Path("kept/one"), Path("kept/one.download"));
  fs::rename(Path("kept/one.download/MANIFEST"), Path("kept/one.download/UNFINISHED"));
  const std::string largest = LargestIn(Path("kept/one.download"));
  const uint64_t half = fs::file_size(largest) / 2;
  const uint64_t missing = fs::file_size(largest) - half;
  fs::resize_file(largest, half);
  const uint64_t current = fs::file_size(Path("kept/one.download/rocksdb/CURRENT"));
  fs::remove(Path("kept/one.download/rocksdb/CURRENT"));
  const json told = Download("one", Path("kept"));
  EXPECT_EQ(told["bytes_transferred"], missing + current);
  EXPECT_EQ(told["bytes_at_hand"], bytes - missing - current);
  EXPECT_EQ(RunCommand({ServerBinary(), "verify", Path("kept/one")}).exit_code, 0);
}

TEST_F(SnapshotTransferTest, WrongBytesOfAnInterruptedDownloadAreFoundAndComeAgain) {
  Download("one", Path("kept"));
  fs::rename(Path("kept/one"), Path("kept/one.download"));
  const std::string largest = LargestIn(Path("kept/one.download"));
  const uint64_t size = fs::file_size(largest);
  std::fstream(largest, std::ios::in | std::ios::out | std::ios::binary) << "wrong";
  const CommandResult failed = server_->Run({"snapshot", "download", "one", Path("kept")});
  EXPECT_EQ(failed.exit_code, 1);
  EXPECT_THAT(failed.errors, HasSubstr("SHA-256"));
  EXPECT_FALSE(fs::exists(Path("kept/one")));
  EXPECT_EQ(Download("one", Path("kept"))["bytes_transferred"], size);
  EXPECT_EQ(RunCommand({ServerBinary(), "verify", Path("kept/one")}).exit_code, 0);
}

TEST_F(SnapshotTransferTest, OnlyWhatTheTargetLacksIsDownloaded) {
  const uint64_t bytes = Download("one", Path("kept"))["bytes"];
  Import(kDocuments, 10);
  ASSERT_EQ(server_->Run({"snapshot", "create", "two"}).exit_code, 0);
  const json told = Download("two", Path("kept"));
  EXPECT_LT(told["bytes_transferred"], bytes / 4);
  EXPECT_GT(told["bytes_at_hand"], bytes / 2);
  EXPECT_EQ(RunCommand({ServerBinary(), "verify", Path("kept/two")}).exit_code, 0);
  // From elsewhere only when it is named.
  const json based = Told(server_->Run(
      {"snapshot", "download", "two", Path("new"), "--base", Path("kept"), "-o", "json"}));
  EXPECT_EQ(based["bytes_transferred"], 0);
  EXPECT_EQ(RunCommand({ServerBinary(), "verify", Path("new/two")}).exit_code, 0);
}

TEST_F(SnapshotTransferTest, AnUploadGoesOnAfterTheServerWasKilledAndIsRestored) {
  const uint64_t bytes = Download("one", Path("kept"))["bytes"];
  auto target = std::make_unique<ServerProcess>(Path("target"));
  ASSERT_TRUE(target->serving()) << target->log();
  // A file at home is cut off, so that the upload ends in the middle of it.
  const std::string largest = LargestIn(Path("kept/one"));
  const uint64_t half = fs::file_size(largest) / 2;
  fs::copy_file(largest, Path("whole"));
  fs::resize_file(largest, half);
  const CommandResult cut = target->Run({"snapshot", "upload", Path("kept/one")});
  EXPECT_EQ(cut.exit_code, 1);
  EXPECT_THAT(cut.errors, HasSubstr("simile-server verify"));
  EXPECT_THAT(target->Run({"snapshot", "list"}).errors, HasSubstr("'one' is not finished"));
  target->Kill();
  target = std::make_unique<ServerProcess>(Path("target"));
  ASSERT_TRUE(target->serving()) << target->log();
  EXPECT_THAT(target->Run({"snapshot", "list"}).errors, HasSubstr("'one' is not finished"));

  fs::copy_file(Path("whole"), largest, fs::copy_options::overwrite_existing);
  const json told = Told(target->Run({"snapshot", "upload", Path("kept/one"), "-o", "json"}));
  EXPECT_LT(told["bytes_transferred"], bytes);
  EXPECT_EQ(told["bytes"], bytes);
  EXPECT_EQ(target->Run({"snapshot", "verify", "one"}).exit_code, 0);
  EXPECT_EQ(target->Run({"snapshot", "restore", "one"}).exit_code, 0);
  EXPECT_EQ(ExportOf(*target, "v"), ExportOf(*server_, "v"));

  // The same again is there already; under another name nothing is sent.
  const CommandResult again = target->Run({"snapshot", "upload", Path("kept/one")});
  EXPECT_EQ(again.exit_code, 0);
  EXPECT_THAT(again.errors, HasSubstr("already, as 'one'"));
  const json second =
      Told(target->Run({"snapshot", "upload", Path("kept/one"), "--as", "other", "-o", "json"}));
  EXPECT_EQ(second["bytes_transferred"], 0);
  EXPECT_EQ(target->Run({"snapshot", "verify", "other"}).exit_code, 0);
  EXPECT_EQ(target->Run({"snapshot", "upload", Path("nothing")}).exit_code, 4);
}

}  // namespace
}  // namespace simile

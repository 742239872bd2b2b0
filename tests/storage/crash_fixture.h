#ifndef SIMILE_TESTS_STORAGE_CRASH_FIXTURE_H_
#define SIMILE_TESTS_STORAGE_CRASH_FIXTURE_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "storage/database_files.h"
#include "tests/storage/crash_documents.h"
#include "tests/storage/store_fixture.h"
#include "tests/support/child_process.h"

namespace simile {

// A store that another process writes and that is killed there.
class CrashFixture : public StoreFixture {
 protected:
  void SetUp() override { options_ = CrashOptions(options_.data_directory); }

  // Lets the crash writer write the documents first to end - 1, kills it once it has acknowledged
  // `acknowledged_min` of them, and returns those it acknowledged.
  std::set<uint32_t> WriteAndKill(uint32_t first, uint32_t end, size_t acknowledged_min,
                                  uint32_t threads) const {
    const std::string log_path = directory_.path() + "/acknowledged-" + std::to_string(first);
    ChildProcess writer(
        {std::string(SIMILE_BINARY_DIR) + "/bin/storage_crash_writer", options_.data_directory,
         std::to_string(first), std::to_string(end), std::to_string(threads)},
        log_path);
    EXPECT_TRUE(Eventually([&] {
      const std::string log = ReadFile(log_path);
      return std::ranges::count(log, '\n') >= static_cast<ptrdiff_t>(acknowledged_min) ||
             !writer.Running();
    }));
    EXPECT_TRUE(writer.Running()) << ReadFile(log_path);
    writer.Signal(SIGKILL);
    writer.Wait();
    std::istringstream lines(ReadFile(log_path));
    std::set<uint32_t> acknowledged;
    for (uint32_t number = 0; lines >> number;) acknowledged.insert(number);
    return acknowledged;
  }

  // A collection for what CrashPut makes.
  uint32_t CreateSized(const std::string& name) {
    const auto created = store_->CreateCollection({.name = name, .dimension = kCrashVectorSize});
    EXPECT_THAT(created, IsOk());
    return created.ok() ? created->id : 0;
  }

  // Closes, and reads and writes every table, or moves what RocksDB need not write.
  void Compact(
      rocksdb::BottommostLevelCompaction last_level = rocksdb::BottommostLevelCompaction::kForce) {
    Close();
    const auto files = DatabaseFiles::Open(DatabasePath(), options_);
    ASSERT_THAT(files, IsOk());
    rocksdb::CompactRangeOptions options;
    options.bottommost_level_compaction = last_level;
    for (rocksdb::ColumnFamilyHandle* family : (*files)->all()) {
      const rocksdb::Status s = (*files)->db().CompactRange(options, family, nullptr, nullptr);
      EXPECT_TRUE(s.ok()) << s.ToString();
    }
  }

  // As the crash writer wrote it.
  static void ExpectWhole(const StoredDocument& document) {
    const PutOperation put = CrashPut(static_cast<uint32_t>(std::stoul(document.id)));
    EXPECT_EQ(document.text, put.text);
    EXPECT_EQ(document.metadata, put.metadata);
    EXPECT_EQ(document.vector, *put.vector);
  }

  // Numbers of all documents of the open store; each must be whole and counted.
  std::set<uint32_t> NumbersStored() const {
    std::set<uint32_t> numbers;
    const auto documents = store_->List(kCrashCollectionId, 0, 1'000'000, kEverything);
    EXPECT_THAT(documents, IsOk());
    if (!documents.ok()) return numbers;
    for (const StoredDocument& document : *documents) {
      ExpectWhole(document);
      numbers.insert(static_cast<uint32_t>(std::stoul(document.id)));
      EXPECT_LE(document.sequence, store_->Statistics().last_sequence);
      EXPECT_LT(document.label, store_->EndLabel(kCrashCollectionId));
      EXPECT_EQ(Get(kCrashCollectionId, document.id)->label, document.label);
    }
    EXPECT_EQ(store_->DocumentCount(kCrashCollectionId), documents->size());
    return numbers;
  }

  // Files of the database that end in `extension` and are not empty, oldest first.
  std::vector<std::string> FilesEndingIn(const std::string& extension) const {
    std::vector<std::string> paths;
    for (const auto& entry : std::filesystem::directory_iterator(DatabasePath())) {
      if (entry.path().extension() != extension) continue;
      // RocksDB deletes files meanwhile.
      std::error_code gone;
      if (entry.file_size(gone) > 0 && !gone) paths.push_back(entry.path().string());
    }
    // RocksDB numbers its files in six digits.
    std::ranges::sort(paths);
    return paths;
  }

  // The oldest table that holds `bytes`, and where they stand first.
  std::pair<std::string, size_t> TableHolding(const std::string& bytes) const {
    for (const std::string& path : FilesEndingIn(".sst")) {
      const size_t at = ReadFile(path).find(bytes);
      if (at != std::string::npos) return {path, at};
    }
    ADD_FAILURE() << "no table holds the bytes";
    return {};
  }

  static void FlipByte(const std::string& path, size_t at) {
    std::string content = ReadFile(path);
    content.at(at) = static_cast<char>(~content.at(at));
    WriteFile(path, content);
  }
};

}  // namespace simile

#endif  // SIMILE_TESTS_STORAGE_CRASH_FIXTURE_H_

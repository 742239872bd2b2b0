#include "storage/database_recovery.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/crc32c.h"
#include "fmt/format.h"
#include "storage/data_directory.h"
#include "storage/database_files.h"
#include "storage/log_records.h"
#include "tests/storage/crash_fixture.h"

namespace simile {
namespace {

namespace fs = std::filesystem;

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

constexpr absl::StatusCode kDataLoss = absl::StatusCode::kDataLoss;
constexpr uint32_t kDocuments = 200;
constexpr int64_t kNow = 1'790'000'000'000;

// A collection in one log; nothing is open.
class DatabaseRecoveryTest : public CrashFixture {
 protected:
  void SetUp() override {
    CrashFixture::SetUp();
    options_.memtable_bytes = 32 << 20;
    Reopen();
    CreateSized(kCrashCollection);
    WriteNumbers(0, kDocuments);
    Close();
  }

  void WriteNumbers(uint32_t first, uint32_t end) {
    for (uint32_t number = first; number < end; ++number) {
      Write(kCrashCollectionId, {CrashPut(number)});
    }
  }

  RecoveryReport Plan() const {
    auto report = PlanRecovery(options_.data_directory);
    EXPECT_THAT(report, IsOk());
    return report.ok() ? *std::move(report) : RecoveryReport{};
  }

  RecoveryReport Apply() const {
    auto report = ApplyRecovery(options_.data_directory, kNow);
    EXPECT_THAT(report, IsOk());
    return report.ok() ? *std::move(report) : RecoveryReport{};
  }

  static uint64_t DocumentsOf(const RecoveryReport& report) {
    return report.left.collections.size() == 1 ? report.left.collections[0].document_count : 0;
  }

  // Names and contents of everything in the data directory but the lock.
  std::map<std::string, std::string> Contents() const {
    std::map<std::string, std::string> contents;
    for (const auto& entry : fs::recursive_directory_iterator(options_.data_directory)) {
      if (entry.is_regular_file() && entry.path().filename() != "LOCK") {
        contents[entry.path()] = ReadFile(entry.path());
      }
    }
    return contents;
  }

  std::string ManifestPath() const {
    const std::string current = ReadFile(DatabasePath() + "/CURRENT");
    return DatabasePath() + "/" + current.substr(0, current.size() - 1);
  }

  static std::vector<uint64_t> RecordEnds(const std::string& path) {
    std::vector<uint64_t> ends;
    const LogRecordVisitor visitor{.on_record =
                                       [&ends](const LogRecord& record) {
                                         ends.push_back(record.end);
                                         return true;
                                       },
                                   .on_damage = [](uint64_t, const std::string&) { return false; }};
    EXPECT_THAT(ReadLogRecords(path, visitor), IsOk());
    return ends;
  }

  // Cuts it off at the end of each record but the last: a start is refused, or all documents are
  // there. Leaves everything as it was.
  void CutManifestEverywhere(size_t documents) {
    const std::string& data = options_.data_directory;
    const std::string kept = data + ".kept";
    fs::rename(data, kept);
    fs::copy(kept, data, fs::copy_options::recursive);
    const std::string manifest = ManifestPath();
    std::vector<uint64_t> ends = RecordEnds(manifest);
    ends.pop_back();
    size_t refused = 0;
    for (const uint64_t end : ends) {
      fs::resize_file(manifest, end);
      if (auto opened = Store::Open(options_); opened.ok()) {
        store_ = *std::move(opened);
        EXPECT_EQ(NumbersStored().size(), documents) << "cut at " << end;
        Close();
      } else {
        ++refused;
      }
      fs::remove_all(data);
      fs::copy(kept, data, fs::copy_options::recursive);
    }
    EXPECT_GT(refused, 0u);
    fs::remove_all(data);
    fs::rename(kept, data);
  }

  // A block of the first that is there.
  void DamageATableOf(const std::string& family) const {
    std::vector<rocksdb::LiveFileMetaData> tables;
    (*DatabaseFiles::OpenReadOnly(DatabasePath()))->db().GetLiveFilesMetaData(&tables);
    const auto found =
        std::ranges::find(tables, family, &rocksdb::LiveFileMetaData::column_family_name);
    ASSERT_NE(found, tables.end());
    FlipByte(DatabasePath() + found->name, found->size / 3);
  }

  // The first `count` documents are there, whole, and no other; new ones can be written, and a
  // restart finds them.
  void ExpectServes(uint64_t count) {
    Reopen();
    std::set<uint32_t> expected;
    for (uint32_t number = 0; number < count; ++number) expected.insert(number);
    EXPECT_EQ(NumbersStored(), expected);
    WriteNumbers(1'000, 1'010);
    for (uint32_t number = 1'000; number < 1'010; ++number) expected.insert(number);
    Reopen();
    EXPECT_EQ(NumbersStored(), expected);
    Close();
    const auto check = CheckDatabase(options_.data_directory);
    ASSERT_THAT(check, IsOk());
    EXPECT_TRUE(check->is_good());
  }
};

TEST_F(DatabaseRecoveryTest, AGoodDatabaseNeedsNoneAndIsLeftAlone) {
  const auto before = Contents();
  EXPECT_FALSE(Plan().is_needed);
  EXPECT_FALSE(Apply().is_needed);
  EXPECT_EQ(Contents(), before);
}

TEST_F(DatabaseRecoveryTest, ADatabaseThatIsInUseIsRefused) {
  Reopen();
  for (const auto& report :
       {PlanRecovery(options_.data_directory), ApplyRecovery(options_.data_directory, kNow)}) {
    EXPECT_THAT(report, StatusIs(absl::StatusCode::kFailedPrecondition, "in use"));
  }
}

TEST_F(DatabaseRecoveryTest, AFlippedByteInTheLogIsToldExactlyAndNothingIsChanged) {
  const std::string log = FilesEndingIn(".log").front();
  const size_t at = fs::file_size(log) / 2;
  FlipByte(log, at);
  const auto before = Contents();
  const RecoveryReport report = Plan();
  EXPECT_EQ(Contents(), before);
  ASSERT_TRUE(report.is_needed);
  ASSERT_EQ(report.logs.size(), 1u);
  EXPECT_EQ(report.logs[0].path, log);
  EXPECT_THAT(report.logs[0].damage, HasSubstr("checksum"));
  EXPECT_LE(report.logs[0].damaged_at, at);
  EXPECT_GT(report.logs[0].damaged_at + 32'768, at);
  const uint64_t left = DocumentsOf(report);
  EXPECT_GT(left, 0u);
  EXPECT_LT(left, kDocuments);
  // Each document is a request and a batch of its own; one of them is in the damaged part.
  EXPECT_EQ(report.last_sequence_left, left);
  EXPECT_EQ(report.last_sequence_dropped, kDocuments);
  ASSERT_EQ(report.dropped.size(), 1u);
  const CollectionWrites& dropped = report.dropped.at(kCrashCollectionId);
  EXPECT_EQ(dropped.puts, kDocuments - left - 1);
  EXPECT_EQ(dropped.removals, 0u);
  ASSERT_EQ(dropped.ids.size(), LoggedWrites::kIdsTold);
  EXPECT_EQ(dropped.ids[0], CrashPut(static_cast<uint32_t>(left) + 1).id);
  EXPECT_TRUE(report.left.is_good());
}

TEST_F(DatabaseRecoveryTest, AppliedItLeavesWhatItSaidAndKeepsTheDamagedFiles) {
  const std::string log = FilesEndingIn(".log").front();
  FlipByte(log, fs::file_size(log) / 2);
  fs::create_directory(options_.data_directory + "/index");
  WriteFile(options_.data_directory + "/index/old", "of what is dropped");
  const std::string damaged_log = ReadFile(log);
  EXPECT_THAT(Store::Open(options_), StatusIs(kDataLoss, "checksum"));
  const RecoveryReport plan = Plan();
  const RecoveryReport report = Apply();
  EXPECT_EQ(report.kept_path, options_.data_directory + "/recovered-" + std::to_string(kNow));
  EXPECT_EQ(DocumentsOf(report), DocumentsOf(plan));
  EXPECT_EQ(report.dropped.at(kCrashCollectionId).puts, plan.dropped.at(kCrashCollectionId).puts);
  EXPECT_TRUE(report.left.is_good());
  EXPECT_EQ(ReadFile(report.kept_path + "/rocksdb/" + fs::path(log).filename().string()),
            damaged_log);
  EXPECT_FALSE(fs::exists(options_.data_directory + "/index"));
  EXPECT_TRUE(fs::exists(report.kept_path + "/index/old"));
  EXPECT_FALSE(Plan().is_needed);
  ExpectServes(DocumentsOf(plan));
}

TEST_F(DatabaseRecoveryTest, ALostCurrentIsMadeAnewAndNothingIsDropped) {
  const std::string current = DatabasePath() + "/CURRENT";
  for (const char* state : {"in a log", "in tables"}) {
    for (const char* content : {"", "MANIFEST-999999\n", "\xff\xff garbage"}) {
      fs::remove(current);
      if (content[0] != '\0') WriteFile(current, content);
      EXPECT_THAT(Store::Open(options_), StatusIs(kDataLoss, DatabasePath())) << state << content;
      const RecoveryReport plan = Plan();
      ASSERT_TRUE(plan.is_needed) << state << content;
      EXPECT_THAT(plan.steps, ::testing::ElementsAre(HasSubstr("CURRENT is made anew")));
      EXPECT_THAT(plan.logs, IsEmpty());
      EXPECT_EQ(DocumentsOf(plan), kDocuments);
      const RecoveryReport report = Apply();
      EXPECT_TRUE(report.left.is_good());
      EXPECT_EQ(DocumentsOf(report), kDocuments);
      fs::remove_all(report.kept_path);
    }
    // Opening reads the log and writes tables of it.
    Reopen();
    Close();
  }
  ExpectServes(kDocuments);
}

TEST_F(DatabaseRecoveryTest, ADamagedOrLostManifestIsMadeOfTablesAndLogs) {
  for (const char* state : {"in a log", "in tables and a log", "in tables"}) {
    for (const bool is_lost : {false, true}) {
      const std::string manifest = ManifestPath();
      if (is_lost) {
        fs::remove(manifest);
      } else {
        FlipByte(manifest, fs::file_size(manifest) / 3);
      }
      EXPECT_THAT(Store::Open(options_), StatusIs(kDataLoss, "simile-server check")) << state;
      const auto before = Contents();
      const RecoveryReport plan = Plan();
      EXPECT_EQ(Contents(), before);
      ASSERT_TRUE(plan.is_needed) << state;
      EXPECT_THAT(plan.steps, ::testing::ElementsAre(HasSubstr("MANIFEST is made anew")));
      EXPECT_EQ(DocumentsOf(plan), kDocuments) << state;
      EXPECT_TRUE(plan.left.is_good()) << state;
      const RecoveryReport report = Apply();
      EXPECT_EQ(DocumentsOf(report), kDocuments) << state;
      EXPECT_TRUE(report.left.is_good()) << state;
      fs::remove_all(report.kept_path);
    }
    Reopen();
    EXPECT_EQ(NumbersStored().size(), kDocuments);
    // Replaced documents are in a log beside the tables of those before.
    if (std::string(state) == "in a log") WriteNumbers(50, 150);
    Close();
  }
  ExpectServes(kDocuments);
}

TEST_F(DatabaseRecoveryTest, AManifestIsMadeBesideALogThatIsDamagedToo) {
  const std::string log = FilesEndingIn(".log").front();
  FlipByte(log, fs::file_size(log) / 2);
  fs::remove(ManifestPath());
  const RecoveryReport plan = Plan();
  ASSERT_EQ(plan.logs.size(), 1u);
  EXPECT_EQ(plan.logs[0].batches_kept, plan.left.collections.at(0).document_count + 1);
  const RecoveryReport report = Apply();
  EXPECT_EQ(DocumentsOf(report), DocumentsOf(plan));
  EXPECT_EQ(report.dropped.at(kCrashCollectionId).puts, kDocuments - DocumentsOf(plan) - 1);
  ExpectServes(DocumentsOf(plan));
}

TEST_F(DatabaseRecoveryTest, DroppedIngestProgressMakesTheClientBeginAgain) {
  Reopen();
  auto request = Request(kCrashCollectionId, {CrashPut(0)});
  request.progress = IngestProgress{.session_id = "s", .items_handled = 7};
  ASSERT_THAT(store_->Write(std::move(request)), IsOk());
  WriteNumbers(0, kDocuments);
  Close();
  const std::string log = FilesEndingIn(".log").back();
  FlipByte(log, fs::file_size(log) / 2);
  EXPECT_EQ(DocumentsOf(Apply()), kDocuments);
  Reopen();
  const auto handled = store_->IngestItemsHandled(kCrashCollectionId, "s");
  ASSERT_THAT(handled, IsOk());
  EXPECT_EQ(*handled, 0u);
}

// Small memtables: vectors are written to tables while the log still holds their documents.
TEST_F(DatabaseRecoveryTest, FamiliesThatWereWrittenBeyondTheDamageAreCutToWhatIsWhole) {
  options_.memtable_bytes = 64 << 10;
  Reopen();
  WriteNumbers(kDocuments, 3 * kDocuments);
  for (uint32_t number = 0; number < 50; ++number) {
    Write(kCrashCollectionId, {Remove(CrashPut(number).id)});
  }
  // Again as they are: these lose nothing by what is dropped.
  WriteNumbers(100, 150);
  WriteNumbers(3 * kDocuments, 5 * kDocuments);
  Close();
  const std::vector<std::string> logs = FilesEndingIn(".log");
  ASSERT_GT(logs.size(), 1u);
  FlipByte(logs.front(), fs::file_size(logs.front()) / 2);
  const RecoveryReport plan = Plan();
  ASSERT_TRUE(plan.is_needed);
  EXPECT_EQ(plan.logs.size(), logs.size());
  const RecoveryReport report = Apply();
  EXPECT_TRUE(report.left.is_good()) << report.left.collections.at(0).findings.at(0);
  EXPECT_THAT(report.steps, Contains(HasSubstr("documents of dropped requests are kept")));
  Reopen();
  const std::set<uint32_t> numbers = NumbersStored();
  EXPECT_EQ(numbers.size(), DocumentsOf(report));
  for (uint32_t number = 50; number < kDocuments; ++number) EXPECT_TRUE(numbers.contains(number));
  WriteNumbers(2'000, 2'100);
  Close();
  EXPECT_TRUE(CheckDatabase(options_.data_directory)->is_good());
}

TEST_F(DatabaseRecoveryTest, WhereATableCannotBeReadNoHalfIsLeftAndNoSequenceIsGivenTwice) {
  options_.memtable_bytes = 64 << 10;
  Reopen();
  WriteNumbers(kDocuments, 3 * kDocuments);
  const auto second = [](uint32_t number) {
    PutOperation put = CrashPut(number + 10'000);
    put.id = std::to_string(number);
    return put;
  };
  for (uint32_t number = 0; number < 3 * kDocuments; number += 3) {
    Write(kCrashCollectionId, {second(number)});
  }
  // Labels of what is removed look as lost as others.
  for (uint32_t number = 1; number < 2 * kDocuments; number += 3) {
    Write(kCrashCollectionId, {Remove(std::to_string(number))});
    Write(kCrashCollectionId, {CrashPut(number)});
  }
  WriteNumbers(3 * kDocuments, 5 * kDocuments);
  Close();
  for (const char* family : {"ids", "documents", "vectors"}) DamageATableOf(family);
  const std::string log = FilesEndingIn(".log").front();
  FlipByte(log, fs::file_size(log) / 2);
  const RecoveryReport plan = Plan();
  const RecoveryReport report = Apply();
  EXPECT_TRUE(report.left.is_good());
  EXPECT_EQ(plan.steps, report.steps);
  const auto dropped = std::ranges::find_if(report.steps, [](const std::string& step) {
    return step.find("cannot be read and are dropped") != std::string::npos;
  });
  ASSERT_NE(dropped, report.steps.end());
  const size_t of = dropped->find(" of ");
  EXPECT_LE(std::stoul(dropped->substr(of + 4)), 5 * kDocuments) << *dropped;
  Reopen();
  const auto documents = store_->List(kCrashCollectionId, 0, 6 * kDocuments, kEverything);
  ASSERT_THAT(documents, IsOk());
  EXPECT_GT(documents->size(), kDocuments / 2);
  EXPECT_EQ(documents->size(), DocumentsOf(report));
  for (const StoredDocument& document : *documents) {
    EXPECT_LE(document.sequence, store_->Statistics().last_sequence);
    EXPECT_LT(document.label, store_->EndLabel(kCrashCollectionId));
    const auto number = static_cast<uint32_t>(std::stoul(document.id));
    const PutOperation first = CrashPut(number);
    const PutOperation put = document.text == first.text ? first : second(number);
    EXPECT_EQ(document.text, put.text);
    EXPECT_EQ(document.vector, *put.vector) << number;
  }
}

TEST_F(DatabaseRecoveryTest, WhatIsRecoveredHasTheNewestFormat) {
  const std::string format = options_.data_directory + "/FORMAT";
  WriteFile(format, FormatText(kDataFormat - 1));
  const std::string log = FilesEndingIn(".log").front();
  FlipByte(log, fs::file_size(log) / 2);
  Plan();
  EXPECT_EQ(ReadFile(format), FormatText(kDataFormat - 1));
  Apply();
  EXPECT_EQ(ReadFile(format), FormatText(kDataFormat));
}

TEST_F(DatabaseRecoveryTest, ADamagedCatalogTableIsNotRecoveredButSaid) {
  Reopen();
  Close();
  const auto [path, at] = TableHolding(kCrashCollection);
  fs::remove(path);
  const auto before = Contents();
  const auto says = AllOf(StatusIs(kDataLoss, "catalog"), StatusIs(kDataLoss, "snapshot"));
  EXPECT_THAT(PlanRecovery(options_.data_directory), says);
  EXPECT_THAT(ApplyRecovery(options_.data_directory, kNow), says);
  EXPECT_EQ(Contents(), before);
}

TEST_F(DatabaseRecoveryTest, AManifestThatEndsTooEarlyIsRefusedNamedAndMadeAnew) {
  // Opening writes tables of the log, and tells the MANIFEST of them in its last records.
  Reopen();
  WriteNumbers(kDocuments, kDocuments + 10);
  Close();
  const std::string manifest = ManifestPath();
  const std::vector<uint64_t> ends = RecordEnds(manifest);
  const std::string whole = ReadFile(manifest);
  uint64_t refused = 0;
  for (const uint64_t end : ends) {
    if (end == ends.back()) break;
    WriteFile(manifest, whole.substr(0, end));
    const auto check = CheckDatabase(options_.data_directory);
    ASSERT_THAT(check, IsOk());
    if (check->files.empty() || check->files[0].path != manifest) {
      // What is not refused as this has lost nothing, or does not open.
      EXPECT_TRUE(!check->is_good() || check->collections[0].document_count == kDocuments + 10);
      continue;
    }
    refused = end;
    EXPECT_THAT(check->files[0].reason, HasSubstr("its end is missing"));
    const auto before = Contents();
    EXPECT_THAT(Store::Open(options_), StatusIs(kDataLoss, "its end is missing"));
    EXPECT_EQ(Contents(), before);
    EXPECT_EQ(DocumentsOf(Plan()), kDocuments + 10);
  }
  ASSERT_GT(refused, 0u);
  WriteFile(manifest, whole.substr(0, refused));
  EXPECT_EQ(DocumentsOf(Apply()), kDocuments + 10);
  Reopen();
  EXPECT_EQ(NumbersStored().size(), kDocuments + 10);
}

TEST_F(DatabaseRecoveryTest, ANoteOfTheManifestThatIsDamagedOrNewerOrOfAnotherSaysNothing) {
  Reopen();
  Close();
  const std::string path = DatabasePath() + "/MANIFEST_END";
  const std::string name = fs::path(ManifestPath()).filename();
  const std::string note = ReadFile(path);
  ASSERT_THAT(note, StartsWith("simile manifest end 1\n" + name + " "));
  const auto longer = [](const std::string& title, const std::string& manifest) {
    const std::string text = fmt::format("{}\n{} 99999999\n", title, manifest);
    return fmt::format("{}crc32c {:08x}\n", text, Crc32c(text));
  };
  WriteFile(path, longer("simile manifest end 1", name));
  EXPECT_THAT(Store::Open(options_), StatusIs(kDataLoss, "and had 99999999"));
  std::vector<std::string> others = {longer("simile manifest end 2", name),
                                     longer("simile manifest end 1", "MANIFEST-000001"),
                                     longer("simile manifest end 1", ""),
                                     std::string(),
                                     std::string(5'000, 'x'),
                                     note.substr(0, note.size() / 2)};
  for (size_t at = 0; at < note.size(); ++at) {
    others.push_back(note);
    others.back()[at] = static_cast<char>(~note[at]);
  }
  for (const std::string& other : others) {
    WriteFile(path, other);
    EXPECT_TRUE(CheckDatabase(options_.data_directory)->is_good()) << other;
  }
  Reopen();
  EXPECT_EQ(NumbersStored().size(), kDocuments);
}

// Whatever is cut off: a start is refused, or all documents are there.
TEST_F(DatabaseRecoveryTest, AManifestThatEndsTooEarlyIsRefusedAlsoWhenNobodyWroteAfterIt) {
  Reopen();  // Writes tables of the log.
  Close();
  CutManifestEverywhere(kDocuments);
  Reopen();
  WriteNumbers(kDocuments, kDocuments + 10);
  ASSERT_THAT(store_->CreateSnapshot("one", 1, "test"), IsOk());  // Writes tables too.
  Close();
  CutManifestEverywhere(kDocuments + 10);
}

}  // namespace
}  // namespace simile

// Recovery of what can be read where tables are damaged or missing.
#include "storage/salvage.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "storage/database_files.h"
#include "storage/database_recovery.h"
#include "tests/storage/crash_fixture.h"

namespace simile {
namespace {

namespace fs = std::filesystem;

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

constexpr uint32_t kDocuments = 300;
constexpr int64_t kNow = 1'790'000'000'000;

// "hurt" and "other": all documents compacted, then those of even number written again, the last of
// them into tables of level 0 that hold both collections. Nothing is open.
class SalvageTest : public CrashFixture {
 protected:
  void SetUp() override {
    CrashFixture::SetUp();
    options_.memtable_bytes = 32 << 20;
    Reopen();
    for (const char* name : {"hurt", "other"}) ids_.push_back(CreateSized(name));
    for (uint32_t number = 0; number < kDocuments; ++number) WriteToBoth(CrashPut(number));
    Compact();
    Reopen();
    for (uint32_t number = 0; number < kDocuments; number += 2) WriteToBoth(Second(number));
    for (const uint32_t id : ids_) {
      WriteRequest request = Request(id, {});
      request.progress = {.session_id = "session", .items_handled = 7};
      ASSERT_THAT(store_->Write(request), IsOk());
    }
    Reopen();
    Close();
  }

  // What is written at last: the text tells it from the first one.
  static PutOperation Second(uint32_t number) {
    PutOperation put = CrashPut(number);
    put.text = "second " + put.text;
    return put;
  }

  void WriteToBoth(const PutOperation& put) {
    for (const uint32_t id : ids_) Write(id, {put});
  }

  using Is = std::function<bool(const rocksdb::LiveFileMetaData&)>;

  // The paths of the tables of a family that are as asked; there is one at least.
  std::vector<std::string> Tables(const std::string& family, const Is& is) const {
    const auto files = DatabaseFiles::OpenReadOnly(DatabasePath());
    EXPECT_THAT(files, IsOk());
    std::vector<rocksdb::LiveFileMetaData> tables;
    (*files)->db().GetLiveFilesMetaData(&tables);
    std::vector<std::string> paths;
    for (const auto& table : tables) {
      if (table.column_family_name == family && is(table)) {
        paths.push_back(DatabasePath() + table.name);
      }
    }
    EXPECT_THAT(paths, Not(IsEmpty()));
    return paths;
  }

  std::vector<std::string> NewTables(const std::string& family) const {
    return Tables(family, [](const auto& table) { return table.level == 0; });
  }

  // Of the one that is hurt alone.
  std::vector<std::string> OldTables(const std::string& family) const {
    return Tables(family, [&](const auto& table) {
      return table.level > 0 && CollectionOfKey(table.largestkey) == ids_[0];
    });
  }

  // In a data block: those come first.
  static void Damage(const std::vector<std::string>& tables) {
    for (const std::string& path : tables) FlipByte(path, fs::file_size(path) / 4);
  }

  RecoveryReport Plan() const {
    auto report = PlanRecovery(options_.data_directory);
    EXPECT_THAT(report, IsOk());
    return report.ok() ? *std::move(report) : RecoveryReport{};
  }

  // Plans and applies, which must say the same; afterwards nothing is damaged any more.
  RecoveryReport Recover() const {
    const auto check = CheckDatabase(options_.data_directory);
    EXPECT_THAT(check, IsOk());
    EXPECT_FALSE(check->is_good());
    const RecoveryReport plan = Plan();
    auto applied = ApplyRecovery(options_.data_directory, kNow);
    EXPECT_THAT(applied, IsOk());
    if (!applied.ok()) return {};
    EXPECT_TRUE(plan.is_needed && plan.left.is_good() && applied->left.is_good());
    EXPECT_EQ(plan.steps, applied->steps);
    EXPECT_EQ(CountsOf(plan), CountsOf(*applied));
    EXPECT_FALSE(Plan().is_needed);
    return *std::move(applied);
  }

  // Documents by collection.
  static std::map<std::string, uint64_t> CountsOf(const RecoveryReport& report) {
    std::map<std::string, uint64_t> counts;
    for (const CollectionCheck& one : report.left.collections) {
      counts[one.name] = one.document_count;
    }
    return counts;
  }

  // The numbers of the documents of the open store, each as it was written at last.
  std::set<uint32_t> NumbersOf(uint32_t collection_id) const {
    std::set<uint32_t> numbers;
    const auto documents = store_->List(collection_id, 0, 1'000'000, kEverything);
    EXPECT_THAT(documents, IsOk());
    if (!documents.ok()) return numbers;
    for (const StoredDocument& document : *documents) {
      const auto number = static_cast<uint32_t>(std::stoul(document.id));
      const PutOperation put = number % 2 == 0 ? Second(number) : CrashPut(number);
      EXPECT_EQ(document.text, put.text);
      EXPECT_EQ(document.metadata, put.metadata);
      EXPECT_EQ(document.vector, *put.vector);
      EXPECT_EQ(Get(collection_id, document.id)->label, document.label);
      EXPECT_LE(document.sequence, store_->Statistics().last_sequence);
      numbers.insert(number);
    }
    EXPECT_EQ(store_->DocumentCount(collection_id), numbers.size());
    return numbers;
  }

  // Whether a client would go on where it was.
  bool HasSession(uint32_t id) const {
    const auto handled = store_->IngestItemsHandled(id, "session");
    EXPECT_THAT(handled, IsOk());
    return handled.ok() && *handled > 0;
  }

  // Of what is left new documents can be written, changed and removed, and survive a restart.
  void ExpectServes(uint32_t collection_id) {
    std::set<uint32_t> expected = NumbersOf(collection_id);
    ASSERT_THAT(expected, Not(IsEmpty()));
    Write(collection_id,
          {CrashPut(1'001), Second(1'002), Remove(std::to_string(*expected.begin())), Second(298)});
    expected.erase(expected.begin());
    expected.insert({298, 1'001, 1'002});
    Reopen();
    EXPECT_EQ(NumbersOf(collection_id), expected);
  }

  std::vector<uint32_t> ids_;
};

TEST_F(SalvageTest, ADamagedBlockCostsItsDocumentsAndNoOther) {
  Damage(OldTables("documents"));
  const RecoveryReport report = Recover();
  const uint64_t kept = CountsOf(report)["hurt"];
  EXPECT_LT(kept, kDocuments);
  // The newer half is not in that table, nor is what stands in its other blocks.
  EXPECT_GT(kept, kDocuments / 2);
  EXPECT_THAT(report.steps, Contains(HasSubstr("is damaged: what can be read")));
  EXPECT_THAT(report.steps,
              Contains(HasSubstr("collection 'hurt': " + std::to_string(kDocuments - kept) +
                                 " of 300 documents cannot be read and are dropped")));
  EXPECT_THAT(report.steps, Contains("collection 'other': all 300 documents can be read"));
  EXPECT_TRUE(fs::exists(report.kept_path + "/rocksdb"));
  Reopen();
  const std::set<uint32_t> numbers = NumbersOf(ids_[0]);
  EXPECT_EQ(numbers.size(), kept);
  EXPECT_EQ(NumbersOf(ids_[1]).size(), kDocuments);
  // It told ids of what is gone.
  const std::string& step = *std::ranges::find_if(
      report.steps, [](const std::string& one) { return one.starts_with("collection 'hurt'"); });
  const std::string ids = step.substr(step.rfind(": ") + 2);
  EXPECT_FALSE(numbers.contains(static_cast<uint32_t>(std::stoul(ids)))) << step;
  ExpectServes(ids_[0]);
}

TEST_F(SalvageTest, AnOlderVersionOfWhatIsDamagedDoesNotComeBack) {
  for (const char* family : {"documents", "vectors"}) Damage(NewTables(family));
  const RecoveryReport report = Recover();
  Reopen();
  size_t lost = 0;
  for (const uint32_t id : ids_) lost += kDocuments - NumbersOf(id).size();
  EXPECT_GT(lost, 0u);
  EXPECT_LT(lost, kDocuments / 2);
}

TEST_F(SalvageTest, AMissingTableTakesWhatItMayHaveHeldANewerVersionOf) {
  for (const std::string& path : NewTables("vectors")) fs::remove(path);
  // It held even numbers of both, from the first of "hurt" to the last but one of "other".
  EXPECT_THAT(CountsOf(Recover()), UnorderedElementsAre(Pair("hurt", 0), Pair("other", 1)));
  Reopen();
  EXPECT_THAT(store_->damaged_at_start(), IsEmpty());
  EXPECT_THAT(NumbersOf(ids_[1]), ElementsAre(kDocuments - 1));
  for (const uint32_t id : ids_) {
    for (uint32_t number = 0; number < kDocuments; ++number) Write(id, {CrashPut(number)});
    EXPECT_EQ(store_->DocumentCount(id), kDocuments);
  }
}

TEST_F(SalvageTest, AMissingTableOfOneCollectionCostsNoOther) {
  for (const std::string& path : OldTables("vectors")) fs::remove(path);
  EXPECT_THAT(CountsOf(Recover()),
              UnorderedElementsAre(Pair("hurt", kDocuments / 2), Pair("other", kDocuments)));
  Reopen();
  EXPECT_THAT(store_->damaged_at_start(), IsEmpty());
  for (const uint32_t id : ids_) ExpectServes(id);
}

TEST_F(SalvageTest, IdsThatCannotBeReadAreMadeOfTheirDocuments) {
  for (const std::string& path : OldTables("ids")) fs::remove(path);
  const RecoveryReport report = Recover();
  EXPECT_THAT(report.steps, Contains("collection 'hurt': all 300 documents can be read"));
  Reopen();
  for (const uint32_t id : ids_) {
    EXPECT_EQ(NumbersOf(id).size(), kDocuments);
    ExpectServes(id);
  }
}

TEST_F(SalvageTest, ClientsBeginAgainWhereADocumentIsLostAndGoOnElsewhere) {
  Damage(OldTables("vectors"));
  Recover();
  Reopen();
  EXPECT_FALSE(HasSession(ids_[0]));
  EXPECT_TRUE(HasSession(ids_[1]));
}

TEST_F(SalvageTest, ADamagedLogOfChangesCostsNoDocument) {
  for (const std::string& path : NewTables("changes")) fs::remove(path);
  Recover();
  Reopen();
  for (const uint32_t id : ids_) {
    EXPECT_EQ(NumbersOf(id).size(), kDocuments);
    const uint64_t sequence = store_->Statistics().last_sequence;
    EXPECT_THAT(store_->ChangedSince(id, 0), Not(IsOk()));
    const uint64_t label = WriteOne(id, CrashPut(2'000)).label;
    const auto changed = store_->ChangedSince(id, sequence);
    ASSERT_THAT(changed, IsOk());
    EXPECT_THAT(*changed, ElementsAre(label));
  }
}

TEST_F(SalvageTest, WhatIsLeftOfDroppedCollectionsGoesWithItsDamage) {
  Reopen();
  for (const uint32_t id : ids_) ASSERT_THAT(store_->DropCollection(id), IsOk());
  Close();
  Reopen();
  CreateSized("new");
  Reopen();
  Close();
  for (const std::string& path : NewTables("documents")) fs::remove(path);
  const RecoveryReport report = Recover();
  EXPECT_THAT(CountsOf(report), ElementsAre(Pair("new", 0)));
  EXPECT_THAT(FilesEndingIn(".sst"), Not(IsEmpty()));
  Reopen();
  EXPECT_THAT(store_->damaged_at_start(), IsEmpty());
}

TEST_F(SalvageTest, ADamagedLogAndADamagedTableAreRecoveredTogether) {
  Reopen();
  for (uint32_t number = 500; number < 700; number += 2) WriteToBoth(Second(number));
  Close();
  Damage(OldTables("vectors"));
  const std::string log = FilesEndingIn(".log").back();
  FlipByte(log, fs::file_size(log) / 2);
  const RecoveryReport plan = Plan();
  EXPECT_THAT(plan.logs, Not(IsEmpty()));
  const auto applied = ApplyRecovery(options_.data_directory, kNow);
  ASSERT_THAT(applied, IsOk());
  EXPECT_TRUE(applied->left.is_good());
  EXPECT_EQ(plan.steps, applied->steps);
  Reopen();
  for (const uint32_t id : ids_) {
    // Forgotten with the end of the log, also where no table is damaged.
    EXPECT_FALSE(HasSession(id));
    const std::set<uint32_t> numbers = NumbersOf(id);
    EXPECT_GT(numbers.size(), kDocuments / 2);
    EXPECT_FALSE(numbers.contains(698));
  }
}

}  // namespace
}  // namespace simile

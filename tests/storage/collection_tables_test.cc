// Tables of RocksDB: compacted ones hold one collection each, and go with it, whole or damaged.
#include "storage/collection_tables.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rocksdb/convenience.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "storage/collection_reaper.h"
#include "storage/database_check.h"
#include "storage/database_files.h"
#include "storage/keys.h"
#include "storage/snapshot_reader.h"
#include "tests/storage/crash_fixture.h"

namespace simile {
namespace {

namespace fs = std::filesystem;

using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr absl::StatusCode kDataLoss = absl::StatusCode::kDataLoss;
constexpr uint32_t kDocuments = 100;
const char* const kFamilies[] = {"ids", "documents", "vectors", "changes", "sessions"};

class CollectionTablesTest : public CrashFixture {
 protected:
  // "before", "hurt" and "after", whose keys lie in this order, compacted; nothing is open.
  void SetUp() override {
    CrashFixture::SetUp();
    options_.memtable_bytes = 32 << 20;
    Reopen();
    for (const char* name : {"before", "hurt", "after"}) ids_.push_back(Create(name));
    for (uint32_t number = 0; number < kDocuments; ++number) {
      for (const uint32_t id : ids_) Write(id, {CrashPut(number)});
    }
    for (const uint32_t id : ids_) {
      WriteRequest request = Request(id, {});
      request.progress = {.session_id = "session", .items_handled = 1};
      ASSERT_THAT(store_->Write(request), IsOk());
    }
    Compact();
  }

  uint32_t hurt() const { return ids_[1]; }

  static std::vector<rocksdb::LiveFileMetaData> TablesOf(const DatabaseFiles& files) {
    std::vector<rocksdb::LiveFileMetaData> tables;
    files.db().GetLiveFilesMetaData(&tables);
    std::erase_if(tables, [](const auto& table) { return table.column_family_name == "default"; });
    return tables;
  }

  std::vector<rocksdb::LiveFileMetaData> Tables() const {
    const auto files = DatabaseFiles::OpenReadOnly(DatabasePath(), DamagePolicy::kServeAround);
    EXPECT_THAT(files, IsOk());
    return TablesOf(**files);
  }

  // Those of level 1 and below that hold more than one collection.
  static ptrdiff_t MixedOf(const std::vector<rocksdb::LiveFileMetaData>& tables) {
    return std::ranges::count_if(tables, [](const auto& table) {
      return table.level > 0 &&
             CollectionOfKey(table.smallestkey) != CollectionOfKey(table.largestkey);
    });
  }

  // The path of the only table that `family` has of the collection.
  std::string TableOf(uint32_t collection_id, const std::string& family) const {
    std::string path;
    for (const rocksdb::LiveFileMetaData& table : Tables()) {
      if (table.column_family_name != family) continue;
      if (CollectionOfKey(table.smallestkey) != collection_id) continue;
      EXPECT_EQ(path, "");
      path = DatabasePath() + table.name;
    }
    EXPECT_NE(path, "") << family;
    return path;
  }

  uint64_t TableBytes() const {
    uint64_t bytes = 0;
    for (const std::string& path : FilesEndingIn(".sst")) {
      std::error_code gone;
      const uint64_t size = fs::file_size(path, gone);
      if (!gone) bytes += size;
    }
    return bytes;
  }

  bool IsWhole(uint32_t collection_id) const {
    const auto all = store_->List(collection_id, 0, 10'000, kEverything);
    return all.ok() && all->size() == kDocuments && Get(collection_id, "17").has_value();
  }

  // Drops the one that is hurt; afterwards nothing is known of damage, nor of its table.
  void ExpectADropHeals(const std::string& table) {
    // Removed when the tables are gone.
    const std::string derived = options_.data_directory + "/index/" + std::to_string(hurt());
    fs::create_directories(derived);
    ASSERT_THAT(store_->DropCollection(hurt()), IsOk());
    EXPECT_TRUE(Eventually([&] { return !fs::exists(derived); }));
    Reopen();
    EXPECT_FALSE(fs::exists(table));
    EXPECT_THAT(store_->damaged_at_start(), IsEmpty());
    EXPECT_TRUE(IsWhole(ids_[0]) && IsWhole(ids_[2]));
    Close();
    const auto check = CheckDatabase(options_.data_directory);
    ASSERT_THAT(check, IsOk());
    EXPECT_THAT(check->files, IsEmpty());
    Compact();
  }

  std::vector<uint32_t> ids_;
};

TEST_F(CollectionTablesTest, EachCompactedTableHoldsOneCollection) {
  const std::vector<rocksdb::LiveFileMetaData> tables = Tables();
  EXPECT_EQ(tables.size(), std::size(kFamilies) * ids_.size());
  EXPECT_EQ(MixedOf(tables), 0);
}

// RocksDB 7.8 does not ask before it moves a table to the last level; older programs mixed them.
TEST_F(CollectionTablesTest, AStartSplitsTablesThatHoldSeveralCollections) {
  Reopen();
  const uint32_t first = Create("first");
  const uint32_t second = Create("second");
  for (const uint32_t id : {first, second}) Write(id, {CrashPut(17)});
  Compact(rocksdb::BottommostLevelCompaction::kSkip);
  EXPECT_GT(MixedOf(Tables()), 0);
  Reopen();
  EXPECT_TRUE(Eventually([&] { return MixedOf(Tables()) == 0; }));
  EXPECT_TRUE(Get(first, "17").has_value() && Get(second, "17").has_value());
  Close();
  // Written as a compaction does.
  const auto files = DatabaseFiles::Open(DatabasePath(), options_);
  ASSERT_THAT(files, IsOk());
  rocksdb::TablePropertiesCollection properties;
  ASSERT_TRUE((*files)->db().GetPropertiesOfAllTables((*files)->vectors(), &properties).ok());
  EXPECT_THAT(properties, SizeIs(ids_.size() + 2));
  for (const auto& [path, one] : properties) EXPECT_EQ(one->compression_name, "NoCompression");
}

TEST_F(CollectionTablesTest, ADropGivesTheBytesOfItsTablesBackWithoutACompaction) {
  Reopen();
  uint64_t expected = 0;
  for (const rocksdb::LiveFileMetaData& table : Tables()) {
    if (CollectionOfKey(table.smallestkey) == hurt()) expected += table.size;
  }
  const uint64_t before = TableBytes();
  EXPECT_GT(expected, before / 4);
  ASSERT_THAT(store_->DropCollection(hurt()), IsOk());
  EXPECT_TRUE(Eventually([&] { return TableBytes() == before - expected; }))
      << before << " " << expected << " " << TableBytes();
  EXPECT_TRUE(IsWhole(ids_[0]) && IsWhole(ids_[2]));
}

TEST_F(CollectionTablesTest, AMissingTableHurtsOneCollectionAndIsForgottenWithIt) {
  for (const char* family : {"ids", "documents", "vectors"}) {
    SCOPED_TRACE(family);
    const std::string table = TableOf(hurt(), family);
    fs::remove(table);
    Reopen();
    ASSERT_THAT(store_->damaged_at_start(), SizeIs(1));
    EXPECT_THAT(store_->damaged_at_start()[0].collection_ids, ::testing::ElementsAre(hurt()));
    EXPECT_TRUE(IsWhole(ids_[0]) && IsWhole(ids_[2]));
    EXPECT_THAT(store_->GetById(hurt(), std::vector<std::string>{"17"}, kEverything),
                StatusIs(kDataLoss, fs::path(table).stem().string()));
    ExpectADropHeals(table);
    // The next one is hurt in another family.
    Reopen();
    ids_[1] = Create("hurt");
    for (uint32_t number = 0; number < kDocuments; ++number) Write(hurt(), {CrashPut(number)});
    Compact();
  }
}

TEST_F(CollectionTablesTest, ACollectionThatComesBackFromASnapshotLeavesNothingOfItsDamage) {
  Reopen();
  ASSERT_THAT(store_->CreateSnapshot("monday", 1, "test"), IsOk());
  Close();
  const std::string table = TableOf(hurt(), "documents");
  fs::remove(table);
  Reopen();
  ASSERT_THAT(store_->damaged_at_start(), SizeIs(1));
  const auto snapshot = SnapshotReader::Open(store_->snapshots().PathOf("monday"));
  ASSERT_THAT(snapshot, IsOk());
  const auto documents = (*snapshot)->List(hurt(), 0, 10'000);
  ASSERT_THAT(documents, IsOk());
  const uint32_t restored = Create(std::string(1, kUnpublishedMark) + "hurt");
  for (const StoredDocument& one : *documents) {
    Write(restored, {PutOperation{.id = one.id, .text = one.text, .vector = one.vector}});
  }
  const std::string derived = options_.data_directory + "/index/" + std::to_string(hurt());
  fs::create_directories(derived);
  const Publication publication{.collection_id = restored, .name = "hurt", .replaced_id = hurt()};
  ASSERT_THAT(store_->PublishCollections({&publication, 1}), IsOk());
  EXPECT_TRUE(Eventually([&] { return !fs::exists(derived); }));
  Reopen();
  EXPECT_THAT(store_->damaged_at_start(), IsEmpty());
  EXPECT_TRUE(IsWhole(ids_[0]) && IsWhole(restored) && IsWhole(ids_[2]));
  Compact();
}

TEST_F(CollectionTablesTest, ATableOfWrongSizeIsForgottenWithItsCollection) {
  const std::string table = TableOf(hurt(), "vectors");
  WriteFile(table, ReadFile(table).substr(0, 1'000));
  Reopen();
  EXPECT_THAT(store_->damaged_at_start(), SizeIs(1));
  ExpectADropHeals(table);
}

TEST_F(CollectionTablesTest, ADamagedBlockIsForgottenWithItsCollection) {
  const std::string table = TableOf(hurt(), "vectors");
  FlipByte(table, 100);
  Reopen();
  EXPECT_TRUE(IsWhole(ids_[0]) && IsWhole(ids_[2]));
  EXPECT_FALSE(store_->GetById(hurt(), std::vector<std::string>{"0"}, kEverything).ok());
  ExpectADropHeals(table);
}

// An older program, or a drop while a compaction read it, can leave one.
TEST_F(CollectionTablesTest, AStartForgetsATableThatNoCollectionIsLeftOf) {
  const std::string table = TableOf(hurt(), "vectors");
  {
    const auto files = DatabaseFiles::Open(DatabasePath(), options_);
    ASSERT_THAT(files, IsOk());
    rocksdb::WriteBatch batch;
    batch.Delete((*files)->meta(), CollectionKey(hurt()));
    batch.Delete((*files)->meta(), CountersKey(hurt()));
    ASSERT_TRUE((*files)->db().Write({}, &batch).ok());
  }
  fs::remove(table);
  Reopen();
  EXPECT_THAT(store_->damaged_at_start(), SizeIs(1));
  EXPECT_TRUE(Eventually([&] {
    Reopen();
    return store_->damaged_at_start().empty();
  }));
  EXPECT_TRUE(IsWhole(ids_[0]) && IsWhole(ids_[2]));
}

// The range that was deleted with "hurt" lies behind the keys of "before" in its table.
TEST_F(CollectionTablesTest, ATableThatADeletedRangeHasWidenedGoesWithItsCollection) {
  const auto files = DatabaseFiles::Open(DatabasePath(), options_);
  ASSERT_THAT(files, IsOk());
  rocksdb::DB& db = (*files)->db();
  const KeyRange range = CollectionRange(hurt());
  // So that the range is kept by the compaction.
  const rocksdb::Snapshot* const snapshot = db.GetSnapshot();
  rocksdb::WriteBatch batch;
  for (uint32_t label = 1; label <= kDocuments; ++label) {
    batch.Put((*files)->vectors(), LabelKey(ids_[0], label), std::string(100, 'v'));
  }
  batch.DeleteRange((*files)->vectors(), range.first, range.end);
  batch.Delete((*files)->meta(), CollectionKey(hurt()));
  batch.Delete((*files)->meta(), CollectionKey(ids_[0]));
  ASSERT_TRUE(db.Write({}, &batch).ok());
  const std::string first = CollectionPrefix(ids_[0]);
  const rocksdb::Slice first_slice(first), end_slice(range.end);
  ASSERT_TRUE(rocksdb::DeleteFilesInRange(&db, (*files)->vectors(), &first_slice, &end_slice).ok());
  rocksdb::CompactRangeOptions compact;
  compact.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForce;
  ASSERT_TRUE(db.CompactRange(compact, (*files)->vectors(), nullptr, nullptr).ok());
  const auto wide = [&] {
    return std::ranges::count_if(TablesOf(**files), [&](const auto& table) {
      return table.column_family_name == "vectors" &&
             CollectionOfKey(table.smallestkey) == ids_[0] && table.largestkey == range.end;
    });
  };
  ASSERT_EQ(wide(), 1);
  const auto busy = DeleteDroppedTables(**files);
  ASSERT_THAT(busy, IsOk());
  EXPECT_EQ(*busy, 0u);
  EXPECT_EQ(wide(), 0);
  // The neighbour's begins where the range ends.
  EXPECT_TRUE((*files)->Get((*files)->vectors(), LabelKey(ids_[2], 1)).ok());
  db.ReleaseSnapshot(snapshot);
}

TEST_F(CollectionTablesTest, CompactionsThatMetDamageGoOnWhenItsCollectionIsDropped) {
  FlipByte(TableOf(hurt(), "vectors"), 100);
  const auto files = DatabaseFiles::Open(DatabasePath(), options_);
  ASSERT_THAT(files, IsOk());
  rocksdb::DB& db = (*files)->db();
  rocksdb::ColumnFamilyHandle* const vectors = (*files)->vectors();
  for (int table = 0; table < 4; ++table) {
    for (const uint32_t id : ids_) {
      ASSERT_TRUE(db.Put({}, vectors, LabelKey(id, 1'000), std::string(100, 'v')).ok());
    }
    ASSERT_TRUE(db.Flush({}, vectors).ok());
  }
  const auto level0 = [&] {
    return std::ranges::count_if(TablesOf(**files), [](const auto& table) {
      return table.column_family_name == "vectors" && table.level == 0;
    });
  };
  EXPECT_TRUE(Eventually([&] {
    (*files)->StopCompactionsIfDamaged();
    return db.GetOptions(vectors).disable_auto_compactions;
  }));
  EXPECT_EQ(level0(), 4);
  rocksdb::WriteBatch batch;
  batch.Delete((*files)->meta(), CollectionKey(hurt()));
  batch.Delete((*files)->meta(), CountersKey(hurt()));
  batch.Put((*files)->meta(), DroppedKey(hurt()), "");
  ASSERT_TRUE(db.Write({}, &batch).ok());
  const CollectionReaper reaper(**files, options_.data_directory + "/index");
  EXPECT_TRUE(Eventually([&] { return level0() == 0; }));
  EXPECT_FALSE(db.GetOptions(vectors).disable_auto_compactions);
}

}  // namespace
}  // namespace simile

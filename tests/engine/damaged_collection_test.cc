// Damage of stored records: the collection fails and says why, the others go on.
#include <gmock/gmock.h>

#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <sstream>
#include <thread>

#include "storage/database_check.h"
#include "tests/engine/engine_fixture.h"

namespace simile {
namespace {

namespace fs = std::filesystem;

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr absl::StatusCode kDataLoss = absl::StatusCode::kDataLoss;
constexpr size_t kDocuments = 400;
constexpr size_t kHurt = 200;

std::vector<float> VectorOf(size_t number) {
  return {static_cast<float>(number), 1.5F, static_cast<float>(number % 7)};
}

// Letters at random hardly compress, so most of them stand in the table as they are.
std::string TextOf(const std::string& collection, size_t number) {
  std::string text = collection + "-" + std::to_string(number) + ":";
  uint64_t state = std::hash<std::string>()(text);
  while (text.size() < 300) {
    state = state * 6364136223846793005ull + 1442695040888963407ull;
    text += static_cast<char>('A' + (state >> 33) % 58);
  }
  return text;
}

class DamagedCollectionTest : public EngineFixture {
 protected:
  void SetUp() override {
    Reopen();
    for (const char* name : {"hurt", "well"}) {
      const auto collection = Create({.name = name, .dimension = 3, .metric = Metric::kEuclidean});
      std::vector<DocumentInput> documents;
      for (size_t number = 0; number < kDocuments; ++number) {
        DocumentInput document = WithVector("id-" + std::to_string(number), VectorOf(number));
        document.text = TextOf(name, number);
        documents.push_back(std::move(document));
      }
      Put(*collection, std::move(documents));
    }
    // Opening reads the log and writes tables of it.
    Reopen();
    database_.reset();
  }

  void DamageText() { Damage(TextOf("hurt", kHurt).substr(200, 12)); }

  // Flips one bit of the table that holds `bytes`, in the first of them.
  void Damage(const std::string& bytes) {
    for (const auto& entry : fs::directory_iterator(directory_.path() + "/data/rocksdb")) {
      if (entry.path().extension() != ".sst") continue;
      std::ostringstream content;
      content << std::ifstream(entry.path(), std::ios::binary).rdbuf();
      std::string text = content.str();
      const size_t at = text.find(bytes);
      if (at == std::string::npos) continue;
      text[at] = static_cast<char>(text[at] ^ 1);
      std::ofstream(entry.path(), std::ios::binary) << text;
      file_ = entry.path().filename();
      return;
    }
    ADD_FAILURE() << "no table holds the bytes";
  }

  void DamageVector() {
    const std::vector<float> vector = VectorOf(kHurt);
    std::string bytes(vector.size() * sizeof(float), '\0');
    std::memcpy(bytes.data(), vector.data(), bytes.size());
    // The first collection's stands first.
    Damage(bytes);
  }

  std::shared_ptr<Collection> Find(const std::string& name) { return *database_->Find(name); }

  static absl::StatusOr<SearchReport> SearchFor(const Collection& collection, size_t number) {
    QueryInput query{.limit = 5};
    query.terms.push_back({.source = VectorOf(number)});
    return Search(collection, std::move(query));
  }

  static absl::Status PutOne(Collection& collection) {
    std::vector<absl::StatusOr<DocumentInput>> documents;
    documents.emplace_back(WithVector("new", {1, 2, 3}));
    return collection.Upsert(std::move(documents), {}, {}).status();
  }

  static bool HasFailed(const Collection& collection) {
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    while (collection.Describe().state != CollectionState::kFailed) {
      if (std::chrono::steady_clock::now() > give_up) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return true;
  }

  // Failed for the damaged file, and refuses what could be silently short.
  void ExpectQuarantined() {
    const std::shared_ptr<Collection> hurt = Find("hurt");
    ASSERT_TRUE(HasFailed(*hurt));
    EXPECT_THAT(hurt->Describe().state_reason,
                AllOf(HasSubstr("'hurt'"), HasSubstr(file_), HasSubstr("simile-server check"),
                      HasSubstr("snapshot")));
    EXPECT_THAT(SearchFor(*hurt, 3), StatusIs(kDataLoss, file_));
    EXPECT_THAT(PutOne(*hurt), StatusIs(kDataLoss, file_));
    EXPECT_THAT(hurt->Remove(std::vector<std::string>{"id-3"}, Durability::kFsync, false, {}),
                StatusIs(kDataLoss, file_));
  }

  void ExpectOtherServes() {
    const std::shared_ptr<Collection> well = Find("well");
    EXPECT_EQ(IdsOf(SearchFor(*well, kHurt)).size(), 5u);
    EXPECT_THAT(PutOne(*well), IsOk());
    const auto page = well->List(0, 1'000, {});
    ASSERT_THAT(page, IsOk());
    EXPECT_EQ(page->documents.size(), kDocuments + 1);
    EXPECT_EQ(well->Describe().state, CollectionState::kReady);
  }

  std::string file_;
};

TEST_F(DamagedCollectionTest, ADamagedDocumentFailsItsCollectionAndNoOther) {
  DamageText();
  Reopen();
  ExpectQuarantined();
  ExpectOtherServes();
}

TEST_F(DamagedCollectionTest, ADamagedVectorFailsItsCollectionAtTheStart) {
  DamageVector();
  Reopen();
  EXPECT_EQ(Find("hurt")->Describe().state, CollectionState::kFailed);
  ExpectQuarantined();
  ExpectOtherServes();
}

TEST_F(DamagedCollectionTest, GetAndListGoOnAndNameWhatTheyCannotRead) {
  DamageText();
  Reopen();
  ExpectQuarantined();
  const std::shared_ptr<Collection> hurt = Find("hurt");
  EXPECT_THAT(hurt->Get(std::vector<std::string>{"id-3"}, {}), IsOk());
  EXPECT_THAT(hurt->Get(std::vector<std::string>{"id-" + std::to_string(kHurt)}, {}),
              StatusIs(kDataLoss, file_));
  const auto before = hurt->List(0, 100, {});
  ASSERT_THAT(before, IsOk());
  EXPECT_EQ(before->documents.size(), 100u);
  EXPECT_THAT(hurt->List(0, 1'000, {}), StatusIs(kDataLoss, file_));
}

TEST_F(DamagedCollectionTest, ItIsFoundAgainAfterARestartAndCanBeDeleted) {
  DamageText();
  Reopen();
  ExpectQuarantined();
  Reopen();
  ExpectQuarantined();
  EXPECT_THAT(database_->DropCollection("hurt"), IsOk());
  ExpectOtherServes();
  EXPECT_THAT(PutOne(*Create({.name = "hurt", .dimension = 3})), IsOk());
}

TEST_F(DamagedCollectionTest, AReadThatMeetsDamageBeforeTheLoadEndsIsNotForgottenByIt) {
  DamageText();
  Open();
  EXPECT_THAT(Find("hurt")->Get(std::vector<std::string>{"id-" + std::to_string(kHurt)}, {}),
              StatusIs(kDataLoss, file_));
  EXPECT_EQ(Find("hurt")->Describe().state, CollectionState::kFailed);
  database_->Load();
  ExpectQuarantined();
  ExpectOtherServes();
}

// Tables by family; of one at least the records of both collections are in one table.
std::map<std::string, std::string> TablesByFamily(const std::string& data) {
  std::map<std::string, std::string> tables;
  std::vector<std::string> paths;
  for (const auto& entry : fs::directory_iterator(data + "/rocksdb")) {
    if (entry.path().extension() == ".sst") paths.push_back(entry.path());
  }
  for (const std::string& path : paths) {
    fs::rename(path, path + ".aside");
    const auto check = CheckDatabase(data);
    if (check.ok() && !check->files.empty()) tables[check->files[0].family] = path;
    fs::rename(path + ".aside", path);
  }
  return tables;
}

void FlipByte(const std::string& path, std::streamoff at) {
  std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
  file.seekg(at);
  const int byte = file.get();
  file.seekp(at);
  file.put(static_cast<char>(~byte));
  file.flush();
  EXPECT_TRUE(file.good()) << path;
}

TEST_F(DamagedCollectionTest, AMissingTableFailsItsCollectionsAtTheStartBeforeAnyRead) {
  const std::map<std::string, std::string> tables = TablesByFamily(directory_.path() + "/data");
  for (const char* family : {"ids", "documents", "vectors"}) {
    const std::string path = tables.at(family);
    fs::rename(path, path + ".aside");
    Open();
    for (const char* name : {"hurt", "well"}) {
      const CollectionDescription described = Find(name)->Describe();
      EXPECT_EQ(described.state, CollectionState::kFailed) << family;
      EXPECT_THAT(described.state_reason, AllOf(HasSubstr(path), HasSubstr(family)));
    }
    database_.reset();
    fs::rename(path + ".aside", path);
  }
}

// Damages the only table of a family while nothing is open, as a compaction at the start would
// write it anew.
TEST_F(DamagedCollectionTest, VerifyNamesEachDamagedFamilyAndFailsOnlyTheCollectionAffected) {
  for (const char* family : {"ids", "documents", "vectors"}) {
    const std::string path = TablesByFamily(directory_.path() + "/data").at(family);
    // The first block holds the first collection's.
    FlipByte(path, 100);
    Reopen();
    const auto bad = database_->VerifyData("", {});
    ASSERT_THAT(bad, IsOk());
    ASSERT_EQ(bad->found.files.size(), 1u) << family;
    EXPECT_EQ(bad->found.files[0].path, path);
    EXPECT_EQ(bad->found.files[0].family, family);
    ASSERT_EQ(bad->found.collections.size(), 2u);
    EXPECT_EQ(bad->found.collections[0].name, "hurt");
    EXPECT_GT(bad->found.collections[0].affected_count, 0u) << family;
    EXPECT_LT(bad->found.collections[0].affected_count, kDocuments) << family;
    EXPECT_EQ(bad->found.collections[1].affected_count, 0u) << family;
    EXPECT_EQ(Find("hurt")->Describe().state, CollectionState::kFailed) << family;
    EXPECT_THAT(Find("hurt")->Describe().state_reason, HasSubstr(path));
    EXPECT_EQ(Find("well")->Describe().state, CollectionState::kReady) << family;
    database_.reset();
    FlipByte(path, 100);
  }
  Reopen();
  const auto good = database_->VerifyData("", {});
  ASSERT_THAT(good, IsOk());
  EXPECT_TRUE(good->found.files.empty());
  EXPECT_GE(good->found.tables_read, 5u);
  EXPECT_EQ(Find("hurt")->Describe().state, CollectionState::kReady);
}

TEST_F(DamagedCollectionTest, VerifyNamesDamageThatNoDocumentIsAffectedBy) {
  const std::string path = TablesByFamily(directory_.path() + "/data").at("changes");
  FlipByte(path, 50);
  Reopen();
  const auto bad = database_->VerifyData("", {});
  ASSERT_THAT(bad, IsOk());
  ASSERT_EQ(bad->found.files.size(), 1u);
  EXPECT_EQ(bad->found.files[0].family, "changes");
  for (const CollectionCheck& one : bad->found.collections) EXPECT_EQ(one.affected_count, 0u);
  for (const char* name : {"hurt", "well"}) {
    EXPECT_EQ(Find(name)->Describe().state, CollectionState::kReady) << name;
  }
}

TEST_F(DamagedCollectionTest, VerifyEndsWhenItIsCancelledAndRefusesAForeignToken) {
  Reopen();
  const CallContext cancelled{.cancelled = [] { return true; }};
  EXPECT_THAT(database_->VerifyData("", cancelled), StatusIs(absl::StatusCode::kCancelled, ""));
  for (const char* token : {"x", "1", "1-", "-1", "1-2x"}) {
    EXPECT_THAT(database_->VerifyData(token, {}),
                StatusIs(absl::StatusCode::kInvalidArgument, token));
  }
}

}  // namespace
}  // namespace simile

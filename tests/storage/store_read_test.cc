#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "storage/catalog_codec.h"
#include "storage/database_files.h"
#include "storage/document_codec.h"
#include "storage/keys.h"
#include "tests/storage/store_fixture.h"

namespace simile {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr uint64_t kUint64Max = std::numeric_limits<uint64_t>::max();
constexpr absl::StatusCode kDataLoss = absl::StatusCode::kDataLoss;

// Documents "1" to "6" under these labels; 3 and 4 are removed again. A neighbour on each side.
class StoreReadTest : public StoreFixture {
 protected:
  void SetUp() override {
    StoreFixture::SetUp();
    const uint32_t before = Create("before");
    collection_ = Create("texts");
    const uint32_t after = Create("after");
    for (const uint32_t neighbour : {before, after})
      Write(neighbour, {Put("1", "x"), Put("9", "y")});
    for (int number = 1; number <= 6; ++number) {
      const auto component = static_cast<float>(number);
      Write(collection_, {Put(std::to_string(number), "text", {{component, -component}})});
    }
    Write(collection_, {Remove("3"), Remove("4")});
  }

  // Replaces a record of the closed database by one that is damaged.
  void Damage(rocksdb::ColumnFamilyHandle* (DatabaseFiles::*family)() const,
              const std::string& key) {
    Close();
    const auto files = DatabaseFiles::Open(DatabasePath(), options_);
    ASSERT_THAT(files, IsOk());
    auto record = (*files)->Get(((**files).*family)(), key);
    ASSERT_THAT(record, IsOk());
    record->back() = static_cast<char>(record->back() ^ 1);
    ASSERT_TRUE((*files)->db().Put({}, ((**files).*family)(), key, *record).ok());
  }

  std::vector<uint64_t> Scan(uint64_t first_label, uint64_t end_label) const {
    std::vector<uint64_t> labels;
    EXPECT_THAT(store_->ScanVectors(collection_, first_label, end_label,
                                    [&](uint64_t label, std::span<const float> vector) {
                                      const auto component = static_cast<float>(label);
                                      EXPECT_THAT(vector, ElementsAre(component, -component));
                                      labels.push_back(label);
                                      return absl::OkStatus();
                                    }),
                IsOk());
    return labels;
  }

  uint32_t collection_ = 0;
};

TEST_F(StoreReadTest, AListGoesOnAfterItsCursorOverDeletedDocuments) {
  EXPECT_THAT(LabelsAfter(collection_, 0, 2), ElementsAre(1, 2));
  EXPECT_THAT(LabelsAfter(collection_, 2, 2), ElementsAre(5, 6));
  EXPECT_THAT(LabelsAfter(collection_, 6, 2), IsEmpty());
  // A cursor of a document that is gone by now is one like any other.
  EXPECT_THAT(LabelsAfter(collection_, 3, 1), ElementsAre(5));
  EXPECT_THAT(LabelsAfter(collection_, 0, 100), ElementsAre(1, 2, 5, 6));
  EXPECT_THAT(LabelsAfter(collection_, 0, 0), IsEmpty());
}

TEST_F(StoreReadTest, AListAfterTheHighestPossibleLabelIsEmpty) {
  EXPECT_THAT(LabelsAfter(collection_, kUint64Max - 1, 10), IsEmpty());
  EXPECT_THAT(LabelsAfter(collection_, kUint64Max, 10), IsEmpty());
}

TEST_F(StoreReadTest, AScanVisitsTheVectorsOfItsRangeOnly) {
  EXPECT_THAT(Scan(0, kUint64Max), ElementsAre(1, 2, 5, 6));
  EXPECT_THAT(Scan(2, 6), ElementsAre(2, 5));
  EXPECT_THAT(Scan(3, 5), IsEmpty());
  EXPECT_THAT(Scan(6, 7), ElementsAre(6));
  EXPECT_THAT(Scan(5, 5), IsEmpty());
  EXPECT_THAT(Scan(6, 2), IsEmpty());
}

TEST_F(StoreReadTest, AScanStopsAtTheFirstErrorOfItsVisitor) {
  int visits = 0;
  const absl::Status scanned =
      store_->ScanVectors(collection_, 0, kUint64Max, [&](uint64_t, std::span<const float>) {
        return ++visits == 2 ? absl::CancelledError("enough") : absl::OkStatus();
      });
  EXPECT_THAT(scanned, StatusIs(absl::StatusCode::kCancelled, "enough"));
  EXPECT_EQ(visits, 2);
}

TEST_F(StoreReadTest, DocumentsComeInTheOrderAskedForWithGaps) {
  const std::vector<std::string> ids = {"6", "3", "1", "6", "nobody"};
  const auto found = store_->GetById(collection_, ids, {});
  ASSERT_THAT(found, IsOk());
  std::vector<uint64_t> labels;
  for (const auto& document : *found) labels.push_back(document ? document->label : 0);
  EXPECT_THAT(labels, ElementsAre(6, 0, 1, 6, 0));

  const auto by_label =
      store_->GetByLabel(collection_, std::vector<uint64_t>{5, 4, 0, kUint64Max, 2}, {});
  ASSERT_THAT(by_label, IsOk());
  std::vector<std::string> found_ids;
  for (const auto& document : *by_label) found_ids.push_back(document ? document->id : "-");
  EXPECT_THAT(found_ids, ElementsAre("5", "-", "-", "-", "2"));
}

TEST_F(StoreReadTest, OnlyTheFieldsAskedForAreRead) {
  const std::vector<uint64_t> labels = {5};
  const auto vector_only =
      store_->GetByLabel(collection_, labels, {.text_and_metadata = false, .vector = true});
  ASSERT_THAT(vector_only, IsOk());
  EXPECT_EQ(vector_only->front()->text, "");
  EXPECT_EQ(vector_only->front()->id, "5");
  EXPECT_THAT(vector_only->front()->vector, ElementsAre(5, -5));
  const auto text_only = store_->GetByLabel(collection_, labels, {});
  ASSERT_THAT(text_only, IsOk());
  EXPECT_EQ(text_only->front()->text, "text");
  EXPECT_THAT(text_only->front()->vector, IsEmpty());
}

TEST_F(StoreReadTest, AReadBeyondItsBytesIsRefusedWithTheNumber) {
  const std::vector<uint64_t> labels = {1, 2, 5, 6};
  DocumentFields fields = kEverything;
  const auto all = store_->GetByLabel(collection_, labels, fields);
  ASSERT_THAT(all, IsOk());
  size_t bytes = 0;
  for (const auto& document : *all) bytes += document->bytes_read;
  fields.bytes_max = bytes;
  EXPECT_THAT(store_->GetByLabel(collection_, labels, fields), IsOk());
  EXPECT_THAT(store_->List(collection_, 0, 10, fields), IsOk());
  fields.bytes_max = bytes - 1;
  const auto refused = StatusIs(absl::StatusCode::kResourceExhausted,
                                "more than " + std::to_string(bytes - 1) + " bytes");
  EXPECT_THAT(store_->GetByLabel(collection_, labels, fields), refused);
  EXPECT_THAT(store_->GetById(collection_, std::vector<std::string>{"1", "2", "5", "6"}, fields),
              refused);
  EXPECT_THAT(store_->List(collection_, 0, 10, fields), refused);
}

TEST_F(StoreReadTest, ADamagedDocumentIsDataLossNamingIt) {
  Damage(&DatabaseFiles::documents, LabelKey(collection_, 5));
  Reopen();
  const std::string name = "the document of label 5 in collection 2 is damaged";
  EXPECT_THAT(store_->GetByLabel(collection_, std::vector<uint64_t>{5}, {}),
              StatusIs(kDataLoss, name));
  EXPECT_THAT(store_->GetById(collection_, std::vector<std::string>{"1", "5"}, {}),
              StatusIs(kDataLoss, name));
  EXPECT_THAT(store_->List(collection_, 2, 10, {}), StatusIs(kDataLoss, name));
  // What kept the vector would have to read it; what replaces everything heals it.
  EXPECT_THAT(store_->Write(Request(collection_, {Put("5", "new", std::nullopt)})),
              StatusIs(kDataLoss, "document '5' (label 5) is damaged"));
  EXPECT_EQ(WriteOne(collection_, Put("5", "new")).effect, Effect::kReplaced);
  EXPECT_EQ(Get(collection_, "5")->text, "new");
}

TEST_F(StoreReadTest, ADamagedVectorIsDataLossNamingIt) {
  Damage(&DatabaseFiles::vectors, LabelKey(collection_, 2));
  Reopen();
  const auto ignore = [](uint64_t, std::span<const float>) { return absl::OkStatus(); };
  EXPECT_THAT(store_->ScanVectors(collection_, 0, kUint64Max, ignore),
              StatusIs(kDataLoss, "the vector of label 2 in collection 2 is damaged"));
  const std::vector<uint64_t> labels = {2};
  EXPECT_THAT(store_->GetByLabel(collection_, labels, kEverything), StatusIs(kDataLoss, "label 2"));
  EXPECT_THAT(store_->GetByLabel(collection_, labels, {}), IsOk());
}

TEST_F(StoreReadTest, ADamagedIdIsDataLossNamingIt) {
  Damage(&DatabaseFiles::ids, IdKey(collection_, "6"));
  Reopen();
  EXPECT_THAT(store_->GetById(collection_, std::vector<std::string>{"6"}, {}),
              StatusIs(kDataLoss, "the label of document '6' is damaged"));
  EXPECT_THAT(store_->Write(Request(collection_, {Remove("6")})),
              StatusIs(kDataLoss, "the label of document '6' is damaged"));
}

TEST_F(StoreReadTest, ADamagedCatalogIsRefusedAtOpeningNamingTheCollection) {
  Damage(&DatabaseFiles::meta, CountersKey(collection_));
  EXPECT_THAT(Store::Open(options_), StatusIs(kDataLoss, "the counters of texts is damaged"));
  Damage(&DatabaseFiles::meta, CollectionKey(collection_));
  EXPECT_THAT(Store::Open(options_), StatusIs(kDataLoss, "the record of collection 2 is damaged"));
  Damage(&DatabaseFiles::meta, std::string(kStoreStateKey));
  EXPECT_THAT(Store::Open(options_), StatusIs(kDataLoss, "the state record is damaged"));
}

}  // namespace
}  // namespace simile

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "tests/storage/store_fixture.h"

namespace simile {
namespace {

struct ModelDocument {
  uint64_t label = 0;
  uint64_t sequence = 0;
  std::string text;
  std::vector<float> vector;
};

struct ModelCollection {
  uint32_t id = 0;
  uint64_t next_label = 1;
  std::map<std::string, ModelDocument> documents;
};

// Does the same to a store and to maps, and compares.
class StoreModelTest : public StoreFixture, public ::testing::WithParamInterface<uint32_t> {
 protected:
  static constexpr int kSteps = 250;

  uint32_t Below(uint32_t bound) { return static_cast<uint32_t>(random_() % bound); }

  std::string NewText() { return "text " + std::to_string(random_()); }

  ModelCollection& AnyCollection() {
    const std::string name = "collection " + std::to_string(Below(3));
    ModelCollection& collection = model_[name];
    if (collection.id == 0) collection.id = Create(name);
    return collection;
  }

  OperationResult PutIntoModel(ModelCollection& collection, const PutOperation& put) {
    const bool is_new = !collection.documents.contains(put.id);
    if (is_new && !put.vector.has_value()) return {};
    ModelDocument& document = collection.documents[put.id];
    if (is_new) document.label = collection.next_label++;
    document.sequence = sequence_;
    document.text = put.text;
    if (put.vector.has_value()) document.vector = *put.vector;
    return {.effect = is_new ? Effect::kCreated : Effect::kReplaced, .label = document.label};
  }

  static OperationResult RemoveFromModel(ModelCollection& collection, const std::string& id) {
    const auto found = collection.documents.find(id);
    if (found == collection.documents.end()) return {};
    const uint64_t label = found->second.label;
    collection.documents.erase(found);
    return {.effect = Effect::kRemoved, .label = label};
  }

  // A request of one to five operations on few ids, so that they meet.
  void WriteSomething() {
    ModelCollection& collection = AnyCollection();
    std::vector<WriteOperation> operations;
    std::vector<OperationResult> expected;
    ++sequence_;
    for (uint32_t left = 1 + Below(5); left > 0; --left) {
      const std::string id = std::to_string(Below(12));
      const uint32_t choice = Below(10);
      if (choice < 3) {
        operations.emplace_back(Remove(id));
        expected.push_back(RemoveFromModel(collection, id));
        continue;
      }
      PutOperation put = Put(id, NewText(), std::nullopt);
      if (choice < 8) put.vector = {static_cast<float>(random_()), static_cast<float>(Below(9))};
      expected.push_back(PutIntoModel(collection, put));
      operations.emplace_back(std::move(put));
    }
    const CommitResult result = Write(collection.id, std::move(operations));
    EXPECT_EQ(result.sequence, sequence_);
    ASSERT_EQ(result.operations.size(), expected.size());
    for (size_t at = 0; at < expected.size(); ++at) {
      EXPECT_EQ(result.operations[at].effect, expected[at].effect);
      EXPECT_EQ(result.operations[at].label, expected[at].label);
    }
  }

  void DropSomething() {
    if (model_.empty()) return;
    const auto chosen = std::next(model_.begin(), Below(static_cast<uint32_t>(model_.size())));
    EXPECT_THAT(store_->DropCollection(chosen->second.id), IsOk());
    model_.erase(chosen);
  }

  void ExpectSame(const ModelCollection& collection) const {
    EXPECT_EQ(store_->DocumentCount(collection.id), collection.documents.size());
    EXPECT_EQ(store_->EndLabel(collection.id), collection.next_label);
    std::map<uint64_t, std::string> ids;
    for (const auto& [id, document] : collection.documents) {
      ids[document.label] = id;
      const auto stored = Get(collection.id, id);
      ASSERT_TRUE(stored.has_value()) << id;
      EXPECT_EQ(stored->label, document.label);
      EXPECT_EQ(stored->sequence, document.sequence);
      EXPECT_EQ(stored->text, document.text);
      EXPECT_EQ(stored->vector, document.vector);
    }
    std::map<uint64_t, std::string> listed;
    for (uint64_t after = 0;;) {
      const auto page = store_->List(collection.id, after, 5, {});
      ASSERT_THAT(page, IsOk());
      if (page->empty()) break;
      for (const StoredDocument& document : *page) listed[document.label] = document.id;
      after = page->back().label;
    }
    EXPECT_EQ(listed, ids);
    std::map<uint64_t, std::vector<float>> vectors, expected_vectors;
    for (const auto& [id, document] : collection.documents) {
      expected_vectors[document.label] = document.vector;
    }
    const auto keep = [&](uint64_t label, std::span<const float> vector) {
      vectors[label].assign(vector.begin(), vector.end());
      return absl::OkStatus();
    };
    EXPECT_THAT(store_->ScanVectors(collection.id, 0, collection.next_label, keep), IsOk());
    EXPECT_EQ(vectors, expected_vectors);
  }

  void ExpectSame() const {
    std::vector<std::string> names;
    for (const CollectionRecord& record : store_->Collections()) names.push_back(record.name);
    std::vector<std::string> expected;
    for (const auto& [name, collection] : model_) expected.push_back(name);
    EXPECT_EQ(names, expected);
    EXPECT_EQ(store_->Statistics().last_sequence, sequence_);
    for (const auto& [name, collection] : model_) {
      SCOPED_TRACE(name);
      ExpectSame(collection);
    }
  }

  std::mt19937 random_{GetParam()};
  std::map<std::string, ModelCollection> model_;
  uint64_t sequence_ = 0;
};

TEST_P(StoreModelTest, TheStoreDoesWhatMapsDo) {
  for (int step = 0; step < kSteps; ++step) {
    SCOPED_TRACE("seed " + std::to_string(GetParam()) + ", step " + std::to_string(step));
    const uint32_t choice = Below(100);
    if (choice < 2) {
      Reopen();
    } else if (choice < 4) {
      DropSomething();
    } else {
      WriteSomething();
    }
    if (step % 20 == 0 || choice < 4) ExpectSame();
    if (HasFailure()) return;
  }
  Reopen();
  ExpectSame();
}

INSTANTIATE_TEST_SUITE_P(Seeds, StoreModelTest, ::testing::Values(1, 2, 3, 4));

}  // namespace
}  // namespace simile

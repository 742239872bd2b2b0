#ifndef SIMILE_TESTS_ENGINE_COLLECTION_INDEX_FIXTURE_H_
#define SIMILE_TESTS_ENGINE_COLLECTION_INDEX_FIXTURE_H_

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "server/engine/collection_index.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temporary_directory.h"

namespace simile {

// The index of a collection over a store, and what should be in both.
class CollectionIndexFixture : public ::testing::Test {
 protected:
  static constexpr size_t kDimension = 4;
  static constexpr size_t kDocuments = 1'600;  // So many that an AutoIndex has become a graph.

  void SetUp() override {
    OpenStore();
    const auto created = store_->CreateCollection({.name = "docs", .dimension = kDimension});
    ASSERT_THAT(created, IsOk());
    collection_ = created->id;
    Restart();
  }

  void OpenStore() {
    store_.reset();
    auto store =
        Store::Open({.data_directory = directory_.path() + "/data", .free_disk_bytes_min = 0});
    ASSERT_THAT(store, IsOk());
    store_ = *std::move(store);
  }

  // What was not in the files is lost with the index, the store is closed and opened.
  void OpenStoreAgain() {
    index_.reset();
    OpenStore();
  }

  // As after a kill: what is not in the files is gone.
  void Restart() {
    index_.reset();
    auto index = CollectionIndex::Create("docs", collection_,
                                         {.dimension = kDimension,
                                          .metric = Metric::kEuclidean,
                                          .engine = kind_.engine,
                                          .codes = kind_.codes,
                                          .m = m_,
                                          .ef_construction = ef_construction_,
                                          .directory = store_->DerivedDirectory(collection_),
                                          .identity = 7},
                                         *store_, options_);
    ASSERT_THAT(index, IsOk());
    index_ = *std::move(index);
    const std::atomic<bool> stop{false};
    ASSERT_THAT(index_->Load(2, stop), IsOk());
  }

  // That of the default kind, of which there is one.
  std::string IndexDirectory() const {
    const std::string all = store_->DerivedDirectory(collection_);
    std::string last = all + "/none";
    for (const auto& entry : std::filesystem::directory_iterator(all)) {
      if (entry.path().filename().string().starts_with("engine-1-codes-0-build-")) {
        last = entry.path().string();
      }
    }
    return last;
  }

  // Whether the index was taken up from files: one that is built anew has none yet.
  bool IsFromFiles() const { return std::filesystem::exists(IndexDirectory() + "/MANIFEST"); }

  std::vector<float> NewVector() {
    std::vector<float> vector(kDimension);
    for (float& component : vector) component = length_ * normal_(random_);
    return vector;
  }

  // Changes store and index as a collection does. `first` to `end` get new vectors.
  void Put(size_t first, size_t end) {
    WriteRequest request{.collection_id = collection_, .durability = Durability::kOsBuffer};
    for (size_t number = first; number < end; ++number) {
      vectors_[number] = NewVector();
      request.operations.emplace_back(
          PutOperation{.id = std::to_string(number), .vector = vectors_[number]});
    }
    const AppliedSequence::Change change = index_->BeginChange();
    const auto committed = store_->Write(request);
    ASSERT_THAT(committed, IsOk());
    for (size_t at = 0; at < committed->operations.size(); ++at) {
      labels_[first + at] = committed->operations[at].label;
      ASSERT_THAT(index_->Get()->Upsert(labels_[first + at], vectors_[first + at]), IsOk());
    }
  }

  void Remove(size_t number) {
    const AppliedSequence::Change change = index_->BeginChange();
    const auto committed = store_->Write({.collection_id = collection_,
                                          .operations = {RemoveOperation{std::to_string(number)}},
                                          .durability = Durability::kOsBuffer});
    ASSERT_THAT(committed, IsOk());
    index_->Get()->Remove(committed->operations.front().label);
    vectors_.erase(number);
    labels_.erase(number);
  }

  // Every document is where its vector is, and there are no others.
  void ExpectIndexIsTheStore(size_t step = 1) {
    EXPECT_EQ(index_->Get()->Statistics().vector_count, vectors_.size());
    EXPECT_EQ(store_->DocumentCount(collection_), vectors_.size());
    ExpectVectorsAreFound(step);
  }

  // One in `step` of them. Those that are being put into the index count twice for a moment.
  void ExpectVectorsAreFound(size_t step) {
    const std::shared_ptr<VectorIndex> index = index_->Get();
    size_t at = 0;
    for (const auto& [number, vector] : vectors_) {
      if (at++ % step != 0) continue;
      const auto answer = index->Search(vector, {.k = 1, .exact = true});
      ASSERT_THAT(answer, IsOk());
      ASSERT_EQ(answer->neighbors.size(), 1u);
      EXPECT_EQ(answer->neighbors.front().label, labels_[number]) << number;
      EXPECT_EQ(answer->neighbors.front().distance, 0);
    }
  }

  void ExpectCheckpoint() {
    const auto report = index_->WriteCheckpoint();
    ASSERT_THAT(report, IsOk());
    EXPECT_TRUE(report->is_kept);
  }

  // Until nothing lies beside the index any more, and it is written to its files.
  void AwaitSettled() const {
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::minutes(2);
    for (bool is_kept = false; !is_kept;) {
      ASSERT_LT(std::chrono::steady_clock::now(), give_up);
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      const auto report = index_->WriteCheckpoint();
      ASSERT_THAT(report, IsOk());
      is_kept = report->is_kept;
    }
  }

  // As after a kill with 3,100 documents, 100 of them replaced, that came after the last
  // checkpoint: they lie beside the index, which takes a while to take them.
  void RestartSettling() {
    m_ = 32;
    ef_construction_ = 400;
    Restart();
    Put(0, kDocuments);
    ExpectCheckpoint();
    Put(kDocuments, kDocuments + 3'000);
    Put(0, 100);
    options_.replayed_before_serving_max = 100;
    Restart();
    EXPECT_TRUE(IsFromFiles());
    EXPECT_GT(index_->Get()->Statistics().waiting_count, 0u);
  }

  // Begins to build an index of another kind, which is then what a restart opens.
  void BeginRebuild(const IndexKind& kind) {
    index_->Rebuild(kind, [this, kind] {
      kind_ = kind;
      return absl::OkStatus();
    });
  }

  void AwaitRebuild() const {
    while (index_->rebuild_progress().has_value()) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }

  IndexKind kind_;
  size_t m_ = 4;
  size_t ef_construction_ = 8;
  CollectionIndex::Options options_;
  std::mt19937 random_{1};
  std::normal_distribution<float> normal_;
  float length_ = 1;                              // Of new vectors, about.
  std::map<size_t, std::vector<float>> vectors_;  // By number.
  std::map<size_t, uint64_t> labels_;

  const TemporaryDirectory directory_;
  std::unique_ptr<Store> store_;
  uint32_t collection_ = 0;
  std::unique_ptr<CollectionIndex> index_;
};

}  // namespace simile

#endif  // SIMILE_TESTS_ENGINE_COLLECTION_INDEX_FIXTURE_H_

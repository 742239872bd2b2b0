#ifndef SIMILE_TESTS_STORAGE_STORE_FIXTURE_H_
#define SIMILE_TESTS_STORAGE_STORE_FIXTURE_H_

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "storage/store.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temporary_directory.h"

namespace simile {

// A store on a directory of its own, without the free space guard.
class StoreFixture : public ::testing::Test {
 protected:
  using Effect = OperationResult::Effect;
  static constexpr DocumentFields kEverything{.text_and_metadata = true, .vector = true};

  void SetUp() override { Reopen(); }

  void Close() { store_.reset(); }

  void Reopen() {
    Close();
    auto opened = Store::Open(options_);
    ASSERT_THAT(opened, IsOk());
    store_ = *std::move(opened);
  }

  std::string DatabasePath() const { return options_.data_directory + "/rocksdb"; }

  uint32_t Create(const std::string& name) {
    const auto created = store_->CreateCollection({.name = name, .dimension = 2});
    EXPECT_THAT(created, IsOk());
    return created.ok() ? created->id : 0;
  }

  static PutOperation Put(const std::string& id, const std::string& text,
                          std::optional<std::vector<float>> vector = std::vector<float>{1, 2}) {
    return {.id = id, .text = text, .vector = std::move(vector)};
  }

  static RemoveOperation Remove(const std::string& id) { return {.id = id}; }

  // Without a sync: these tests end no machine.
  static WriteRequest Request(uint32_t collection_id, std::vector<WriteOperation> operations) {
    return {.collection_id = collection_id,
            .operations = std::move(operations),
            .durability = Durability::kOsBuffer};
  }

  CommitResult Write(uint32_t collection_id, std::vector<WriteOperation> operations) {
    auto written = store_->Write(Request(collection_id, std::move(operations)));
    EXPECT_THAT(written, IsOk());
    return written.ok() ? *std::move(written) : CommitResult{};
  }

  // The result of the only operation of a request.
  OperationResult WriteOne(uint32_t collection_id, WriteOperation operation) {
    const CommitResult result = Write(collection_id, {std::move(operation)});
    EXPECT_EQ(result.operations.size(), 1u);
    return result.operations.size() == 1 ? result.operations.front() : OperationResult{};
  }

  // With its vector.
  std::optional<StoredDocument> Get(uint32_t collection_id, const std::string& id) const {
    const auto found = store_->GetById(collection_id, std::vector<std::string>{id}, kEverything);
    EXPECT_THAT(found, IsOk());
    return found.ok() ? found->front() : std::nullopt;
  }

  std::vector<uint64_t> LabelsAfter(uint32_t collection_id, uint64_t after_label,
                                    size_t limit) const {
    const auto listed = store_->List(collection_id, after_label, limit, {});
    EXPECT_THAT(listed, IsOk());
    std::vector<uint64_t> labels;
    if (!listed.ok()) return labels;
    for (const StoredDocument& document : *listed) labels.push_back(document.label);
    return labels;
  }

  void ExpectReadsAreNotFound(uint32_t collection_id) const {
    const auto deleted = StatusIs(absl::StatusCode::kNotFound, "the collection was deleted");
    const auto ignore = [](uint64_t, std::span<const float>) { return absl::OkStatus(); };
    EXPECT_THAT(store_->GetById(collection_id, std::vector<std::string>{"a"}, {}), deleted);
    EXPECT_THAT(store_->GetByLabel(collection_id, std::vector<uint64_t>{1}, {}), deleted);
    EXPECT_THAT(store_->List(collection_id, 0, 10, {}), deleted);
    EXPECT_THAT(store_->ScanVectors(collection_id, 0, 10, ignore), deleted);
    EXPECT_THAT(store_->ReadVectors(collection_id, std::vector<uint64_t>{1}, ignore), deleted);
  }

  // For what happens in the background: false when it has not happened within a minute.
  static bool Eventually(const std::function<bool()>& happened) {
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    while (!happened()) {
      if (std::chrono::steady_clock::now() > give_up) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return true;
  }

  const TemporaryDirectory directory_;
  StoreOptions options_{.data_directory = directory_.path() + "/data", .free_disk_bytes_min = 0};
  std::unique_ptr<Store> store_;
};

}  // namespace simile

#endif  // SIMILE_TESTS_STORAGE_STORE_FIXTURE_H_

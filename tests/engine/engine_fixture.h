#ifndef SIMILE_TESTS_ENGINE_ENGINE_FIXTURE_H_
#define SIMILE_TESTS_ENGINE_ENGINE_FIXTURE_H_

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "server/engine/database.h"
#include "server/engine/errors.h"
#include "tests/support/hashing_encoder.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temporary_directory.h"

namespace simile {

// A database on a directory of its own with a hashing model called "words" of 64 dimensions.
class EngineFixture : public ::testing::Test {
 protected:
  static constexpr size_t kDimension = 64;
  static constexpr size_t kTokensMax = 16;

  void SetUp() override { Reopen(); }

  // Closes the database and opens it again, loaded, with a model of that fingerprint.
  void Reopen(const std::string& fingerprint = "first") {
    Open(fingerprint);
    database_->Load();
  }

  // The same without loading.
  void Open(const std::string& fingerprint = "first") {
    database_.reset();
    auto store =
        Store::Open({.data_directory = directory_.path() + "/data", .free_disk_bytes_min = 0});
    ASSERT_THAT(store, IsOk());
    auto encoder = std::make_unique<HashingEncoder>("words", kDimension, kTokensMax, fingerprint);
    encoder_ = encoder.get();
    encoder_->mutable_info().prompts = prompts_;
    encoder_->mutable_info().default_prompt = default_prompt_;
    encoder_->mutable_info().precision = precision_;
    auto models = std::make_unique<ModelRegistry>();
    ASSERT_THAT(models->Add(std::make_unique<EncoderService>(std::move(encoder),
                                                             EncoderServiceOptions{.threads = 2})),
                IsOk());
    database_ = std::make_unique<Database>(
        *std::move(store), std::move(models),
        DatabaseOptions{.load_threads = 2, .memory_bytes_max = memory_bytes_max_});
  }

  std::shared_ptr<Collection> Create(const CollectionSettings& settings) {
    auto collection = database_->CreateCollection(settings);
    EXPECT_THAT(collection, IsOk());
    return collection.ok() ? *collection : nullptr;
  }

  static DocumentInput Text(const std::string& id, const std::string& text) {
    return {.id = id, .text = text};
  }

  static DocumentInput WithVector(const std::string& id, std::vector<float> vector) {
    return {.id = id, .vector = std::move(vector)};
  }

  static UpsertReport Put(Collection& collection, std::vector<DocumentInput> documents) {
    std::vector<absl::StatusOr<DocumentInput>> items;
    for (DocumentInput& document : documents) items.emplace_back(std::move(document));
    auto report = collection.Upsert(std::move(items), {}, {});
    EXPECT_THAT(report, IsOk());
    return report.ok() ? *std::move(report) : UpsertReport{};
  }

  static QueryInput TextQuery(const std::string& text, size_t limit = 10) {
    QueryInput query{.limit = limit};
    query.terms.push_back({.source = text});
    return query;
  }

  static absl::StatusOr<SearchReport> Search(const Collection& collection, QueryInput query) {
    std::vector<absl::StatusOr<QueryInput>> queries;
    queries.emplace_back(std::move(query));
    auto batch = collection.Search(std::move(queries), {});
    if (!batch.ok()) return batch.status();
    return std::move(batch->reports.front());
  }

  static std::vector<std::string> IdsOf(const absl::StatusOr<SearchReport>& report) {
    EXPECT_THAT(report, IsOk());
    std::vector<std::string> ids;
    if (!report.ok()) return ids;
    for (const SearchHitOutput& hit : report->hits) ids.push_back(hit.document.id);
    return ids;
  }

  // Of the model when the database is opened.
  std::vector<Prompt> prompts_;
  std::string default_prompt_;
  std::string precision_ = "float32";
  uint64_t memory_bytes_max_ = 0;

  TemporaryDirectory directory_;
  HashingEncoder* encoder_ = nullptr;
  std::unique_ptr<Database> database_;
};

}  // namespace simile

#endif  // SIMILE_TESTS_ENGINE_ENGINE_FIXTURE_H_

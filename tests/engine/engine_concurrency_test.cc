#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "tests/engine/engine_fixture.h"

namespace simile {
namespace {

class EngineConcurrencyTest : public EngineFixture {};

// Every writer checks after each acknowledged write that a search sees it.
TEST_F(EngineConcurrencyTest, AWriteIsVisibleOnceItIsAcknowledged) {
  constexpr int kWriters = 4, kWritesEach = 25;
  std::shared_ptr<Collection> docs = Create({.name = "docs", .dimension = 8});
  std::atomic<int> unseen{0};
  std::vector<std::thread> writers;
  for (int writer = 0; writer < kWriters; ++writer) {
    writers.emplace_back([&, writer] {
      for (int number = 0; number < kWritesEach; ++number) {
        std::vector<float> vector(8, 0.001f);
        vector[static_cast<size_t>(writer)] = 1;
        vector[4 + static_cast<size_t>(number) % 4] = static_cast<float>(number) / 10;
        const std::string id = std::to_string(writer) + "-" + std::to_string(number);
        Put(*docs, {WithVector(id, vector)});
        QueryInput query{.limit = kWriters * kWritesEach};
        query.terms.push_back({.source = vector});
        const std::vector<std::string> ids = IdsOf(Search(*docs, query));
        if (std::find(ids.begin(), ids.end(), id) == ids.end()) ++unseen;
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  EXPECT_EQ(unseen, 0);
  EXPECT_EQ(docs->DocumentCount(), static_cast<uint64_t>(kWriters * kWritesEach));
}

// Writers of one id race; what the index holds in the end must be what the store holds.
TEST_F(EngineConcurrencyTest, StoreAndIndexAgreeAfterARaceForOneId) {
  std::shared_ptr<Collection> docs =
      Create({.name = "docs", .dimension = 2, .metric = Metric::kEuclidean});
  std::vector<std::thread> writers;
  for (int writer = 0; writer < 4; ++writer) {
    writers.emplace_back([&, writer] {
      for (int number = 0; number < 25; ++number) {
        Put(*docs, {WithVector("same", {static_cast<float>(writer), static_cast<float>(number)})});
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  const std::vector<std::string> ids = {"same"};
  const auto stored = docs->Get(ids, {.vector = true});
  ASSERT_TRUE(stored->front().has_value());
  QueryInput query;
  query.terms.push_back({.source = stored->front()->vector});
  const auto report = Search(*docs, query);
  ASSERT_THAT(report, IsOk());
  ASSERT_EQ(report->hits.size(), 1u);
  EXPECT_EQ(report->hits.front().distance, 0);
}

// Every document is always in exactly one of two states, whoever changes it just then.
TEST_F(EngineConcurrencyTest, FiltersSeeEveryDocumentOnceBesideChangesOfMetadata) {
  constexpr size_t kDocuments = 60;
  std::shared_ptr<Collection> docs = Create({.name = "docs", .dimension = 2});
  const auto in_state = [](const char* state) {
    return Filter{HasAny{.field = "state", .values = {{std::string(state)}}}};
  };
  for (size_t number = 0; number < kDocuments; ++number) {
    DocumentInput document = WithVector(std::to_string(number), {1, static_cast<float>(number)});
    document.metadata = {{"state", {std::string("open")}}};
    Put(*docs, {document});
  }
  std::atomic<bool> done{false};
  std::vector<std::thread> writers;
  for (size_t writer = 0; writer < 2; ++writer) {
    writers.emplace_back([&, writer] {
      for (size_t turn = 0; !done; ++turn) {
        std::vector<absl::StatusOr<MetadataPatch>> patches;
        patches.emplace_back(
            MetadataPatch{.id = std::to_string(turn * 7 % (kDocuments / 2) * 2 + writer),
                          .set = {{"state", {std::string(turn % 3 == 0 ? "done" : "open")}}}});
        EXPECT_THAT(docs->PatchMetadata(std::move(patches), Durability::kOsBuffer, {}), IsOk());
      }
    });
  }
  const Filter either{AnyOf{{in_state("open"), in_state("done")}}};
  for (int turn = 0; turn < 150; ++turn) {
    const auto count = docs->Count(either, {}, {});
    ASSERT_THAT(count, IsOk());
    EXPECT_EQ(count->count, kDocuments);
    QueryInput query{.limit = kDocuments, .filter = in_state("done")};
    query.terms.push_back({.source = std::vector<float>{1, 5}});
    const auto report = Search(*docs, query);
    ASSERT_THAT(report, IsOk());
    for (const SearchHitOutput& hit : report->hits) {
      EXPECT_EQ(hit.document.metadata.at("state"), Value{std::string("done")});
    }
  }
  done = true;
  for (std::thread& writer : writers) writer.join();
}

TEST_F(EngineConcurrencyTest, SearchesRunBesideUpsertsAndRemoves) {
  std::shared_ptr<Collection> docs =
      Create({.name = "docs", .dimension = 4, .engine = IndexEngine::kHnswlib});
  std::atomic<bool> done{false};
  std::vector<std::thread> readers;
  for (int reader = 0; reader < 2; ++reader) {
    readers.emplace_back([&] {
      while (!done) {
        QueryInput query;
        query.terms.push_back({.source = std::vector<float>{1, 2, 3, 4}});
        const auto report = Search(*docs, query);
        EXPECT_THAT(report, IsOk());
      }
    });
  }
  for (int number = 0; number < 100; ++number) {
    const auto coordinate = static_cast<float>(number);
    const std::string id = std::to_string(number % 20);
    Put(*docs, {WithVector(id, {coordinate, 1, 2, 3})});
    if (number % 5 == 0) {
      const std::vector<std::string> ids = {id};
      EXPECT_THAT(docs->Remove(ids, Durability::kOsBuffer, false, {}), IsOk());
    }
  }
  done = true;
  for (std::thread& reader : readers) reader.join();
}

}  // namespace
}  // namespace simile

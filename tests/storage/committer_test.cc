#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "tests/storage/store_fixture.h"

namespace simile {
namespace {

constexpr int kThreads = 8;
constexpr int kRequests = 40;  // Of each thread.
constexpr int kCollections = 3;

class CommitterTest : public StoreFixture {
 protected:
  // Runs `work(thread)` in kThreads threads at once.
  template <typename Work>
  static void InThreads(Work work) {
    std::vector<std::thread> threads;
    for (int thread = 0; thread < kThreads; ++thread) threads.emplace_back(work, thread);
    for (std::thread& thread : threads) thread.join();
  }

  static std::string IdOf(int thread, int request) {
    return std::to_string(thread) + "-" + std::to_string(request);
  }
};

TEST_F(CommitterTest, ManyWritersOverSeveralCollectionsAllGetTheirOwnResult) {
  std::vector<uint32_t> collections;
  for (int number = 0; number < kCollections; ++number) {
    collections.push_back(Create(std::to_string(number)));
  }
  std::vector<std::vector<CommitResult>> results(kThreads);
  InThreads([&](int thread) {
    for (int request = 0; request < kRequests; ++request) {
      const uint32_t collection_id = collections[static_cast<size_t>(request % kCollections)];
      const std::string id = IdOf(thread, request);
      WriteRequest write = Request(collection_id, {Put(id, "text of " + id), Remove("nobody")});
      // Mixed, so that groups form of both.
      write.durability = request % 4 == 0 ? Durability::kFsync : Durability::kOsBuffer;
      auto result = store_->Write(write);
      ASSERT_THAT(result, IsOk());
      if (write.durability == Durability::kFsync) {
        EXPECT_EQ(result->durability, Durability::kFsync);
      }
      results[static_cast<size_t>(thread)].push_back(*std::move(result));
    }
  });

  std::vector<uint64_t> sequences;
  for (int thread = 0; thread < kThreads; ++thread) {
    for (int request = 0; request < kRequests; ++request) {
      const CommitResult& result =
          results[static_cast<size_t>(thread)].at(static_cast<size_t>(request));
      sequences.push_back(result.sequence);
      ASSERT_EQ(result.operations.size(), 2u);
      EXPECT_EQ(result.operations[0].effect, Effect::kCreated);
      EXPECT_EQ(result.operations[1].effect, Effect::kNotFound);
      const auto document =
          Get(collections[static_cast<size_t>(request % kCollections)], IdOf(thread, request));
      ASSERT_TRUE(document.has_value());
      EXPECT_EQ(document->label, result.operations[0].label);
      EXPECT_EQ(document->sequence, result.sequence);
      EXPECT_EQ(document->text, "text of " + IdOf(thread, request));
    }
  }
  std::vector<uint64_t> expected(kThreads * kRequests);
  std::iota(expected.begin(), expected.end(), 1);
  EXPECT_THAT(sequences, ::testing::UnorderedElementsAreArray(expected));
}

TEST_F(CommitterTest, EveryRequestIsCountedInSomeCommit) {
  const uint32_t id = Create("texts");
  InThreads([&](int thread) {
    for (int request = 0; request < kRequests; ++request) {
      Write(id, {Put(IdOf(thread, request), "x")});
    }
  });
  const StoreStatistics statistics = store_->Statistics();
  EXPECT_EQ(statistics.requests_committed, static_cast<uint64_t>(kThreads * kRequests));
  EXPECT_GE(statistics.commits, 1u);
  EXPECT_GE(statistics.requests_committed, statistics.commits);
  EXPECT_EQ(statistics.last_sequence, statistics.requests_committed);
  EXPECT_EQ(store_->DocumentCount(id), statistics.requests_committed);
  EXPECT_EQ(store_->EndLabel(id), statistics.requests_committed + 1);
}

TEST_F(CommitterTest, WritersOfOneIdLeaveOneDocument) {
  const uint32_t id = Create("texts");
  std::atomic<int> created{0};
  InThreads([&](int thread) {
    for (int request = 0; request < kRequests; ++request) {
      const OperationResult result = WriteOne(id, Put("same", IdOf(thread, request)));
      if (result.effect == Effect::kCreated) ++created;
      EXPECT_EQ(result.label, 1u);
    }
  });
  EXPECT_EQ(created, 1);
  EXPECT_EQ(store_->DocumentCount(id), 1u);
  // The version that stayed is the one of the last commit.
  EXPECT_EQ(Get(id, "same")->sequence, store_->Statistics().last_sequence);
}

TEST_F(CommitterTest, PutsAndRemovesOfOneIdKeepTheCountExact) {
  const uint32_t id = Create("texts");
  std::atomic<int64_t> balance{0};
  InThreads([&](int thread) {
    for (int request = 0; request < kRequests; ++request) {
      const std::string name = std::to_string(request % 3);
      const OperationResult result =
          (thread + request) % 2 == 0 ? WriteOne(id, Put(name, "x")) : WriteOne(id, Remove(name));
      if (result.effect == Effect::kCreated) ++balance;
      if (result.effect == Effect::kRemoved) --balance;
    }
  });
  EXPECT_EQ(store_->DocumentCount(id), static_cast<uint64_t>(balance.load()));
  EXPECT_EQ(LabelsAfter(id, 0, 100).size(), store_->DocumentCount(id));
  Reopen();
  EXPECT_EQ(store_->DocumentCount(id), static_cast<uint64_t>(balance.load()));
}

TEST_F(CommitterTest, CollectionsComeAndGoWhileOthersWrite) {
  const uint32_t kept = Create("kept");
  InThreads([&](int thread) {
    for (int round = 0; round < kRequests / 8; ++round) {
      const uint32_t own = Create("of " + std::to_string(thread));
      Write(own, {Put("a", "x")});
      Write(kept, {Put(IdOf(thread, round), "x")});
      EXPECT_EQ(store_->DocumentCount(own), 1u);
      EXPECT_THAT(store_->DropCollection(own), IsOk());
      EXPECT_THAT(store_->Write(Request(own, {Put("b", "x")})),
                  StatusIs(absl::StatusCode::kNotFound, "deleted"));
    }
  });
  EXPECT_EQ(store_->Collections().size(), 1u);
  EXPECT_EQ(store_->DocumentCount(kept), static_cast<uint64_t>(kThreads * (kRequests / 8)));
  Reopen();
  EXPECT_EQ(LabelsAfter(kept, 0, 1'000).size(), store_->DocumentCount(kept));
}

TEST_F(CommitterTest, ReadersOfADroppedCollectionSeeItWholeOrNotAtAll) {
  constexpr int kDocuments = 300;
  for (int round = 0; round < 10; ++round) {
    const uint32_t id = Create("texts");
    std::vector<WriteOperation> puts;
    std::vector<std::string> ids;
    for (int number = 0; number < kDocuments; ++number) {
      ids.push_back(std::to_string(number));
      puts.push_back(Put(ids.back(), "x"));
    }
    Write(id, std::move(puts));
    Reopen();  // The documents are in files now, which a drop removes as a whole.
    std::atomic<bool> started{false};
    std::thread reader([&] {
      for (;;) {
        const auto found = store_->GetById(id, ids, kEverything);
        started = true;
        if (!found.ok()) {
          EXPECT_THAT(found, StatusIs(absl::StatusCode::kNotFound, "deleted"));
          return;
        }
        EXPECT_TRUE(std::ranges::all_of(*found, [](const auto& one) { return one.has_value(); }));
      }
    });
    while (!started) std::this_thread::yield();
    EXPECT_THAT(store_->DropCollection(id), IsOk());
    reader.join();
  }
}

class FreeSpaceTest : public StoreFixture {};

TEST_F(FreeSpaceTest, AFullDiskRefusesPutsWithItsNumbersAndLetsRemovesThrough) {
  const uint32_t id = Create("texts");
  Write(id, {Put("a", "x"), Put("b", "x")});
  options_.free_disk_bytes_min = uint64_t{1} << 62;
  Reopen();
  const absl::StatusCode exhausted = absl::StatusCode::kResourceExhausted;
  const auto refused = store_->Write(Request(id, {Remove("a"), Put("c", "x")}));
  EXPECT_THAT(refused, StatusIs(exhausted, options_.data_directory));
  EXPECT_THAT(refused, StatusIs(exhausted, "writes need at least 4611686018427387904"));
  EXPECT_THAT(store_->CreateCollection({.name = "more"}), StatusIs(exhausted, "bytes free"));
  EXPECT_TRUE(Get(id, "a").has_value()) << "part of a refused request was stored";
  EXPECT_EQ(WriteOne(id, Remove("a")).effect, Effect::kRemoved);
  EXPECT_THAT(store_->DropCollection(id), IsOk());
}

}  // namespace
}  // namespace simile

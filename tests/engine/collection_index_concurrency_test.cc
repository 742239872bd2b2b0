// The index of a collection that is written to its files, or exchanged, while it changes.
#include "tests/engine/collection_index_fixture.h"

namespace simile {
namespace {

using CollectionIndexConcurrencyTest = CollectionIndexFixture;

TEST_F(CollectionIndexConcurrencyTest, CheckpointsBesideChangesMissNothing) {
  Put(0, kDocuments);
  std::atomic<bool> writing{true};
  std::thread checkpointer([&] {
    while (writing) {
      if (index_->HasChanges()) ExpectCheckpoint();
    }
  });
  for (int change = 0; change < 400; ++change) {
    const size_t number = random_() % kDocuments;
    if (change % 5 == 0 && vectors_.contains(number)) {
      Remove(number);
    } else {
      Put(number, number + 1);
    }
  }
  writing = false;
  checkpointer.join();
  Restart();
  EXPECT_TRUE(IsFromFiles());
  ExpectIndexIsTheStore(7);
}

TEST_F(CollectionIndexConcurrencyTest, ChangesDuringARebuildAreInTheNewIndex) {
  Put(0, kDocuments);
  ExpectCheckpoint();
  BeginRebuild({.codes = CodeFormat::kSq4});
  for (int change = 0; index_->rebuild_progress().has_value() || change < 300; ++change) {
    const size_t number = random_() % kDocuments;
    if (change % 5 == 0 && vectors_.contains(number)) {
      Remove(number);
    } else {
      Put(number, number + 1);
    }
    if (change % 50 == 0) {
      ASSERT_THAT(index_->WriteCheckpoint(), IsOk());
    }
  }
  EXPECT_EQ(index_->rebuild_failure(), "");
  EXPECT_EQ(index_->kind(), kind_);
  EXPECT_EQ(kind_.codes, CodeFormat::kSq4);
  ExpectIndexIsTheStore(7);
  Restart();
  ExpectIndexIsTheStore(7);
}

TEST_F(CollectionIndexConcurrencyTest, ChangesAndSearchesBesideWhatSettlesMissNothing) {
  RestartSettling();
  std::atomic<bool> writing{true};
  std::atomic<size_t> unseen{0};
  // Nobody changes the first thousand of them.
  std::thread searcher([&, vectors = vectors_, labels = labels_] {
    for (size_t step = 0; writing; ++step) {
      const size_t number = kDocuments + step % 1'000;
      const auto answer = index_->Get()->Search(vectors.at(number), {.k = 1, .exact = true});
      const bool is_seen = answer.ok() && !answer->neighbors.empty() &&
                           answer->neighbors.front().label == labels.at(number);
      if (!is_seen) ++unseen;
    }
  });
  for (int change = 0; change < 400; ++change) {
    const size_t number =
        change % 2 == 0 ? random_() % kDocuments : kDocuments + 1'000 + static_cast<size_t>(change);
    if (change % 5 == 0 && vectors_.contains(number)) {
      Remove(number);
    } else {
      Put(number, number + 1);
    }
  }
  writing = false;
  searcher.join();
  EXPECT_EQ(unseen, 0u);
  AwaitSettled();
  ExpectIndexIsTheStore(7);
  Restart();
  ExpectIndexIsTheStore(7);
}

// Writes to a scan cost next to nothing, those to a graph a search each: the rebuild is behind for
// as long as nobody slows the writers.
TEST_F(CollectionIndexConcurrencyTest, ARebuildEndsBesideWritersThatAreFasterThanIt) {
  kind_ = {.engine = IndexEngine::kFlat};
  m_ = 32;
  ef_construction_ = 100;
  Restart();
  Put(0, kDocuments);
  BeginRebuild({});
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::minutes(5);
  while (index_->rebuild_progress().has_value()) {
    ASSERT_LT(std::chrono::steady_clock::now(), give_up);
    Put(0, kDocuments);
  }
  EXPECT_EQ(index_->rebuild_failure(), "");
  EXPECT_EQ(index_->kind(), kind_);
  ExpectIndexIsTheStore(7);
}

}  // namespace
}  // namespace simile

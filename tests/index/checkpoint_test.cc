// A graph that is written to its files and taken up again.
#include <gmock/gmock.h>
#include <sys/resource.h>

#include <csignal>
#include <fstream>

#include "index/auto_index.h"
#include "tests/index/checkpoint_fixture.h"

namespace simile {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

using CheckpointTest = CheckpointFixture;

TEST_F(CheckpointTest, ARestoredGraphAnswersAsTheOneThatWasWritten) {
  const SeededVectors vectors(2'000, kDimension, 1);
  const auto index = NewIndex();
  Put(*index, vectors, 0, vectors.size());
  ASSERT_THAT(index->Checkpoint(77), IsOk());
  const auto restored = Open();
  ASSERT_THAT(restored, IsOk());
  EXPECT_EQ(restored->sequence, 77u);
  EXPECT_EQ(restored->index->Statistics().vector_count, vectors.size());
  for (size_t at = 0; at < 200; ++at) {
    const SearchAnswer before = Searched(*index, vectors[at]);
    const SearchAnswer after = Searched(*restored->index, vectors[at]);
    EXPECT_EQ(after.strategy, SearchStrategy::kGraph);
    EXPECT_EQ(LabelsOf(after), LabelsOf(before));
  }
}

TEST_F(CheckpointTest, EveryKindOfCodesComesBack) {
  const SeededVectors vectors(500, kDimension, 1);
  for (const CodeFormat codes : {CodeFormat::kSq8, CodeFormat::kSq4, CodeFormat::kFloat32}) {
    IndexSettings settings = Settings();
    settings.codes = codes;
    const auto index = NewHnswIndex(settings, codes);
    Put(*index, vectors, 0, vectors.size());
    ASSERT_THAT(index->Checkpoint(1), IsOk());
    const auto restored = HnswIndex::Open(settings, 1);
    ASSERT_THAT(restored, IsOk());
    EXPECT_EQ(LabelsOf(Searched(*restored->index, vectors[3])),
              LabelsOf(Searched(*index, vectors[3])));
  }
}

TEST_F(CheckpointTest, WhatWasRemovedStaysRemovedAndItsPlaceIsUsedAgain) {
  const SeededVectors vectors(3'000, kDimension, 1);
  const auto index = NewIndex();
  Put(*index, vectors, 0, 1'000);
  for (uint64_t label = 0; label < 300; ++label) ASSERT_TRUE(index->Remove(label));
  ASSERT_THAT(index->Checkpoint(1), IsOk());
  auto restored = Open();
  ASSERT_THAT(restored, IsOk());
  VectorIndex& taken_up = *restored->index;
  EXPECT_EQ(taken_up.Statistics().vector_count, 700u);
  EXPECT_FALSE(taken_up.Remove(7));
  EXPECT_TRUE(taken_up.Remove(700));
  Put(taken_up, vectors, 1'000, 2'000);
  EXPECT_EQ(taken_up.Statistics().vector_count, 2'699u);
  size_t found = 0;
  for (size_t at = 1'000; at < 3'000; ++at) {
    found += Searched(taken_up, vectors[at]).neighbors.front().label == at ? 1 : 0;
  }
  EXPECT_GE(found, 1'990u);
  // Repair has freed the dead that came with the files.
  EXPECT_LT(taken_up.Statistics().removed_count, 300u);
}

TEST_F(CheckpointTest, ChangesAfterItAreNotThereAndCanBeMadeAgain) {
  const SeededVectors vectors(1'200, kDimension, 1);
  auto index = NewIndex();
  Put(*index, vectors, 0, 1'000);
  ASSERT_THAT(index->Checkpoint(1), IsOk());
  const auto change = [&vectors](VectorIndex& changed) {
    Put(changed, vectors, 1'000, 200);
    for (uint64_t label = 0; label < 400; ++label) changed.Remove(label);
    for (size_t label = 400; label < 500; ++label) {
      ASSERT_THAT(changed.Upsert(label, vectors[label - 400]), IsOk());
    }
    // Enough writes for repair to free places, whose vectors in the file are written over.
    for (size_t round = 0; round < 3; ++round) Put(changed, vectors, 600, 400);
  };
  change(*index);
  index.reset();
  auto restored = Open();
  ASSERT_THAT(restored, IsOk());
  EXPECT_LE(restored->index->Statistics().vector_count, 1'000u);
  change(*restored->index);
  EXPECT_EQ(restored->index->Statistics().vector_count, 800u);
  for (size_t label = 400; label < 1'200; ++label) {
    EXPECT_TRUE(Has(*restored->index, label, vectors[label < 500 ? label - 400 : label])) << label;
  }
}

TEST_F(CheckpointTest, OnlyChunksThatChangedAreWritten) {
  constexpr size_t kSlots = 65'536 + 100;
  IndexSettings settings = Settings();
  settings.m = 2;
  settings.ef_construction = 8;
  const SeededVectors vectors(kSlots, kDimension, 1);
  const auto index = NewHnswIndex(settings, CodeFormat::kSq8);
  Put(*index, vectors, 0, kSlots);
  const auto first = index->Checkpoint(1);
  ASSERT_THAT(first, IsOk());
  EXPECT_EQ(first->chunks_written, 2u);
  const std::vector<std::string> files = FilesOf("slots-");
  ASSERT_TRUE(index->Remove(kSlots - 1));
  const auto second = index->Checkpoint(2);
  ASSERT_THAT(second, IsOk());
  EXPECT_EQ(second->chunks_written, 1u);
  EXPECT_LT(second->bytes_written, first->bytes_written / 100);
  EXPECT_THAT(FilesOf("slots-"), SizeIs(2)) << "the old one of the chunk is removed";
  EXPECT_EQ(index->Checkpoint(3)->chunks_written, 0u);
  const auto restored = HnswIndex::Open(settings, 2);
  ASSERT_THAT(restored, IsOk());
  EXPECT_EQ(restored->sequence, 3u);
  EXPECT_EQ(restored->index->Statistics().vector_count, kSlots - 1);
}

TEST_F(CheckpointTest, FilesOfAnotherIndexAreRefused) {
  const auto index = NewIndex();
  Put(*index, SeededVectors(100, kDimension, 1), 0, 100);
  ASSERT_THAT(index->Checkpoint(1), IsOk());
  const auto refused = StatusIs(absl::StatusCode::kFailedPrecondition, "it is of another index");
  for (const auto& change : std::vector<void (*)(IndexSettings&)>{
           [](IndexSettings& settings) { settings.identity = 7; },
           [](IndexSettings& settings) { settings.dimension = 8; },
           [](IndexSettings& settings) { settings.metric = Metric::kCosine; },
           [](IndexSettings& settings) { settings.codes = CodeFormat::kSq4; },
           [](IndexSettings& settings) { settings.m = 9; }}) {
    IndexSettings settings = Settings();
    change(settings);
    EXPECT_THAT(HnswIndex::Open(settings, 1), refused);
  }
  EXPECT_THAT(Open(), IsOk());
}

TEST_F(CheckpointTest, WithoutACheckpointThereIsNone) {
  EXPECT_THAT(Open(), StatusIs(absl::StatusCode::kNotFound, "MANIFEST"));
  const auto index = NewIndex();
  Put(*index, SeededVectors(100, kDimension, 1), 0, 100);
  EXPECT_THAT(Open(), StatusIs(absl::StatusCode::kNotFound, "MANIFEST"));
}

TEST_F(CheckpointTest, ANewIndexRemovesWhatAnOlderLeft) {
  const auto index = NewIndex();
  Put(*index, SeededVectors(100, kDimension, 1), 0, 100);
  ASSERT_THAT(index->Checkpoint(1), IsOk());
  const auto fresh = NewIndex();
  EXPECT_THAT(Open(), StatusIs(absl::StatusCode::kNotFound, "MANIFEST"));
}

TEST_F(CheckpointTest, AnIndexWithoutDirectoryKeepsNoFiles) {
  IndexSettings settings = Settings();
  settings.directory.clear();
  const auto index = NewHnswIndex(settings, CodeFormat::kSq8);
  const auto report = index->Checkpoint(1);
  ASSERT_THAT(report, IsOk());
  EXPECT_FALSE(report->is_kept);
}

TEST_F(CheckpointTest, WhereNoDirectoryCanBeMadeTheIndexWorksAndSaysWhyItIsNotKept) {
  std::ofstream(directory_.path() + "/file") << "in the way";
  IndexSettings settings = Settings();
  settings.directory = directory_.path() + "/file/index";
  const SeededVectors vectors(100, kDimension, 1);
  const auto index = NewHnswIndex(settings, CodeFormat::kSq8);
  Put(*index, vectors, 0, 100);
  EXPECT_TRUE(Has(*index, 42, vectors[42]));
  const auto report = index->Checkpoint(1);
  EXPECT_FALSE(report.ok());
  EXPECT_THAT(std::string(report.status().message()), HasSubstr(settings.directory));
}

TEST_F(CheckpointTest, WhenFilesCannotGrowTheIndexWorksAndTheLastCheckpointStays) {
  const SeededVectors vectors(9'000, kDimension, 1);
  const auto index = NewIndex();
  Put(*index, vectors, 0, 100);
  ASSERT_THAT(index->Checkpoint(5), IsOk());
  // As on a full disk: files may have what 4,096 vectors take, and no more.
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const rlimit less{.rlim_cur = 4'096 * kDimension * sizeof(float), .rlim_max = before.rlim_max};
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &less), 0);
  Put(*index, vectors, 100, 8'900);
  const auto report = index->Checkpoint(6);
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, handler);
  EXPECT_FALSE(report.ok());
  EXPECT_THAT(std::string(report.status().message()), HasSubstr("reserving"));
  EXPECT_TRUE(Has(*index, 8'999, vectors[8'999]));
  const auto restored = Open();
  ASSERT_THAT(restored, IsOk());
  EXPECT_EQ(restored->sequence, 5u);
  EXPECT_EQ(restored->index->Statistics().vector_count, 100u);
}

TEST_F(CheckpointTest, VectorsInFilesAreNotCountedAsMemory) {
  const SeededVectors vectors(100, kDimension, 1);
  const auto kept = NewIndex();
  IndexSettings settings = Settings();
  settings.directory.clear();
  const auto unkept = NewHnswIndex(settings, CodeFormat::kSq8);
  Put(*kept, vectors, 0, 100);
  Put(*unkept, vectors, 0, 100);
  const IndexMemory mapped = kept->Statistics().memory;
  const IndexMemory in_memory = unkept->Statistics().memory;
  EXPECT_EQ(mapped.mapped, 100 * kDimension * sizeof(float));
  EXPECT_EQ(mapped.vectors, 0u);
  EXPECT_EQ(in_memory.vectors, mapped.mapped);
  EXPECT_EQ(in_memory.mapped, 0u);
  EXPECT_EQ(mapped.total() + in_memory.vectors, in_memory.total());
}

TEST_F(CheckpointTest, AnAutoIndexIsKeptOnceItIsAGraph) {
  const SeededVectors vectors(200, kDimension, 1);
  const auto make = [this] { return std::make_unique<AutoIndex>(Settings(), /*max=*/40); };
  {
    const auto index = make();
    Put(*index, vectors, 0, 30);
    EXPECT_FALSE(index->Checkpoint(1)->is_kept);
    Put(*index, vectors, 30, 170);
    EXPECT_TRUE(index->Checkpoint(2)->is_kept);
  }
  const auto index = make();
  const auto sequence = index->Restore(2);
  ASSERT_THAT(sequence, IsOk());
  EXPECT_EQ(*sequence, 2u);
  EXPECT_EQ(index->Statistics().vector_count, 200u);
  EXPECT_TRUE(Has(*index, 150, vectors[150]));
  Put(*index, vectors, 0, 200);
  EXPECT_EQ(index->Statistics().vector_count, 200u);
}

}  // namespace
}  // namespace simile

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "filter/metadata_index.h"

namespace simile {
namespace {

constexpr size_t kLabels = 600;
constexpr size_t kWriters = 3;

std::vector<uint64_t> NoIds(const std::vector<std::string>&) { return {}; }

Filter Equal(std::string field, int64_t value) {
  return {HasAny{.field = std::move(field), .values = {{value}}}};
}

// Both fields of a document always have the same value, and every document has both.
Metadata Twins(int64_t value) { return {{"left", {value}}, {"right", {value}}}; }

TEST(MetadataIndexConcurrencyTest, AnEvaluationSeesAllDocumentsAsTheyWereInOneMoment) {
  MetadataIndex index({});
  for (uint64_t label = 0; label < kLabels; ++label) {
    index.Publish(label, index.Stage(Twins(static_cast<int64_t>(label % 4))));
  }
  std::atomic<bool> stop{false};
  std::vector<std::thread> writers;
  for (size_t writer = 0; writer < kWriters; ++writer) {
    writers.emplace_back([&, writer] {
      for (size_t turn = 0; !stop; ++turn) {
        const uint64_t label = (turn * 7 % (kLabels / kWriters)) * kWriters + writer;
        index.Publish(label, index.Stage(Twins(static_cast<int64_t>((turn + label) % 4))));
        if (turn % 16 == 0) index.Discard(index.Stage(Twins(9)));
      }
    });
  }
  const Filter one = Equal("left", 1);
  const Filter torn{AllOf{{one, {Not{{Equal("right", 1)}}}}}};
  const Filter all{AnyOf{{one, {Not{{Equal("right", 1)}}}}}};
  const Filter staged = Equal("left", 9);
  size_t swept = 0;
  for (size_t turn = 0; turn < 400 || (swept < 3 && turn < 20'000); ++turn) {
    EXPECT_EQ(index.Evaluate(torn, NoIds).count, 0u);
    EXPECT_EQ(index.Evaluate(all, NoIds).count, kLabels);
    EXPECT_EQ(index.Evaluate(staged, NoIds).count, 0u);
    EXPECT_EQ(index.Evaluate({Not{{{FieldExists{"left"}}}}}, NoIds).count, 0u);
    if (testing::Test::HasFailure()) break;
    if (index.Statistics().dead_rows < 100) ++swept;
  }
  stop = true;
  for (std::thread& writer : writers) writer.join();
  EXPECT_GE(swept, 1u);
  EXPECT_EQ(index.Statistics().rows, kLabels);
}

TEST(MetadataIndexConcurrencyTest, DocumentsComeAndGoWhileTheStoreIsBeingRead) {
  MetadataIndex index({});
  std::thread loader([&index] {
    for (uint64_t label = 0; label < kLabels; ++label) index.Load(label, Twins(1));
    index.EndLoading();
  });
  std::thread writer([&index] {
    for (uint64_t label = 0; label < kLabels; label += 2) index.Remove(label);
    for (uint64_t label = 1; label < kLabels; label += 4) {
      index.Publish(label, index.Stage(Twins(2)));
    }
  });
  loader.join();
  writer.join();
  // What was removed after the end of loading is gone too.
  EXPECT_EQ(index.Evaluate({FieldExists{"left"}}, NoIds).count, kLabels / 2);
  EXPECT_EQ(index.Evaluate(Equal("left", 2), NoIds).count, kLabels / 4);
}

}  // namespace
}  // namespace simile

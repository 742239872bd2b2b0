// Files of a graph that are damaged in thousands of ways: the reader refuses them or finds what was
// written, and never crashes.
#include <gmock/gmock.h>

#include <fstream>
#include <functional>
#include <limits>
#include <map>
#include <random>
#include <sstream>

#include "base/crc32c.h"
#include "fmt/format.h"
#include "index/checkpoint_codec.h"
#include "tests/index/checkpoint_fixture.h"

namespace simile {
namespace {

using index_internal::DecodeManifest;
using index_internal::EncodeManifest;
using index_internal::Manifest;
using index_internal::SlotsFile;
using ::testing::SizeIs;

constexpr size_t kVectors = 300;

std::string ReadAll(const std::string& path) {
  std::ostringstream content;
  content << std::ifstream(path, std::ios::binary).rdbuf();
  return content.str();
}

void WriteAll(const std::string& path, const std::string& content) {
  std::ofstream(path, std::ios::binary) << content;
}

// Damages `bytes`, which are not empty, in a way that `random` chooses.
void Damage(std::mt19937& random, std::string& bytes) {
  const std::string before = bytes;
  while (bytes == before) {
    const size_t place = random() % bytes.size();
    const size_t some = 1 + random() % 64;
    switch (random() % 5) {
      case 0:
        bytes[place] = static_cast<char>(bytes[place] ^ (1 << random() % 8));
        break;
      case 1:
        bytes[place] = static_cast<char>(random());
        break;
      case 2:
        bytes.resize(place);
        if (bytes.empty()) return;
        break;
      case 3:
        bytes.append(some, static_cast<char>(random()));
        break;
      case 4:
        for (size_t at = place; at < std::min(bytes.size(), place + some); ++at) bytes[at] = 0;
        break;
    }
  }
}

class CheckpointDamageTest : public CheckpointFixture {
 protected:
  void SetUp() override {
    const auto index = NewIndex();
    Put(*index, vectors_, 0, kVectors);
    for (uint64_t label = 0; label < 30; ++label) ASSERT_TRUE(index->Remove(label));
    ASSERT_THAT(index->Checkpoint(1), IsOk());
    manifest_ = ReadAll(PathOf("MANIFEST"));
    ASSERT_THAT(FilesOf("slots-"), SizeIs(1));
    slots_name_ = FilesOf("slots-").front();
    slots_ = ReadAll(PathOf(slots_name_));
    components_ = ReadAll(PathOf(kVectorsName));
    ASSERT_FALSE(components_.empty());
  }

  // Puts everything back as it was written.
  void Mend() const {
    WriteAll(PathOf("MANIFEST"), manifest_);
    WriteAll(PathOf(slots_name_), slots_);
    WriteAll(PathOf(kVectorsName), components_);
  }

  // What a graph says that was taken up: vectors it has are the right ones, walks end.
  void ExpectNothingWrong(const VectorIndex& index) const {
    const size_t count = index.Statistics().vector_count;
    ASSERT_LE(count, kVectors - 30);
    size_t found = 0;
    for (size_t at = 0; at < kVectors; ++at) {
      const SearchAnswer answer = Searched(index, vectors_[at], /*exact=*/true);
      if (answer.neighbors.empty() || answer.neighbors.front().distance != 0) continue;
      ASSERT_EQ(answer.neighbors.front().label, at);
      ++found;
    }
    ASSERT_EQ(found, count) << "a vector that is not the one that was put";
    Searched(index, vectors_[1]);
  }

  // Sets the file of slots and a manifest that knows its checksum.
  void WriteAsIfIntended(std::string slots) const {
    const std::string body = slots.substr(0, slots.size() - sizeof(uint32_t));
    const uint32_t checksum = Crc32c(body);
    slots = body + std::string(reinterpret_cast<const char*>(&checksum), sizeof(checksum));
    Manifest manifest = *DecodeManifest(manifest_);
    SlotsFile& file = manifest.chunks.front();
    file.bytes = slots.size();
    file.checksum = Crc32c(slots);
    WriteAll(PathOf("MANIFEST"), EncodeManifest(manifest));
    WriteAll(PathOf(slots_name_), slots);
  }

  static constexpr char kVectorsName[] = "vectors-00000";

  const SeededVectors vectors_{kVectors, kDimension, 1};
  std::string manifest_, slots_name_, slots_, components_;
};

TEST_F(CheckpointDamageTest, ADamagedManifestOrFileOfSlotsIsRefused) {
  std::mt19937 random(1);
  for (int round = 0; round < 2'000; ++round) {
    const bool is_manifest = round % 2 == 0;
    std::string bytes = is_manifest ? manifest_ : slots_;
    Damage(random, bytes);
    WriteAll(PathOf(is_manifest ? "MANIFEST" : slots_name_), bytes);
    const auto restored = Open();
    ASSERT_THAT(restored, StatusIs(absl::StatusCode::kDataLoss, Settings().directory)) << round;
    Mend();
  }
  ASSERT_THAT(Open(), IsOk());
}

TEST_F(CheckpointDamageTest, ADamagedVectorIsMissingAndNeverWrong) {
  std::mt19937 random(2);
  const size_t used_bytes = kVectors * kDimension * sizeof(float);
  size_t short_count = 0;
  for (int round = 0; round < 1'000; ++round) {
    std::string bytes = components_.substr(0, used_bytes);
    Damage(random, bytes);
    bytes.resize(std::max(bytes.size(), used_bytes), '\0');
    WriteAll(PathOf(kVectorsName), bytes);
    const auto restored = Open();
    ASSERT_THAT(restored, IsOk()) << round;
    short_count += restored->index->Statistics().vector_count < kVectors - 30 ? 1 : 0;
    if (round % 20 == 0) ExpectNothingWrong(*restored->index);
    Mend();
  }
  // The rest hit what lies behind the vectors, or the vector of a place that is dead.
  EXPECT_GT(short_count, 600u);
}

TEST_F(CheckpointDamageTest, NonsenseWithTheRightChecksumIsRefusedOrHarmless) {
  std::mt19937 random(3);
  size_t taken = 0;
  for (int round = 0; round < 3'000; ++round) {
    std::string bytes = slots_;
    for (size_t changes = 1 + random() % 4; changes > 0; --changes) Damage(random, bytes);
    if (bytes.size() < sizeof(uint32_t)) continue;
    WriteAsIfIntended(bytes);
    auto restored = Open();
    if (restored.ok()) {
      ++taken;
      Searched(*restored->index, vectors_[1]);
      Put(*restored->index, vectors_, 0, 20);
      for (uint64_t label = 100; label < 120; ++label) restored->index->Remove(label);
    }
    Mend();
  }
  EXPECT_GT(taken, 100u) << "the test no longer gets behind the first check";
}

TEST_F(CheckpointDamageTest, ManifestsOfNonsenseWithTheRightChecksumAreRefusedOrHarmless) {
  std::mt19937 random(4);
  for (int round = 0; round < 2'000; ++round) {
    std::string bytes = manifest_.substr(0, manifest_.size() - sizeof(uint32_t));
    Damage(random, bytes);
    const uint32_t checksum = Crc32c(bytes);
    WriteAll(PathOf("MANIFEST"),
             bytes + std::string(reinterpret_cast<const char*>(&checksum), sizeof(checksum)));
    const auto restored = Open();
    if (restored.ok()) Searched(*restored->index, vectors_[1]);
    Mend();
  }
}

TEST_F(CheckpointDamageTest, AMissingFileOrOneOfAnotherCheckpointIsRefused) {
  std::filesystem::remove(PathOf(slots_name_));
  EXPECT_THAT(Open(), StatusIs(absl::StatusCode::kDataLoss, slots_name_));
  Mend();
  {
    auto restored = Open();
    ASSERT_THAT(restored, IsOk());
    Put(*restored->index, vectors_, 0, 30);
    ASSERT_THAT(restored->index->Checkpoint(2), IsOk());
  }
  const std::string newer = FilesOf("slots-").front();
  ASSERT_NE(newer, slots_name_);
  WriteAll(PathOf(newer), slots_);
  EXPECT_THAT(Open(), StatusIs(absl::StatusCode::kDataLoss, "is not the file that MANIFEST names"));
}

TEST_F(CheckpointDamageTest, FilesOfANewerOrOlderProgramAreRefusedByTheirVersion) {
  for (const int version : {1, 2, 4}) {
    std::string bytes = manifest_.substr(0, manifest_.size() - sizeof(uint32_t));
    bytes[8] = static_cast<char>(version);
    const uint32_t checksum = Crc32c(bytes);
    WriteAll(PathOf("MANIFEST"),
             bytes + std::string(reinterpret_cast<const char*>(&checksum), sizeof(checksum)));
    EXPECT_THAT(Open(), StatusIs(absl::StatusCode::kFailedPrecondition,
                                 fmt::format("it has version {}; this program knows 3", version)));
  }
}

TEST_F(CheckpointDamageTest, AScaleThatNoTrainingGivesIsRefused) {
  auto manifest = index_internal::DecodeManifest(manifest_);
  ASSERT_THAT(manifest, IsOk());
  for (const float share : {-0.1f, 1.0f, std::numeric_limits<float>::quiet_NaN()}) {
    index_internal::Manifest wrong = *manifest;
    wrong.clipped_share = share;
    EXPECT_THAT(index_internal::DecodeManifest(index_internal::EncodeManifest(wrong)),
                StatusIs(absl::StatusCode::kDataLoss, "share that is clipped"));
  }
  EXPECT_EQ(manifest->clipped_share, 1e-5f);
}

TEST_F(CheckpointDamageTest, AFileOfVectorsThatWasCutOrIsGoneOnlyCostsItsVectors) {
  for (const size_t bytes : {size_t{0}, size_t{1}, kDimension * sizeof(float) * 100}) {
    std::filesystem::resize_file(PathOf(kVectorsName), bytes);
    const auto restored = Open();
    ASSERT_THAT(restored, IsOk());
    ExpectNothingWrong(*restored->index);
    EXPECT_LT(restored->index->Statistics().vector_count, 100u);
    Mend();
  }
  std::filesystem::remove(PathOf(kVectorsName));
  const auto restored = Open();
  ASSERT_THAT(restored, IsOk());
  EXPECT_EQ(restored->index->Statistics().vector_count, 0u);
}

}  // namespace
}  // namespace simile

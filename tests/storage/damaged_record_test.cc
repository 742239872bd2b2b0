#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "base/byte_writer.h"
#include "fmt/format.h"
#include "storage/catalog_codec.h"
#include "storage/document_codec.h"
#include "tests/storage/record_samples.h"
#include "tests/support/status_matchers.h"

namespace simile {
namespace {

constexpr absl::StatusCode kDataLoss = absl::StatusCode::kDataLoss;

// Document record with one metadata value, given as its bytes.
std::string DocumentWithValue(const std::string& value) {
  ByteWriter body;
  body.Put(uint64_t{1});
  body.Put(uint8_t{1});
  body.Put(uint8_t{0});
  body.Put(uint32_t{0});
  body.PutString("id");
  body.PutString("text");
  body.Put(uint32_t{1});
  body.PutString("key");
  body.PutRaw(value);
  return SealRecord(RecordKind::kDocument, body.bytes());
}

TEST(DamagedRecordTest, EveryFlippedBitIsDataLoss) {
  for (const RecordSample& sample : RecordSamples()) {
    ASSERT_THAT(sample.decode(sample.record), IsOk()) << sample.name;
    for (size_t bit = 0; bit < sample.record.size() * 8; ++bit) {
      std::string damaged = sample.record;
      damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
      ASSERT_THAT(sample.decode(damaged), StatusIs(kDataLoss, ""))
          << sample.name << ", bit " << bit;
    }
  }
}

TEST(DamagedRecordTest, EveryTruncationIsDataLoss) {
  for (const RecordSample& sample : RecordSamples()) {
    for (size_t size = 0; size < sample.record.size(); ++size) {
      EXPECT_THAT(sample.decode(sample.record.substr(0, size)), StatusIs(kDataLoss, ""))
          << sample.name << ", " << size << " bytes";
    }
  }
}

TEST(DamagedRecordTest, ABodyCutShortIsDataLossUnderARightChecksum) {
  for (const RecordSample& sample : RecordSamples()) {
    const std::string body = BodyOf(sample.record);
    for (size_t size = 0; size < body.size(); ++size) {
      EXPECT_THAT(sample.decode(Reseal(sample, body.substr(0, size))),
                  StatusIs(kDataLoss, "does not parse"))
          << sample.name << ", " << size << " bytes";
    }
  }
}

TEST(DamagedRecordTest, ABodyWithAByteTooManyIsDataLoss) {
  for (const RecordSample& sample : RecordSamples()) {
    EXPECT_THAT(sample.decode(Reseal(sample, BodyOf(sample.record) + "x")),
                StatusIs(kDataLoss, "does not parse"))
        << sample.name;
  }
}

TEST(DamagedRecordTest, RandomBodiesNeverCrash) {
  constexpr uint64_t kSeed = 20261125;
  std::mt19937_64 random(kSeed);
  for (const RecordSample& sample : RecordSamples()) {
    for (int round = 0; round < 3'000; ++round) {
      std::string body(random() % 200, '\0');
      for (char& c : body) c = static_cast<char>(random());
      const absl::Status decoded = sample.decode(Reseal(sample, body));
      ASSERT_TRUE(decoded.ok() || decoded.code() == kDataLoss)
          << sample.name << ", seed " << kSeed << ", round " << round << ": " << decoded;
    }
  }
}

TEST(DamagedRecordTest, ChangedBodiesNeverCrash) {
  constexpr uint64_t kSeed = 3720;
  std::mt19937_64 random(kSeed);
  for (const RecordSample& sample : RecordSamples()) {
    for (int round = 0; round < 3'000; ++round) {
      std::string body = BodyOf(sample.record);
      for (uint64_t change = random() % 4; change < 4; ++change) {
        // Small numbers are the tags and lengths that lead deepest into the decoder.
        const bool small = random() % 2 == 0;
        body[random() % body.size()] = static_cast<char>(small ? random() % 9 : random());
      }
      const absl::Status decoded = sample.decode(Reseal(sample, body));
      ASSERT_TRUE(decoded.ok() || decoded.code() == kDataLoss)
          << sample.name << ", seed " << kSeed << ", round " << round << ": " << decoded;
    }
  }
}

TEST(DamagedRecordTest, AVersionOfTheFutureOrOfNoTimeIsRefused) {
  for (const RecordSample& sample : RecordSamples()) {
    const auto kind = static_cast<uint8_t>(sample.kind);
    const uint8_t newest = RecordVersion(sample.kind);
    EXPECT_THAT(sample.decode(SealAs(kind, newest + 1, BodyOf(sample.record))),
                StatusIs(kDataLoss, fmt::format("the record has version {}; this program knows 1 "
                                                "to {}",
                                                newest + 1, newest)))
        << sample.name;
    EXPECT_THAT(sample.decode(SealAs(kind, 0, BodyOf(sample.record))),
                StatusIs(kDataLoss, "the record has version 0"))
        << sample.name;
  }
}

TEST(DamagedRecordTest, ABodyOfAnotherVersionDoesNotParse) {
  const std::vector<RecordSample> samples = RecordSamples();
  const auto sample = [&samples](const std::string& name) {
    return BodyOf(std::ranges::find(samples, name, &RecordSample::name)->record);
  };
  EXPECT_THAT(DecodeCollection(SealAs(1, 2, sample("collection, version 1"))),
              StatusIs(kDataLoss, "does not parse"));
  EXPECT_THAT(DecodeCollection(SealAs(1, 1, sample("collection"))),
              StatusIs(kDataLoss, "does not parse"));
}

TEST(DamagedRecordTest, ARecordOfAnotherKindIsRefused) {
  for (const RecordSample& sample : RecordSamples()) {
    for (uint8_t kind = 0; kind < 10; ++kind) {
      if (kind == static_cast<uint8_t>(sample.kind)) continue;
      EXPECT_THAT(sample.decode(SealAs(kind, sample.version, BodyOf(sample.record))),
                  StatusIs(kDataLoss, "the record is of kind " + std::to_string(kind)))
          << sample.name;
    }
  }
}

TEST(DamagedRecordTest, ListsDeeperThanTheLimitAreRefused) {
  StoredDocument document{.id = "deep"};
  document.metadata["key"] = NestedLists(kMetadataDepthMax + 1);
  EXPECT_THAT(DecodeDocument(EncodeDocument(document)), StatusIs(kDataLoss, "does not parse"));
}

TEST(DamagedRecordTest, AMillionNestedListsAreRefusedWithoutUsingUpTheStack) {
  ByteWriter lists;
  for (int depth = 0; depth < 1'000'000; ++depth) {
    lists.Put(uint8_t{8});
    lists.Put(uint32_t{1});
  }
  EXPECT_THAT(DecodeDocument(DocumentWithValue(lists.bytes())),
              StatusIs(kDataLoss, "does not parse"));
}

TEST(DamagedRecordTest, AMetadataTagOfTheFutureIsRefused) {
  EXPECT_THAT(DecodeDocument(DocumentWithValue("\x01")), IsOk());
  for (int tag = 9; tag < 256; ++tag) {
    const std::string value(1, static_cast<char>(tag));
    EXPECT_THAT(DecodeDocument(DocumentWithValue(value)), StatusIs(kDataLoss, "does not parse"))
        << tag;
  }
}

TEST(DamagedRecordTest, AVectorSourceOfTheFutureIsRefused) {
  std::string body = BodyOf(EncodeDocument(SampleDocument()));
  for (const char source : {'\x00', '\x03', '\xFF'}) {
    body[8] = source;
    EXPECT_THAT(DecodeDocument(SealRecord(RecordKind::kDocument, body)),
                StatusIs(kDataLoss, "does not parse"));
  }
}

TEST(DamagedRecordTest, AVectorOfAnotherNumberTypeIsRefused) {
  std::string body = BodyOf(EncodeVector(std::vector<float>{1, 2}));
  body[0] = 2;
  EXPECT_THAT(DecodeVector(SealRecord(RecordKind::kVector, body)),
              StatusIs(kDataLoss, "does not parse"));
}

}  // namespace
}  // namespace simile

#include <gtest/gtest.h>

#include <bit>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "storage/catalog_codec.h"
#include "storage/document_codec.h"
#include "tests/storage/record_samples.h"
#include "tests/support/status_matchers.h"

namespace simile {
namespace {

using ::testing::ElementsAre;

constexpr uint64_t kUint64Max = std::numeric_limits<uint64_t>::max();
constexpr uint32_t kUint32Max = std::numeric_limits<uint32_t>::max();

// The only value of a document's metadata after encoding and decoding.
Value RoundTrip(Value value) {
  StoredDocument document{.id = "d"};
  document.metadata["key"] = std::move(value);
  const auto decoded = DecodeDocument(EncodeDocument(document));
  EXPECT_THAT(decoded, IsOk());
  return decoded.ok() ? decoded->metadata.at("key") : Value{};
}

TEST(CodecTest, ACollectionComesBackAsItWas) {
  const auto decoded = DecodeCollection(EncodeCollection(SampleCollection()));
  ASSERT_THAT(decoded, IsOk());
  EXPECT_EQ(*decoded, SampleCollection());
}

TEST(CodecTest, ACollectionOfVersion1HasThePromptsOfItsModelAndNoPrecision) {
  const auto samples = RecordSamples();
  const auto old = std::ranges::find(samples, "collection, version 1", &RecordSample::name);
  const auto decoded = DecodeCollection(old->record);
  ASSERT_THAT(decoded, IsOk());
  EXPECT_EQ(*decoded, SampleCollectionOfVersion1());
  EXPECT_EQ(decoded->query_prompt, std::nullopt);
}

TEST(CodecTest, AnEmptyPromptIsNotAMissingOne) {
  CollectionRecord record;
  record.query_prompt = "";
  const auto decoded = DecodeCollection(EncodeCollection(record));
  ASSERT_THAT(decoded, IsOk());
  EXPECT_EQ(*decoded, record);
}

TEST(CodecTest, AnEmptyCollectionComesBackAsItWas) {
  const auto decoded = DecodeCollection(EncodeCollection({}));
  ASSERT_THAT(decoded, IsOk());
  EXPECT_EQ(*decoded, CollectionRecord{});
}

TEST(CodecTest, EveryNumberOfACollectionKeepsAllItsBits) {
  const CollectionRecord extreme{.id = kUint32Max,
                                 .dimension = kUint32Max,
                                 .metric = kUint32Max - 1,
                                 .index_engine = kUint32Max - 2,
                                 .index_m = kUint32Max - 3,
                                 .index_ef_construction = kUint32Max - 4,
                                 .index_ef_search = kUint32Max - 5,
                                 .created_unix_ms = std::numeric_limits<int64_t>::min()};
  const auto decoded = DecodeCollection(EncodeCollection(extreme));
  ASSERT_THAT(decoded, IsOk());
  EXPECT_EQ(*decoded, extreme);
}

TEST(CodecTest, CountersComeBackAsTheyWere) {
  const auto decoded = DecodeCounters(EncodeCounters({.next_label = kUint64Max,
                                                      .document_count = kUint64Max - 1,
                                                      .last_sequence = kUint64Max - 2}));
  ASSERT_THAT(decoded, IsOk());
  EXPECT_EQ(decoded->next_label, kUint64Max);
  EXPECT_EQ(decoded->document_count, kUint64Max - 1);
  EXPECT_EQ(decoded->last_sequence, kUint64Max - 2);
}

TEST(CodecTest, TheStateComesBackAsItWas) {
  const auto decoded = DecodeStoreState(
      EncodeStoreState({.last_sequence = kUint64Max, .next_collection_id = kUint32Max}));
  ASSERT_THAT(decoded, IsOk());
  EXPECT_EQ(decoded->last_sequence, kUint64Max);
  EXPECT_EQ(decoded->next_collection_id, kUint32Max);
}

TEST(CodecTest, IngestProgressComesBackAsItWas) {
  const auto decoded = DecodeIngestProgress(EncodeIngestProgress(
      {.items_handled = kUint64Max, .updated_unix_s = std::numeric_limits<int64_t>::min()}));
  ASSERT_THAT(decoded, IsOk());
  EXPECT_EQ(decoded->items_handled, kUint64Max);
  EXPECT_EQ(decoded->updated_unix_s, std::numeric_limits<int64_t>::min());
}

TEST(CodecTest, ALabelComesBackAsItWas) {
  for (const uint64_t label : {uint64_t{0}, uint64_t{1}, uint64_t{1} << 32, kUint64Max}) {
    const auto decoded = DecodeLabel(EncodeLabel(label));
    ASSERT_THAT(decoded, IsOk());
    EXPECT_EQ(*decoded, label);
  }
}

TEST(CodecTest, ADocumentWithMetadataOfEveryKindComesBackAsItWas) {
  const StoredDocument document = SampleDocument();
  const auto decoded = DecodeDocument(EncodeDocument(document));
  ASSERT_THAT(decoded, IsOk());
  EXPECT_EQ(decoded->sequence, document.sequence);
  EXPECT_EQ(decoded->id, document.id);
  EXPECT_EQ(decoded->text, document.text);
  EXPECT_EQ(decoded->metadata, document.metadata);
  EXPECT_EQ(decoded->vector_source, document.vector_source);
  EXPECT_EQ(decoded->token_count, document.token_count);
  EXPECT_EQ(decoded->truncated, document.truncated);
}

TEST(CodecTest, ADocumentOfDefaultsComesBackAsItWas) {
  const auto decoded = DecodeDocument(EncodeDocument({}));
  ASSERT_THAT(decoded, IsOk());
  EXPECT_EQ(decoded->sequence, 0u);
  EXPECT_EQ(decoded->id, "");
  EXPECT_EQ(decoded->text, "");
  EXPECT_TRUE(decoded->metadata.empty());
  EXPECT_EQ(decoded->vector_source, VectorSource::kClient);
  EXPECT_FALSE(decoded->truncated);
}

TEST(CodecTest, ADocumentRecordHoldsNeitherLabelNorVector) {
  StoredDocument document = SampleDocument();
  const std::string without = EncodeDocument(document);
  document.label = 5;
  document.vector = {1, 2, 3};
  EXPECT_EQ(EncodeDocument(document), without);
}

TEST(CodecTest, TextKeepsBytesThatAreNotText) {
  const std::string bytes("\x00\xff\n\"\x80", 5);
  const auto decoded = DecodeDocument(EncodeDocument({.id = bytes, .text = bytes}));
  ASSERT_THAT(decoded, IsOk());
  EXPECT_EQ(decoded->id, bytes);
  EXPECT_EQ(decoded->text, bytes);
}

TEST(CodecTest, AnInt64KeepsAllItsBits) {
  for (const int64_t number : {std::numeric_limits<int64_t>::min(), int64_t{-1}, int64_t{0},
                               (int64_t{1} << 53) + 1, std::numeric_limits<int64_t>::max()}) {
    EXPECT_EQ(RoundTrip(Value{number}), Value{number});
  }
}

TEST(CodecTest, ADoubleKeepsAllItsBits) {
  // A quiet NaN with a payload of its own, which a conversion would lose.
  const auto odd_nan = std::bit_cast<double>(uint64_t{0x7FF8'0000'DEAD'BEEF});
  for (const double number : {odd_nan, -0.0, std::numeric_limits<double>::denorm_min(),
                              -std::numeric_limits<double>::infinity()}) {
    const Value back = RoundTrip(Value{number});
    ASSERT_TRUE(std::holds_alternative<double>(back.kind));
    EXPECT_EQ(std::bit_cast<uint64_t>(std::get<double>(back.kind)),
              std::bit_cast<uint64_t>(number));
  }
}

TEST(CodecTest, ListsComeBackAsDeepAsTheyMayBe) {
  const Value deepest = NestedLists(kMetadataDepthMax);
  EXPECT_EQ(RoundTrip(deepest), deepest);
}

TEST(CodecTest, AVectorKeepsAllItsBits) {
  const std::vector<float> vector = {0.1f, -0.0f, std::bit_cast<float>(0x7FC0BEEFu),
                                     std::numeric_limits<float>::denorm_min()};
  const auto decoded = DecodeVector(EncodeVector(vector));
  ASSERT_THAT(decoded, IsOk());
  std::vector<uint32_t> bits;
  for (const float component : *decoded) bits.push_back(std::bit_cast<uint32_t>(component));
  EXPECT_THAT(bits, ElementsAre(0x3DCCCCCDu, 0x80000000u, 0x7FC0BEEFu, 0x00000001u));
}

TEST(CodecTest, AVectorWithoutComponentsComesBackAsItWas) {
  const auto decoded = DecodeVector(EncodeVector({}));
  ASSERT_THAT(decoded, IsOk());
  EXPECT_TRUE(decoded->empty());
}

}  // namespace
}  // namespace simile

#include "tests/storage/record_samples.h"

#include <limits>
#include <utility>

#include "base/byte_writer.h"
#include "base/crc32c.h"
#include "storage/catalog_codec.h"
#include "storage/document_codec.h"

namespace simile {

CollectionRecord SampleCollectionOfVersion1() {
  return {.id = 0x01020304,
          .name = "texts",
          .model_name = "mini",
          .model_fingerprint = "beef",
          .dimension = 384,
          .metric = 1,
          .index_engine = 2,
          .index_m = 16,
          .index_ef_construction = 200,
          .index_ef_search = 64,
          .created_unix_ms = -2};
}

CollectionRecord SampleCollection() {
  CollectionRecord record = SampleCollectionOfVersion1();
  record.query_prompt = "find: ";
  record.model_precision = "bfloat16";
  record.index_codes = 2;
  record.filter_fields = {"genre", "author.name"};
  return record;
}

StoredDocument SampleDocument() {
  StoredDocument document{.sequence = 0x0102030405060708,
                          .id = "d1",
                          .text = "hi",
                          .vector_source = VectorSource::kEncoder,
                          .token_count = 7,
                          .truncated = true};
  document.metadata["a"] = Value{Null{}};
  document.metadata["b"] = Value{false};
  document.metadata["c"] = Value{true};
  document.metadata["d"] = Value{std::numeric_limits<int64_t>::min()};
  document.metadata["e"] = Value{1.5};
  document.metadata["f"] = Value{std::string("Zürich")};
  document.metadata["g"] = Value{Bytes{std::string("\x00\xff", 2)}};
  document.metadata["h"] = Value{Timestamp{.seconds = -1, .nanos = 999'999'999}};
  document.metadata["i"] = Value{ValueList{Value{int64_t{1}}, Value{ValueList{Value{Null{}}}}}};
  document.metadata["j"] =
      Value{ValueMap{{"k", Value{ValueList{Value{ValueMap{}}}}}, {"", Value{true}}}};
  return document;
}

std::vector<RecordSample> RecordSamples() {
  const std::vector<float> vector = {1, -2.5f, 0.1f};
  const auto decode_collection = [](std::string_view record) {
    return DecodeCollection(record).status();
  };
  // New versions only added to the end: a flag for each prompt, one prompt, precision, codes; then
  // the number of fields and two of them.
  const std::string collection = EncodeCollection(SampleCollection());
  const size_t added_in_2 = 1 + 4 + 6 + 1 + 4 + 8 + 4, added_in_3 = 4 + 4 + 5 + 4 + 11;
  const std::string body = BodyOf(collection);
  const std::string document = EncodeDocument(SampleDocument());
  const std::string counters =
      EncodeCounters({.next_label = 9, .document_count = 5, .last_sequence = 77});
  const auto decode_counters = [](std::string_view record) {
    return DecodeCounters(record).status();
  };
  const std::string body_of_2 = body.substr(0, body.size() - added_in_3);
  return {
      {"collection, version 1", RecordKind::kCollection, 1,
       SealAs(1, 1, body_of_2.substr(0, body_of_2.size() - added_in_2)), decode_collection},
      {"collection, version 2", RecordKind::kCollection, 2, SealAs(1, 2, body_of_2),
       decode_collection},
      {"collection", RecordKind::kCollection, 3, collection, decode_collection},
      {"counters, version 1", RecordKind::kCounters, 1,
       SealAs(2, 1, BodyOf(counters).substr(0, 2 * sizeof(uint64_t))), decode_counters},
      {"counters", RecordKind::kCounters, 2, counters, decode_counters},
      {"document, version 1", RecordKind::kDocument, 1, SealAs(3, 1, BodyOf(document)),
       [](std::string_view record) { return DecodeDocument(record).status(); }},
      {"document", RecordKind::kDocument, 2, document,
       [](std::string_view record) { return DecodeDocument(record).status(); }},
      {"vector", RecordKind::kVector, 1, EncodeVector(vector),
       [](std::string_view record) { return DecodeVector(record).status(); }},
      {"ingest progress", RecordKind::kIngestProgress, 1,
       EncodeIngestProgress({.items_handled = 1000, .updated_unix_s = 1'700'000'000}),
       [](std::string_view record) { return DecodeIngestProgress(record).status(); }},
      {"state", RecordKind::kStoreState, 1,
       EncodeStoreState({.last_sequence = 77, .next_collection_id = 3}),
       [](std::string_view record) { return DecodeStoreState(record).status(); }},
      {"changes", RecordKind::kChanges, 1, EncodeChanges(std::vector<uint64_t>{3, 0x0102030405}),
       [](std::string_view record) { return DecodeChanges(record).status(); }},
      {"forgotten changes", RecordKind::kChangesForgotten, 1, EncodeChangesForgotten(78),
       [](std::string_view record) { return DecodeChangesForgotten(record).status(); }},
      {"label", RecordKind::kLabel, 1, EncodeLabel(42),
       [](std::string_view record) { return DecodeLabel(record).status(); }},
  };
}

std::string BodyOf(const std::string& record) { return record.substr(2, record.size() - 6); }

std::string Reseal(const RecordSample& sample, std::string_view body) {
  return SealAs(static_cast<uint8_t>(sample.kind), sample.version, body);
}

std::string SealAs(uint8_t kind, uint8_t version, std::string_view body) {
  ByteWriter sealed;
  sealed.Put(kind);
  sealed.Put(version);
  sealed.PutRaw(body);
  sealed.Put(Crc32c(sealed.bytes()));
  return sealed.Take();
}

Value NestedLists(int depth) {
  Value value{ValueList{}};
  for (int level = 1; level < depth; ++level) {
    ValueList outer;
    outer.push_back(std::move(value));
    value = Value{std::move(outer)};
  }
  return value;
}

}  // namespace simile

#include "storage/catalog_codec.h"

#include "base/byte_reader.h"
#include "base/byte_writer.h"
#include "fmt/format.h"
#include "storage/record_envelope.h"

namespace simile {
namespace {

void PutOptionalString(ByteWriter& out, const std::optional<std::string>& text) {
  out.Put(static_cast<uint8_t>(text.has_value() ? 1 : 0));
  if (text.has_value()) out.PutString(*text);
}

std::optional<std::string> GetOptionalString(ByteReader& in) {
  const auto is_there = in.Get<uint8_t>();
  if (is_there > 1) in.Fail();
  if (is_there != 1) return std::nullopt;
  return std::string(in.GetString());
}

// Opens a record, lets `read` take it apart, and sees to it that nothing is missing or left.
template <typename Record, typename Read>
absl::StatusOr<Record> Decode(RecordKind kind, std::string_view sealed, const char* what,
                              Read read) {
  const absl::StatusOr<OpenedRecord> opened = OpenRecord(kind, sealed);
  if (!opened.ok()) return opened.status();
  ByteReader in(opened->body);
  Record record{};
  read(in, record, opened->version);
  if (!in.AtEnd()) return absl::DataLossError(fmt::format("the {} record does not parse", what));
  return record;
}

}  // namespace

std::string EncodeCollection(const CollectionRecord& record) {
  ByteWriter body;
  body.Put(record.id);
  body.PutString(record.name);
  body.PutString(record.model_name);
  body.PutString(record.model_fingerprint);
  body.Put(record.dimension);
  body.Put(record.metric);
  body.Put(record.index_engine);
  body.Put(record.index_m);
  body.Put(record.index_ef_construction);
  body.Put(record.index_ef_search);
  body.Put(record.created_unix_ms);
  PutOptionalString(body, record.query_prompt);
  PutOptionalString(body, record.document_prompt);
  body.PutString(record.model_precision);
  body.Put(record.index_codes);
  body.Put(static_cast<uint32_t>(record.filter_fields.size()));
  for (const std::string& field : record.filter_fields) body.PutString(field);
  return SealRecord(RecordKind::kCollection, body.bytes());
}

absl::StatusOr<CollectionRecord> DecodeCollection(std::string_view record) {
  const auto read = [](ByteReader& in, CollectionRecord& out, uint8_t version) {
    out.id = in.Get<uint32_t>();
    out.name = in.GetString();
    out.model_name = in.GetString();
    out.model_fingerprint = in.GetString();
    out.dimension = in.Get<uint32_t>();
    out.metric = in.Get<uint32_t>();
    out.index_engine = in.Get<uint32_t>();
    out.index_m = in.Get<uint32_t>();
    out.index_ef_construction = in.Get<uint32_t>();
    out.index_ef_search = in.Get<uint32_t>();
    out.created_unix_ms = in.Get<int64_t>();
    if (version < 2) return;
    out.query_prompt = GetOptionalString(in);
    out.document_prompt = GetOptionalString(in);
    out.model_precision = in.GetString();
    out.index_codes = in.Get<uint32_t>();
    if (version < 3) return;
    const auto fields = in.Get<uint32_t>();
    for (uint32_t at = 0; in.ok() && at < fields; ++at) {
      out.filter_fields.emplace_back(in.GetString());
    }
  };
  return Decode<CollectionRecord>(RecordKind::kCollection, record, "collection", read);
}

std::string EncodeCounters(const CollectionCountersRecord& counters) {
  ByteWriter body;
  body.Put(counters.next_label);
  body.Put(counters.document_count);
  body.Put(counters.last_sequence);
  return SealRecord(RecordKind::kCounters, body.bytes());
}

absl::StatusOr<CollectionCountersRecord> DecodeCounters(std::string_view record) {
  return Decode<CollectionCountersRecord>(
      RecordKind::kCounters, record, "counters",
      [](ByteReader& in, CollectionCountersRecord& out, uint8_t version) {
        out.next_label = in.Get<uint64_t>();
        out.document_count = in.Get<uint64_t>();
        if (version >= 2) out.last_sequence = in.Get<uint64_t>();
      });
}

std::string EncodeStoreState(const StoreStateRecord& state) {
  ByteWriter body;
  body.Put(state.last_sequence);
  body.Put(state.next_collection_id);
  return SealRecord(RecordKind::kStoreState, body.bytes());
}

absl::StatusOr<StoreStateRecord> DecodeStoreState(std::string_view record) {
  return Decode<StoreStateRecord>(RecordKind::kStoreState, record, "state",
                                  [](ByteReader& in, StoreStateRecord& out, uint8_t) {
                                    out.last_sequence = in.Get<uint64_t>();
                                    out.next_collection_id = in.Get<uint32_t>();
                                  });
}

std::string EncodeIngestProgress(const IngestProgressRecord& progress) {
  ByteWriter body;
  body.Put(progress.items_handled);
  body.Put(progress.updated_unix_s);
  return SealRecord(RecordKind::kIngestProgress, body.bytes());
}

absl::StatusOr<IngestProgressRecord> DecodeIngestProgress(std::string_view record) {
  return Decode<IngestProgressRecord>(RecordKind::kIngestProgress, record, "ingest progress",
                                      [](ByteReader& in, IngestProgressRecord& out, uint8_t) {
                                        out.items_handled = in.Get<uint64_t>();
                                        out.updated_unix_s = in.Get<int64_t>();
                                      });
}

std::string EncodeChanges(std::span<const uint64_t> labels) {
  ByteWriter body;
  body.Put(static_cast<uint32_t>(labels.size()));
  for (const uint64_t label : labels) body.Put(label);
  return SealRecord(RecordKind::kChanges, body.bytes());
}

absl::StatusOr<std::vector<uint64_t>> DecodeChanges(std::string_view record) {
  return Decode<std::vector<uint64_t>>(RecordKind::kChanges, record, "changes",
                                       [](ByteReader& in, std::vector<uint64_t>& out, uint8_t) {
                                         const size_t count = in.Get<uint32_t>();
                                         if (count > in.remaining() / sizeof(uint64_t))
                                           return in.Fail();
                                         for (size_t at = 0; at < count; ++at)
                                           out.push_back(in.Get<uint64_t>());
                                       });
}

std::string EncodeChangesForgotten(uint64_t sequence) {
  ByteWriter body;
  body.Put(sequence);
  return SealRecord(RecordKind::kChangesForgotten, body.bytes());
}

absl::StatusOr<uint64_t> DecodeChangesForgotten(std::string_view record) {
  return Decode<uint64_t>(RecordKind::kChangesForgotten, record, "forgotten changes",
                          [](ByteReader& in, uint64_t& out, uint8_t) { out = in.Get<uint64_t>(); });
}

std::string EncodeLabel(uint64_t label) {
  ByteWriter body;
  body.Put(label);
  return SealRecord(RecordKind::kLabel, body.bytes());
}

absl::StatusOr<uint64_t> DecodeLabel(std::string_view record) {
  return Decode<uint64_t>(RecordKind::kLabel, record, "label",
                          [](ByteReader& in, uint64_t& out, uint8_t) { out = in.Get<uint64_t>(); });
}

}  // namespace simile

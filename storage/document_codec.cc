#include "storage/document_codec.h"

#include <cstring>

#include "base/byte_reader.h"
#include "base/byte_writer.h"
#include "storage/record_envelope.h"

namespace simile {
namespace {

// Tags of metadata values. They are on disk: never change them.
enum ValueTag : uint8_t {
  kNullTag = 0,
  kFalseTag = 1,
  kTrueTag = 2,
  kInt64Tag = 3,
  kDoubleTag = 4,
  kStringTag = 5,
  kBytesTag = 6,
  kTimestampTag = 7,
  kListTag = 8,
  kMapTag = 9,
};

constexpr uint8_t kTruncatedFlag = 1;
constexpr uint8_t kFloat32Type = 1;

void PutMap(const ValueMap& map, ByteWriter& out);

void PutValue(const Value& value, ByteWriter& out) {
  struct Visitor {
    ByteWriter& out;
    void operator()(const Null&) const { out.Put(uint8_t{kNullTag}); }
    void operator()(bool flag) const { out.Put(uint8_t{flag ? kTrueTag : kFalseTag}); }
    void operator()(int64_t number) const {
      out.Put(uint8_t{kInt64Tag});
      out.Put(number);
    }
    void operator()(double number) const {
      out.Put(uint8_t{kDoubleTag});
      out.Put(number);
    }
    void operator()(const std::string& text) const {
      out.Put(uint8_t{kStringTag});
      out.PutString(text);
    }
    void operator()(const Bytes& bytes) const {
      out.Put(uint8_t{kBytesTag});
      out.PutString(bytes.data);
    }
    void operator()(const Timestamp& time) const {
      out.Put(uint8_t{kTimestampTag});
      out.Put(time.seconds);
      out.Put(time.nanos);
    }
    void operator()(const ValueList& list) const {
      out.Put(uint8_t{kListTag});
      out.Put(static_cast<uint32_t>(list.size()));
      for (const Value& item : list) PutValue(item, out);
    }
    void operator()(const ValueMap& map) const {
      out.Put(uint8_t{kMapTag});
      PutMap(map, out);
    }
  };
  std::visit(Visitor{out}, value.kind);
}

void PutMap(const ValueMap& map, ByteWriter& out) {
  out.Put(static_cast<uint32_t>(map.size()));
  for (const auto& [name, value] : map) {
    out.PutString(name);
    PutValue(value, out);
  }
}

Value GetValue(ByteReader& in, int depth);

ValueList GetList(ByteReader& in, int depth) {
  const auto size = in.Get<uint32_t>();
  // An item takes at least its tag, so a size beyond the rest is a lie.
  if (depth > kMetadataDepthMax || size > in.remaining()) in.Fail();
  ValueList list;
  for (uint32_t item = 0; in.ok() && item < size; ++item) list.push_back(GetValue(in, depth));
  return list;
}

ValueMap GetMap(ByteReader& in, int depth) {
  const auto size = in.Get<uint32_t>();
  if (depth > kMetadataDepthMax) in.Fail();
  ValueMap map;
  for (uint32_t item = 0; in.ok() && item < size; ++item) {
    std::string name(in.GetString());
    map.insert_or_assign(std::move(name), GetValue(in, depth));
  }
  return map;
}

Value GetValue(ByteReader& in, int depth) {
  switch (in.Get<uint8_t>()) {
    case kNullTag:
      return Value{Null{}};
    case kFalseTag:
      return Value{false};
    case kTrueTag:
      return Value{true};
    case kInt64Tag:
      return Value{in.Get<int64_t>()};
    case kDoubleTag:
      return Value{in.Get<double>()};
    case kStringTag:
      return Value{std::string(in.GetString())};
    case kBytesTag:
      return Value{Bytes{std::string(in.GetString())}};
    case kTimestampTag: {
      Timestamp time;
      time.seconds = in.Get<int64_t>();
      time.nanos = in.Get<int32_t>();
      return Value{time};
    }
    case kListTag:
      return Value{GetList(in, depth + 1)};
    case kMapTag:
      return Value{GetMap(in, depth + 1)};
    default:
      in.Fail();
      return Value{};
  }
}

}  // namespace

std::string EncodeDocument(const StoredDocument& document) {
  ByteWriter body;
  body.Put(document.sequence);
  body.Put(static_cast<uint8_t>(document.vector_source));
  body.Put(uint8_t{document.truncated ? kTruncatedFlag : uint8_t{0}});
  body.Put(document.token_count);
  body.PutString(document.id);
  body.PutString(document.text);
  PutMap(document.metadata, body);
  return SealRecord(RecordKind::kDocument, body.bytes());
}

absl::StatusOr<StoredDocument> DecodeDocument(std::string_view record) {
  const absl::StatusOr<OpenedRecord> opened = OpenRecord(RecordKind::kDocument, record);
  if (!opened.ok()) return opened.status();
  ByteReader in(opened->body);
  StoredDocument document;
  document.sequence = in.Get<uint64_t>();
  document.vector_source = static_cast<VectorSource>(in.Get<uint8_t>());
  document.truncated = (in.Get<uint8_t>() & kTruncatedFlag) != 0;
  document.token_count = in.Get<uint32_t>();
  document.id = in.GetString();
  document.text = in.GetString();
  document.metadata = GetMap(in, 0);
  const bool known_source = document.vector_source == VectorSource::kClient ||
                            document.vector_source == VectorSource::kEncoder;
  if (!in.AtEnd() || !known_source) {
    return absl::DataLossError("the document record does not parse");
  }
  return document;
}

std::string EncodeVector(std::span<const float> vector) {
  ByteWriter body;
  body.Put(kFloat32Type);
  body.Put(static_cast<uint32_t>(vector.size()));
  body.PutRaw({reinterpret_cast<const char*>(vector.data()), vector.size_bytes()});
  return SealRecord(RecordKind::kVector, body.bytes());
}

absl::StatusOr<std::vector<float>> DecodeVector(std::string_view record) {
  const absl::StatusOr<OpenedRecord> opened = OpenRecord(RecordKind::kVector, record);
  if (!opened.ok()) return opened.status();
  ByteReader in(opened->body);
  const auto type = in.Get<uint8_t>();
  const size_t dimension = in.Get<uint32_t>();
  if (!in.ok() || type != kFloat32Type || in.remaining() != dimension * sizeof(float)) {
    return absl::DataLossError("the vector record does not parse");
  }
  std::vector<float> vector(dimension);
  const std::string_view raw = in.GetRaw(in.remaining());
  if (!raw.empty()) std::memcpy(vector.data(), raw.data(), raw.size());
  return vector;
}

}  // namespace simile

#include "server/rpc/convert_value.h"

#include <bit>
#include <chrono>
#include <cstring>

#include "fmt/format.h"
#include "server/engine/errors.h"
#include "server/engine/limits.h"

namespace simile {
namespace {

// The bytes on the wire are little-endian, and so is every machine this runs on.
static_assert(std::endian::native == std::endian::little);

absl::StatusOr<Value> ValueFromProto(const std::string& name, const v1::Value& proto,
                                     size_t depth) {
  const std::string whose = name.empty() ? "the value" : fmt::format("metadata '{}'", name);
  switch (proto.kind_case()) {
    case v1::Value::kNullValue:
      return Value{Null{}};
    case v1::Value::kBoolValue:
      return Value{proto.bool_value()};
    case v1::Value::kInt64Value:
      return Value{int64_t{proto.int64_value()}};
    case v1::Value::kDoubleValue:
      return Value{proto.double_value()};
    case v1::Value::kStringValue:
      return Value{proto.string_value()};
    case v1::Value::kBytesValue:
      return Value{Bytes{proto.bytes_value()}};
    case v1::Value::kTimestampValue:
      return Value{Timestamp{.seconds = proto.timestamp_value().seconds(),
                             .nanos = proto.timestamp_value().nanos()}};
    case v1::Value::kListValue:
    case v1::Value::kMapValue:
      break;
    case v1::Value::KIND_NOT_SET:
      return InvalidField(name, fmt::format("{} has no value, or one of a type this "
                                            "server does not know",
                                            whose));
  }
  if (depth == kMetadataDepthLimit) {
    return InvalidField(
        name, fmt::format("{} nests lists and maps more than {} deep", whose, kMetadataDepthLimit));
  }
  if (proto.has_map_value()) {
    if (proto.map_value().fields().size() > kMetadataKeysMax) {
      return InvalidField(name,
                          fmt::format("a map in {} has {} names; at most {} are allowed", whose,
                                      proto.map_value().fields().size(), kMetadataKeysMax));
    }
    ValueMap map;
    for (const auto& [inner_name, item] : proto.map_value().fields()) {
      absl::StatusOr<Value> value = ValueFromProto(name, item, depth + 1);
      if (!value.ok()) return value.status();
      map.emplace(inner_name, *std::move(value));
    }
    return Value{std::move(map)};
  }
  ValueList list;
  list.reserve(static_cast<size_t>(proto.list_value().values_size()));
  for (const v1::Value& item : proto.list_value().values()) {
    absl::StatusOr<Value> value = ValueFromProto(name, item, depth + 1);
    if (!value.ok()) return value.status();
    list.push_back(*std::move(value));
  }
  return Value{std::move(list)};
}

void ValueToProto(const Value& value, v1::Value& proto) {
  struct Visitor {
    v1::Value& proto;
    void operator()(const Null&) const { proto.set_null_value(v1::NULL_VALUE); }
    void operator()(bool flag) const { proto.set_bool_value(flag); }
    void operator()(int64_t number) const { proto.set_int64_value(number); }
    void operator()(double number) const { proto.set_double_value(number); }
    void operator()(const std::string& text) const { proto.set_string_value(text); }
    void operator()(const Bytes& bytes) const { proto.set_bytes_value(bytes.data); }
    void operator()(const Timestamp& time) const {
      proto.mutable_timestamp_value()->set_seconds(time.seconds);
      proto.mutable_timestamp_value()->set_nanos(time.nanos);
    }
    void operator()(const ValueList& list) const {
      v1::ValueList& values = *proto.mutable_list_value();
      for (const Value& item : list) ValueToProto(item, *values.add_values());
    }
    void operator()(const ValueMap& map) const {
      MetadataMap& fields = *proto.mutable_map_value()->mutable_fields();
      for (const auto& [name, item] : map) ValueToProto(item, fields[name]);
    }
  };
  std::visit(Visitor{proto}, value.kind);
}

uint64_t Microseconds(std::chrono::nanoseconds time) {
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(time).count());
}

}  // namespace

absl::StatusOr<Value> FromProto(const v1::Value& value) { return ValueFromProto("", value, 1); }

void ToProto(const Value& value, v1::Value& proto) { ValueToProto(value, proto); }

absl::StatusOr<Metadata> FromProto(const MetadataMap& metadata) {
  if (metadata.size() > kMetadataKeysMax) {
    return InvalidField("", fmt::format("the metadata has {} names; at most {} are allowed",
                                        metadata.size(), kMetadataKeysMax));
  }
  Metadata result;
  for (const auto& [name, proto] : metadata) {
    absl::StatusOr<Value> value = ValueFromProto(name, proto, 0);
    if (!value.ok()) return value.status();
    result.emplace(name, *std::move(value));
  }
  return result;
}

void ToProto(const Metadata& metadata, MetadataMap& proto) {
  for (const auto& [name, value] : metadata) ValueToProto(value, proto[name]);
}

absl::StatusOr<std::vector<float>> FromProto(const v1::Vector& vector) {
  size_t dimension = 0;
  if (vector.data_case() == v1::Vector::kFloats) {
    dimension = static_cast<size_t>(vector.floats().values_size());
  } else if (vector.data_case() == v1::Vector::kFloat32Le) {
    const size_t bytes = vector.float32_le().size();
    if (bytes % sizeof(float) != 0) {
      return InvalidField("float32_le", fmt::format("the vector has {} bytes, which is no whole "
                                                    "number of 4-byte floats",
                                                    bytes));
    }
    dimension = bytes / sizeof(float);
  } else {
    return InvalidField("", "the vector has neither floats nor float32_le");
  }
  if (dimension > kDimensionMax) {
    return InvalidField("", fmt::format("the vector has {} dimensions; at most {} are allowed",
                                        dimension, kDimensionMax));
  }
  std::vector<float> result(dimension);
  if (dimension == 0) return result;
  const void* source = vector.data_case() == v1::Vector::kFloats
                           ? static_cast<const void*>(vector.floats().values().data())
                           : vector.float32_le().data();
  std::memcpy(result.data(), source, dimension * sizeof(float));
  return result;
}

std::string FloatBytes(std::span<const float> vector) {
  std::string bytes(vector.size_bytes(), '\0');
  std::memcpy(bytes.data(), vector.data(), vector.size_bytes());
  return bytes;
}

void ToProto(std::span<const float> vector, v1::Vector& proto) {
  proto.set_float32_le(FloatBytes(vector));
}

Durability FromProto(v1::Durability durability) {
  return durability == v1::DURABILITY_OS_BUFFER ? Durability::kOsBuffer : Durability::kFsync;
}

v1::Durability ToProto(Durability durability) {
  return durability == Durability::kOsBuffer ? v1::DURABILITY_OS_BUFFER : v1::DURABILITY_FSYNC;
}

void ToProto(const StageTimings& timings, v1::Timings& proto) {
  proto.set_embed_us(Microseconds(timings.embed));
  proto.set_search_us(Microseconds(timings.search));
  proto.set_fetch_us(Microseconds(timings.fetch));
  proto.set_commit_us(Microseconds(timings.commit));
  proto.set_index_us(Microseconds(timings.index));
  proto.set_filter_us(Microseconds(timings.filter));
}

}  // namespace simile

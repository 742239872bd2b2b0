#include "client/cli/value_json.h"

#include <google/protobuf/util/time_util.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

#include "fmt/format.h"

namespace simile::cli {
namespace {

constexpr char kBase64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

// RFC 4648, section 4.
std::string ToBase64(const std::string& bytes) {
  std::string text;
  for (size_t at = 0; at < bytes.size(); at += 3) {
    const size_t count = std::min<size_t>(3, bytes.size() - at);
    uint32_t bits = 0;
    for (size_t byte = 0; byte < 3; ++byte) {
      bits = (bits << 8) | (byte < count ? static_cast<unsigned char>(bytes[at + byte]) : 0u);
    }
    for (size_t digit = 0; digit < 4; ++digit) {
      text += digit <= count ? kBase64[(bits >> (18 - 6 * digit)) & 63] : '=';
    }
  }
  return text;
}

bool FromBase64(const std::string& text, std::string& bytes) {
  if (text.size() % 4 != 0) return false;
  for (size_t at = 0; at < text.size(); at += 4) {
    uint32_t bits = 0;
    size_t padding = 0;
    for (size_t digit = 0; digit < 4; ++digit) {
      const char c = text[at + digit];
      const char* found = c == '\0' ? nullptr : std::strchr(kBase64, c);
      const bool may_pad = c == '=' && at + 4 == text.size() && digit >= 2;
      if ((found == nullptr && !may_pad) || (found != nullptr && padding > 0)) return false;
      bits = (bits << 6) | (found != nullptr ? static_cast<uint32_t>(found - kBase64) : 0u);
      padding += found == nullptr ? 1 : 0;
    }
    for (size_t byte = 0; byte < 3 - padding; ++byte) {
      bytes += static_cast<char>((bits >> (16 - 8 * byte)) & 0xFF);
    }
  }
  return true;
}

// Marked when it would read as one of the forms for other types.
Json MapJson(Json map) {
  if (map.size() != 1 || !map.begin().key().starts_with('$')) return map;
  return {{"$map", std::move(map)}};
}

absl::Status Wrong(const std::string& what) { return absl::InvalidArgumentError(what); }

absl::StatusOr<v1::Value> FromSpecial(const std::string& name, const Json& content) {
  v1::Value value;
  const std::string text = content.is_string() ? content.get<std::string>() : "";
  if (name == "$timestamp" &&
      google::protobuf::util::TimeUtil::FromString(text, value.mutable_timestamp_value())) {
    return value;
  }
  if (name == "$map" && content.is_object()) {
    if (absl::Status s = FieldsFromJson(content, *value.mutable_map_value()->mutable_fields());
        !s.ok()) {
      return s;
    }
    return value;
  }
  if (name == "$bytes" && content.is_string() && FromBase64(text, *value.mutable_bytes_value())) {
    return value;
  }
  if (name == "$double" && (text == "NaN" || text == "Infinity" || text == "-Infinity")) {
    value.set_double_value(text == "NaN"    ? std::nan("")
                           : text[0] == '-' ? -std::numeric_limits<double>::infinity()
                                            : std::numeric_limits<double>::infinity());
    return value;
  }
  return Wrong(fmt::format("'{}' does not parse", name));
}

}  // namespace

// A map has no order on the wire; here names are sorted.
Json ToJson(const MetadataFields& fields) {
  std::map<std::string, const v1::Value*> sorted;
  for (const auto& [name, value] : fields) sorted[name] = &value;
  Json json = Json::object();
  for (const auto& [name, value] : sorted) json[name] = ToJson(*value);
  return json;
}

Json ToJson(const v1::Value& value) {
  switch (value.kind_case()) {
    case v1::Value::kBoolValue:
      return value.bool_value();
    case v1::Value::kInt64Value:
      return static_cast<int64_t>(value.int64_value());
    case v1::Value::kStringValue:
      return value.string_value();
    case v1::Value::kBytesValue:
      return {{"$bytes", ToBase64(value.bytes_value())}};
    case v1::Value::kTimestampValue:
      return {{"$timestamp", google::protobuf::util::TimeUtil::ToString(value.timestamp_value())}};
    case v1::Value::kDoubleValue: {
      const double number = value.double_value();
      if (std::isfinite(number)) return number;
      return {{"$double", std::isnan(number) ? "NaN" : number > 0 ? "Infinity" : "-Infinity"}};
    }
    case v1::Value::kListValue: {
      Json list = Json::array();
      for (const v1::Value& item : value.list_value().values()) list.push_back(ToJson(item));
      return list;
    }
    case v1::Value::kMapValue:
      return MapJson(ToJson(value.map_value().fields()));
    case v1::Value::kNullValue:
    case v1::Value::KIND_NOT_SET:
      break;
  }
  return nullptr;
}

absl::Status FieldsFromJson(const Json& json, MetadataFields& fields) {
  for (const auto& [name, item] : json.items()) {
    absl::StatusOr<v1::Value> value = ValueFromJson(item);
    if (!value.ok()) {
      return Wrong(fmt::format("'{}': {}", name, std::string(value.status().message())));
    }
    fields[name] = *std::move(value);
  }
  return absl::OkStatus();
}

absl::StatusOr<v1::Value> ValueFromJson(const Json& json) {
  v1::Value value;
  if (json.is_null()) {
    value.set_null_value(v1::NULL_VALUE);
  } else if (json.is_boolean()) {
    value.set_bool_value(json.get<bool>());
  } else if (json.is_number_unsigned() &&
             json.get<uint64_t>() > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
    return Wrong(fmt::format("the number {} is beyond 64 signed bits", json.get<uint64_t>()));
  } else if (json.is_number_integer()) {
    value.set_int64_value(json.get<int64_t>());
  } else if (json.is_number_float()) {
    value.set_double_value(json.get<double>());
  } else if (json.is_string()) {
    value.set_string_value(json.get<std::string>());
  } else if (json.is_array()) {
    v1::ValueList& list = *value.mutable_list_value();
    for (const Json& item : json) {
      absl::StatusOr<v1::Value> converted = ValueFromJson(item);
      if (!converted.ok()) return converted;
      *list.add_values() = *std::move(converted);
    }
  } else if (json.is_object() && json.size() == 1 && json.begin().key().starts_with('$')) {
    return FromSpecial(json.begin().key(), json.begin().value());
  } else if (json.is_object()) {
    return FromSpecial("$map", json);
  } else {
    return Wrong("it is no JSON");
  }
  return value;
}

Json VectorJson(const std::string& float32_le) {
  Json components = Json::array();
  for (size_t at = 0; at + sizeof(float) <= float32_le.size(); at += sizeof(float)) {
    float component = 0;
    std::memcpy(&component, float32_le.data() + at, sizeof(component));
    components.push_back(FloatJson(component));
  }
  return components;
}

Json VectorJson(const v1::Vector& vector) {
  if (vector.has_float32_le()) return VectorJson(vector.float32_le());
  Json components = Json::array();
  for (const float component : vector.floats().values()) components.push_back(FloatJson(component));
  return components;
}

absl::StatusOr<v1::Vector> VectorFromJson(const Json& json) {
  if (!json.is_array()) return Wrong("the vector is not an array of numbers");
  v1::Vector vector;
  for (const Json& component : json) {
    if (!component.is_number()) {
      return Wrong(
          fmt::format("component {} of the vector is not a number", vector.floats().values_size()));
    }
    vector.mutable_floats()->add_values(component.get<float>());
  }
  return vector;
}

Json ToJson(const v1::Document& document, bool with_text, bool with_metadata, bool with_vector) {
  Json json = {{"id", document.id()}};
  if (with_text) json["text"] = document.text();
  if (with_metadata) json["metadata"] = ToJson(document.metadata());
  if (with_vector) json["vector"] = VectorJson(document.vector());
  return json;
}

absl::StatusOr<v1::Document> DocumentFromJson(const Json& json) {
  if (!json.is_object()) return Wrong("it is not a JSON object");
  v1::Document document;
  for (const auto& [name, field] : json.items()) {
    if (name == "id" && field.is_string()) {
      document.set_id(field.get<std::string>());
    } else if (name == "id" && field.is_number_integer()) {
      document.set_id(field.dump());
    } else if (name == "text" && field.is_string()) {
      document.set_text(field.get<std::string>());
    } else if (name == "vector") {
      absl::StatusOr<v1::Vector> vector = VectorFromJson(field);
      if (!vector.ok()) return vector.status();
      *document.mutable_vector() = *std::move(vector);
    } else if (name == "metadata" && field.is_object()) {
      if (absl::Status s = FieldsFromJson(field, *document.mutable_metadata()); !s.ok()) {
        return Wrong(fmt::format("metadata {}", std::string(s.message())));
      }
    } else {
      return Wrong(fmt::format("'{}' is {}; a document has id, text, vector and metadata", name,
                               field.is_null() ? "null" : "unknown or of another type"));
    }
  }
  return document;
}

}  // namespace simile::cli

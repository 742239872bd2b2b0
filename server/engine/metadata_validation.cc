// See validation.h.
#include <cstdint>
#include <string>

#include "embedder/utf8.h"
#include "fmt/format.h"
#include "server/engine/errors.h"
#include "server/engine/limits.h"
#include "server/engine/validation.h"

namespace simile {
namespace {

size_t ScalarBytes(const Value& value) {
  if (const auto* text = std::get_if<std::string>(&value.kind)) return text->size();
  if (const auto* bytes = std::get_if<Bytes>(&value.kind)) return bytes->data.size();
  return sizeof(int64_t);
}

absl::Status CheckTimestamp(const std::string& name, const Timestamp& time) {
  // The range google.protobuf.Timestamp allows: years 1 to 9999.
  constexpr int64_t kSecondsMin = -62'135'596'800, kSecondsMax = 253'402'300'799;
  if (time.seconds >= kSecondsMin && time.seconds <= kSecondsMax && time.nanos >= 0 &&
      time.nanos <= 999'999'999) {
    return absl::OkStatus();
  }
  return InvalidField(
      name, fmt::format("metadata '{}' is a timestamp of {} s and {} ns; it must lie in the years "
                        "1 to 9999 with 0 to 999999999 ns",
                        name, time.seconds, time.nanos));
}

// Goes over the metadata of one document and adds up its bytes. What is wrong is told by the name
// at the top that it lies under.
class MetadataCheck {
 public:
  // `top` is empty for the metadata itself.
  absl::Status CheckMap(const std::string& top, const ValueMap& map, size_t depth) {
    if (map.size() > kMetadataKeysMax) {
      return InvalidField(top, fmt::format("{} has {} names; at most {} are allowed",
                                           top.empty() ? "the metadata" : "a map in the metadata",
                                           map.size(), kMetadataKeysMax));
    }
    for (const auto& [name, value] : map) {
      if (name.empty() || name.size() > kMetadataKeyBytesMax) {
        return InvalidField(top, fmt::format("a metadata name has {} bytes; it must have 1 to {}",
                                             name.size(), kMetadataKeyBytesMax));
      }
      if (!IsValidUtf8(name)) return InvalidField(top, "a metadata name is not valid UTF-8");
      bytes_total_ += name.size();
      if (absl::Status s = CheckValue(top.empty() ? name : top, value, depth); !s.ok()) return s;
    }
    return absl::OkStatus();
  }

  size_t bytes_total() const { return bytes_total_; }

 private:
  absl::Status CheckValue(const std::string& top, const Value& value, size_t depth) {
    if (depth > kMetadataDepthLimit) {
      return InvalidField(top, fmt::format("metadata '{}' nests lists and maps more than {} deep",
                                           top, kMetadataDepthLimit));
    }
    if (const auto* text = std::get_if<std::string>(&value.kind); text && !IsValidUtf8(*text)) {
      return InvalidField(top, fmt::format("metadata '{}' is not valid UTF-8; send bytes", top));
    }
    if (const auto* time = std::get_if<Timestamp>(&value.kind)) {
      if (absl::Status s = CheckTimestamp(top, *time); !s.ok()) return s;
    }
    if (const auto* map = std::get_if<ValueMap>(&value.kind)) {
      bytes_total_ += map->size();
      return CheckMap(top, *map, depth + 1);
    }
    if (const auto* list = std::get_if<ValueList>(&value.kind)) {
      bytes_total_ += list->size();
      for (const Value& item : *list) {
        if (absl::Status s = CheckValue(top, item, depth + 1); !s.ok()) return s;
      }
      return absl::OkStatus();
    }
    bytes_total_ += ScalarBytes(value);
    return absl::OkStatus();
  }

  size_t bytes_total_ = 0;
};

}  // namespace

absl::Status CheckMetadata(const Metadata& metadata) {
  MetadataCheck check;
  if (absl::Status s = check.CheckMap("", metadata, 0); !s.ok()) return s;
  if (check.bytes_total() > kMetadataBytesMax) {
    return InvalidField("", fmt::format("the metadata has {} bytes; at most {} are allowed",
                                        check.bytes_total(), kMetadataBytesMax));
  }
  return absl::OkStatus();
}

}  // namespace simile

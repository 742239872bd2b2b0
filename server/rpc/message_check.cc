#include "server/rpc/message_check.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

#include <map>
#include <vector>

#include "embedder/utf8.h"
#include "fmt/format.h"
#include "server/engine/errors.h"
#include "server/engine/limits.h"

namespace simile {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::internal::WireFormatLite;

// Deeper messages are refused by protobuf's own parser.
constexpr int kDepthMax = 100;

// The key of a map's entry, which is its field 1; empty when it is not valid UTF-8 itself.
std::string KeyOf(std::string_view entry) {
  google::protobuf::io::CodedInputStream input(reinterpret_cast<const uint8_t*>(entry.data()),
                                               static_cast<int>(entry.size()));
  constexpr uint32_t kKeyTag =
      WireFormatLite::MakeTag(1, WireFormatLite::WIRETYPE_LENGTH_DELIMITED);
  uint32_t length = 0;
  std::string key;
  const bool found = input.ReadTag() == kKeyTag && input.ReadVarint32(&length) &&
                     length <= entry.size() && input.ReadString(&key, static_cast<int>(length)) &&
                     IsValidUtf8(key);
  return found ? key : "";
}

std::string Walk(const Descriptor& type, std::string_view bytes, int depth) {
  google::protobuf::io::CodedInputStream input(reinterpret_cast<const uint8_t*>(bytes.data()),
                                               static_cast<int>(bytes.size()));
  std::map<int, size_t> seen;  // By field number, to count the items of repeated fields.
  while (const uint32_t tag = input.ReadTag()) {
    const FieldDescriptor* field = type.FindFieldByNumber(WireFormatLite::GetTagFieldNumber(tag));
    if (WireFormatLite::GetTagWireType(tag) != WireFormatLite::WIRETYPE_LENGTH_DELIMITED ||
        field == nullptr) {
      if (!WireFormatLite::SkipField(&input, tag)) return "";
      continue;
    }
    uint32_t length = 0;
    if (!input.ReadVarint32(&length)) return "";
    const auto start = static_cast<size_t>(input.CurrentPosition());
    if (length > bytes.size() - start || !input.Skip(static_cast<int>(length))) return "";
    const std::string_view content = bytes.substr(start, length);
    std::string name = field->name();
    if (field->is_repeated() && !field->is_map()) {
      name += fmt::format("[{}]", seen[field->number()]++);
    }
    if (field->is_map()) {
      if (const std::string key = KeyOf(content); !key.empty()) name += "." + key;
    }
    if (field->type() == FieldDescriptor::TYPE_STRING && !IsValidUtf8(content)) return name;
    if (field->type() == FieldDescriptor::TYPE_MESSAGE && depth < kDepthMax) {
      const std::string inner = Walk(*field->message_type(), content, depth + 1);
      if (!inner.empty()) return field->is_map() ? name : name + "." + inner;
    }
  }
  return "";
}

// True for what takes memory of its own in a parsed message: messages, repeated strings, and fields
// this program does not know, which are kept.
bool IsItem(const FieldDescriptor* field) {
  if (field == nullptr || field->type() == FieldDescriptor::TYPE_MESSAGE) return true;
  return field->is_repeated() && field->cpp_type() == FieldDescriptor::CPPTYPE_STRING;
}

// Takes one of `left` for each item inside; false when none is left. Bytes that are no such message
// end the count: the parser refuses them.
bool CountItems(google::protobuf::io::CodedInputStream& input, const Descriptor& type, int depth,
                size_t& left) {
  while (const uint32_t tag = input.ReadTag()) {
    const FieldDescriptor* field = type.FindFieldByNumber(WireFormatLite::GetTagFieldNumber(tag));
    if (IsItem(field) && left-- == 0) return false;
    if (WireFormatLite::GetTagWireType(tag) != WireFormatLite::WIRETYPE_LENGTH_DELIMITED ||
        field == nullptr || field->type() != FieldDescriptor::TYPE_MESSAGE || depth == kDepthMax) {
      if (!WireFormatLite::SkipField(&input, tag)) return true;
      continue;
    }
    uint32_t length = 0;
    if (!input.ReadVarint32(&length)) return true;
    const auto outer = input.PushLimit(static_cast<int>(length));
    if (!CountItems(input, *field->message_type(), depth + 1, left)) return false;
    if (!input.Skip(input.BytesUntilLimit())) return true;
    input.PopLimit(outer);
  }
  return true;
}

}  // namespace

absl::Status CheckItems(const Descriptor& type, const grpc::ByteBuffer& buffer) {
  constexpr size_t kItemBytesMin = 2;
  if (buffer.Length() < kMessageItemsMax * kItemBytesMin) return absl::OkStatus();
  grpc::ByteBuffer bytes = buffer;  // Shares the slices; the reader takes it apart.
  grpc::ProtoBufferReader reader(&bytes);
  google::protobuf::io::CodedInputStream input(&reader);
  size_t left = kMessageItemsMax;
  if (CountItems(input, type, 0, left)) return absl::OkStatus();
  return absl::ResourceExhaustedError(fmt::format(
      "the message holds more than {} documents, values, ids or the like: send fewer at a time",
      kMessageItemsMax));
}

std::string FindInvalidUtf8(const Descriptor& type, std::string_view bytes) {
  return Walk(type, bytes, 0);
}

absl::Status ParseError(const Descriptor& type, const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  std::string bytes;
  if (buffer.Dump(&slices).ok()) {
    for (const grpc::Slice& slice : slices) {
      bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
    }
  }
  const std::string path = FindInvalidUtf8(type, bytes);
  if (!path.empty()) {
    return InvalidField(path, fmt::format("{} is not valid UTF-8", path));
  }
  return absl::InvalidArgumentError(
      fmt::format("the message ({} bytes) is not a valid {}", bytes.size(), type.full_name()));
}

}  // namespace simile

#include "server/rpc/convert_document.h"

#include "fmt/format.h"
#include "server/engine/errors.h"
#include "server/engine/limits.h"
#include "server/rpc/convert_value.h"
#include "server/rpc/error_mapping.h"

namespace simile {
namespace {

absl::StatusOr<DocumentInput> DocumentFromProto(const v1::Document& proto) {
  DocumentInput document{.id = proto.id(), .text = proto.text()};
  if (proto.has_vector()) {
    absl::StatusOr<std::vector<float>> vector = FromProto(proto.vector());
    if (!vector.ok()) return InField("vector", vector.status());
    document.vector = *std::move(vector);
  }
  absl::StatusOr<Metadata> metadata = FromProto(proto.metadata());
  if (!metadata.ok()) return InField("metadata", metadata.status());
  document.metadata = *std::move(metadata);
  return document;
}

}  // namespace

AnswerFields FieldsOf(bool present, const v1::DocumentFields& fields) {
  if (!present) return {};
  return {.text = fields.text(), .metadata = fields.metadata(), .vector = fields.vector()};
}

absl::Status CheckBatchSize(int size, const std::string& field) {
  if (size >= 1 && static_cast<size_t>(size) <= kBatchMax) return absl::OkStatus();
  return InvalidField(
      field, fmt::format("the request has {} {}; it must have 1 to {}", size, field, kBatchMax));
}

std::vector<absl::StatusOr<DocumentInput>> FromProto(
    const google::protobuf::RepeatedPtrField<v1::Document>& documents) {
  std::vector<absl::StatusOr<DocumentInput>> result;
  result.reserve(static_cast<size_t>(documents.size()));
  for (const v1::Document& proto : documents) {
    absl::StatusOr<DocumentInput> document = DocumentFromProto(proto);
    if (!document.ok()) {
      document = InField(fmt::format("documents[{}]", result.size()), document.status());
    }
    result.push_back(std::move(document));
  }
  return result;
}

absl::StatusOr<MetadataPatch> FromProto(const v1::MetadataUpdate& proto) {
  absl::StatusOr<Metadata> set = FromProto(proto.set());
  if (!set.ok()) return InField("set", set.status());
  if (static_cast<size_t>(proto.remove_size()) > kMetadataKeysMax) {
    return InvalidField("remove", fmt::format("there are {} names to remove; at most {} are "
                                              "allowed",
                                              proto.remove_size(), kMetadataKeysMax));
  }
  return MetadataPatch{.id = proto.id(),
                       .set = *std::move(set),
                       .remove = {proto.remove().begin(), proto.remove().end()},
                       .replace = proto.replace()};
}

std::vector<absl::StatusOr<MetadataPatch>> FromProto(
    const google::protobuf::RepeatedPtrField<v1::MetadataUpdate>& updates) {
  std::vector<absl::StatusOr<MetadataPatch>> result;
  result.reserve(static_cast<size_t>(updates.size()));
  for (const v1::MetadataUpdate& proto : updates) {
    absl::StatusOr<MetadataPatch> patch = FromProto(proto);
    if (!patch.ok()) patch = InField(fmt::format("updates[{}]", result.size()), patch.status());
    result.push_back(std::move(patch));
  }
  return result;
}

void ToProto(const StoredDocument& document, const AnswerFields& fields, v1::Document& proto) {
  proto.set_id(document.id);
  if (fields.text) proto.set_text(document.text);
  if (fields.metadata) ToProto(document.metadata, *proto.mutable_metadata());
  if (fields.vector) ToProto(document.vector, *proto.mutable_vector());
  proto.set_token_count(document.token_count);
  proto.set_truncated(document.truncated);
  proto.set_sequence(document.sequence);
}

void ToProto(const UpsertOutcome& outcome, v1::UpsertResult& proto) {
  if (!outcome.status.ok()) *proto.mutable_status() = ToItemStatus(outcome.status);
  proto.set_id(outcome.id);
  proto.set_created(outcome.created);
  proto.set_embedded(outcome.embedded);
  proto.set_token_count(outcome.token_count);
  proto.set_truncated(outcome.truncated);
}

}  // namespace simile

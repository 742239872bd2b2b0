#ifndef SIMILE_SERVER_RPC_CONVERT_DOCUMENT_H_
#define SIMILE_SERVER_RPC_CONVERT_DOCUMENT_H_

#include <google/protobuf/repeated_ptr_field.h>

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/engine/requests.h"
#include "simile/v1/document_service.pb.h"

namespace simile {

// What an answer carries of a document; the engine reads text and metadata together.
struct AnswerFields {
  bool text = true;
  bool metadata = true;
  bool vector = false;

  DocumentFields ToRead() const {
    return {.text_and_metadata = text || metadata, .vector = vector};
  }
};

// Absent fields mean text and metadata.
AnswerFields FieldsOf(bool present, const v1::DocumentFields& fields);

// InvalidArgument unless there are 1 to kBatchMax items of that name.
absl::Status CheckBatchSize(int size, const std::string& field);

// Each document that cannot be converted becomes an error in its place.
std::vector<absl::StatusOr<DocumentInput>> FromProto(
    const google::protobuf::RepeatedPtrField<v1::Document>& documents);

// InvalidArgument: a value without kind, too many names to set or remove.
absl::StatusOr<MetadataPatch> FromProto(const v1::MetadataUpdate& update);

std::vector<absl::StatusOr<MetadataPatch>> FromProto(
    const google::protobuf::RepeatedPtrField<v1::MetadataUpdate>& updates);

void ToProto(const StoredDocument& document, const AnswerFields& fields, v1::Document& proto);

void ToProto(const UpsertOutcome& outcome, v1::UpsertResult& proto);

}  // namespace simile

#endif  // SIMILE_SERVER_RPC_CONVERT_DOCUMENT_H_

#include "server/rpc/document_service.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "fmt/format.h"
#include "server/engine/errors.h"
#include "server/rpc/convert_collection.h"
#include "server/rpc/convert_document.h"
#include "server/rpc/convert_filter.h"
#include "server/rpc/convert_value.h"
#include "server/rpc/ingest_stream.h"
#include "server/rpc/unary_call.h"

namespace simile {
namespace {

std::vector<std::string> StringsOf(const google::protobuf::RepeatedPtrField<std::string>& proto) {
  return {proto.begin(), proto.end()};
}

absl::StatusOr<v1::UpsertDocumentsResponse> Upsert(const Database& database,
                                                   const v1::UpsertDocumentsRequest& request,
                                                   const CallContext& context) {
  const auto collection = FindCollection(database, request.collection(), "collection");
  if (!collection.ok()) return collection.status();
  if (absl::Status s = CheckBatchSize(request.documents_size(), "documents"); !s.ok()) return s;
  auto report = (*collection)
                    ->Upsert(FromProto(request.documents()),
                             {.durability = FromProto(request.durability())}, context);
  if (!report.ok()) return report.status();
  v1::UpsertDocumentsResponse response;
  for (const UpsertOutcome& outcome : report->outcomes) ToProto(outcome, *response.add_results());
  response.set_commit_sequence(report->commit_sequence);
  response.set_durability(ToProto(report->durability));
  ToProto(report->timings, *response.mutable_timings());
  return response;
}

// Documents read at a time: they may have 2 MiB each, and memory is to stay bounded.
constexpr size_t kReadBlockDocuments = 32;

// A page of documents ends early above this, so that clients with gRPC's default limit of 4 MiB
// for an answer can list.
constexpr size_t kPageBytesTarget = 2ull << 20;

absl::StatusOr<v1::GetDocumentsResponse> Get(const RpcRuntime& runtime,
                                             const v1::GetDocumentsRequest& request) {
  const Database& database = runtime.database;
  const auto collection = FindCollection(database, request.collection(), "collection");
  if (!collection.ok()) return collection.status();
  if (absl::Status s = CheckBatchSize(request.ids_size(), "ids"); !s.ok()) return s;
  const AnswerFields fields = FieldsOf(request.has_fields(), request.fields());
  const std::vector<std::string> ids = StringsOf(request.ids());
  v1::GetDocumentsResponse response;
  size_t response_bytes = 0;
  for (size_t first = 0; first < ids.size(); first += kReadBlockDocuments) {
    const auto block =
        std::span(ids).subspan(first, std::min(kReadBlockDocuments, ids.size() - first));
    const auto documents = (*collection)->Get(block, fields.ToRead());
    if (!documents.ok()) return documents.status();
    for (size_t position = 0; position < block.size(); ++position) {
      v1::GetDocumentsResponse::Result& result = *response.add_results();
      const std::optional<StoredDocument>& document = (*documents)[position];
      result.set_found(document.has_value());
      result.mutable_document()->set_id(block[position]);
      if (document.has_value()) ToProto(*document, fields, *result.mutable_document());
      response_bytes += result.ByteSizeLong();
    }
    if (absl::Status s = CheckAnswerBytes(runtime, response_bytes); !s.ok()) return s;
  }
  return response;
}

absl::StatusOr<RemoveReport> RemoveAsked(Collection& collection,
                                         const v1::DeleteDocumentsRequest& request,
                                         const CallContext& context) {
  const Durability durability = FromProto(request.durability());
  if (!request.has_filter()) {
    if (absl::Status s = CheckBatchSize(request.ids_size(), "ids"); !s.ok()) return s;
    return collection.Remove(StringsOf(request.ids()), durability, request.dry_run(), context);
  }
  if (request.ids_size() > 0) {
    return InvalidField("ids",
                        "there are ids and a filter; give one of them (a filter can ask for "
                        "ids too)");
  }
  const absl::StatusOr<Filter> filter = FromProto(request.filter());
  if (!filter.ok()) return InField("filter", filter.status());
  return collection.RemoveMatching(*filter, durability, request.dry_run(), context);
}

absl::StatusOr<v1::DeleteDocumentsResponse> Delete(const Database& database,
                                                   const v1::DeleteDocumentsRequest& request,
                                                   const CallContext& context) {
  const auto collection = FindCollection(database, request.collection(), "collection");
  if (!collection.ok()) return collection.status();
  auto report = RemoveAsked(**collection, request, context);
  if (!report.ok()) return report.status();
  v1::DeleteDocumentsResponse response;
  response.set_deleted_count(report->removed_count);
  for (std::string& id : report->missing_ids) response.add_missing_ids(std::move(id));
  response.set_commit_sequence(report->commit_sequence);
  response.set_durability(ToProto(report->durability));
  ToProto(report->timings, *response.mutable_timings());
  return response;
}

absl::StatusOr<v1::CountDocumentsResponse> Count(const Database& database,
                                                 const v1::CountDocumentsRequest& request,
                                                 const CallContext& context) {
  const auto collection = FindCollection(database, request.collection(), "collection");
  if (!collection.ok()) return collection.status();
  std::optional<Filter> filter;
  if (request.has_filter()) {
    absl::StatusOr<Filter> converted = FromProto(request.filter());
    if (!converted.ok()) return InField("filter", converted.status());
    filter = *std::move(converted);
  }
  const absl::StatusOr<std::vector<Facet>> facets = FromProto(request.facets());
  if (!facets.ok()) return facets.status();
  const auto report = (*collection)->Count(filter, *facets, context);
  if (!report.ok()) return report.status();
  v1::CountDocumentsResponse response;
  response.set_count(report->count);
  if (report->filter.has_value()) ToProto(*report->filter, *response.mutable_filter());
  for (const FacetReport& facet : report->facets) ToProto(facet, *response.add_facets());
  return response;
}

// A page token is the label the next page goes on after, in decimal.
absl::StatusOr<uint64_t> LabelOfToken(const std::string& token) {
  uint64_t label = 0;
  const auto [end, error] = std::from_chars(token.data(), token.data() + token.size(), label);
  if (token.empty() || (error == std::errc() && end == token.data() + token.size())) return label;
  return InvalidField("page_token", "the page token is not one that ListDocuments gave");
}

// A page of the documents that match.
absl::StatusOr<v1::ListDocumentsResponse> ListMatching(const Collection& collection,
                                                       const v1::ListDocumentsRequest& request,
                                                       uint64_t after_label, size_t page_size,
                                                       const CallContext& context) {
  const absl::StatusOr<Filter> filter = FromProto(request.filter());
  if (!filter.ok()) return InField("filter", filter.status());
  // One more than the page shows whether there is another page.
  const auto labels = collection.MatchingAfter(*filter, after_label, page_size + 1, context);
  if (!labels.ok()) return labels.status();
  const AnswerFields fields = FieldsOf(request.has_fields(), request.fields());
  const size_t end = std::min(page_size, labels->size());
  v1::ListDocumentsResponse response;
  size_t at = 0;
  for (size_t bytes = 0; at < end && bytes < kPageBytesTarget;) {
    const auto block = std::span(*labels).subspan(at, std::min(kReadBlockDocuments, end - at));
    const auto documents = collection.GetMatching(*filter, block, fields.ToRead());
    if (!documents.ok()) return documents.status();
    for (const std::optional<StoredDocument>& document : *documents) {
      if (bytes >= kPageBytesTarget) break;
      ++at;
      if (!document.has_value()) continue;
      v1::Document& proto = *response.add_documents();
      ToProto(*document, fields, proto);
      bytes += proto.ByteSizeLong();
    }
  }
  if (at < labels->size()) response.set_next_page_token(std::to_string((*labels)[at - 1]));
  return response;
}

absl::StatusOr<v1::ListDocumentsResponse> List(const Database& database,
                                               const v1::ListDocumentsRequest& request,
                                               const CallContext& context) {
  const auto collection = FindCollection(database, request.collection(), "collection");
  if (!collection.ok()) return collection.status();
  const absl::StatusOr<uint64_t> label = LabelOfToken(request.page_token());
  if (!label.ok()) return label.status();
  const AnswerFields fields = FieldsOf(request.has_fields(), request.fields());
  const size_t page_size = request.page_size() == 0 ? kPageSizeDefault : request.page_size();
  if (page_size > kPageSizeMax) {
    return InvalidField("page_size", fmt::format("the page size is {}; it must be 1 to {}",
                                                 page_size, kPageSizeMax));
  }
  if (request.has_filter()) {
    return ListMatching(**collection, request, *label, page_size, context);
  }
  v1::ListDocumentsResponse response;
  size_t bytes = 0;
  for (uint64_t after_label = *label;;) {
    const size_t wanted = page_size - static_cast<size_t>(response.documents_size());
    const auto block =
        (*collection)->List(after_label, std::min(kReadBlockDocuments, wanted), fields.ToRead());
    if (!block.ok()) return block.status();
    for (const StoredDocument& document : block->documents) {
      v1::Document& proto = *response.add_documents();
      ToProto(document, fields, proto);
      bytes += proto.ByteSizeLong();
      after_label = document.label;
      if (bytes >= kPageBytesTarget) break;
    }
    const bool is_last = block->next_label == 0 &&
                         (block->documents.empty() || after_label == block->documents.back().label);
    if (is_last) return response;
    if (bytes >= kPageBytesTarget || static_cast<size_t>(response.documents_size()) >= page_size) {
      response.set_next_page_token(std::to_string(after_label));
      return response;
    }
  }
}

absl::StatusOr<PatchReport> PatchAsked(Collection& collection,
                                       const v1::UpdateMetadataRequest& request,
                                       const CallContext& context) {
  const Durability durability = FromProto(request.durability());
  if (!request.has_filter()) {
    if (request.has_change() || request.dry_run()) {
      return InvalidField(request.has_change() ? "change" : "dry_run",
                          "there is no filter that says which documents; give one, or updates");
    }
    if (absl::Status s = CheckBatchSize(request.updates_size(), "updates"); !s.ok()) return s;
    return collection.PatchMetadata(FromProto(request.updates()), durability, context);
  }
  if (request.updates_size() > 0) {
    return InvalidField("updates", "there are updates and a filter; give one of them");
  }
  if (!request.change().id().empty()) {
    return InvalidField("change.id", "the filter says which documents; leave the id empty");
  }
  const absl::StatusOr<Filter> filter = FromProto(request.filter());
  if (!filter.ok()) return InField("filter", filter.status());
  const absl::StatusOr<MetadataPatch> change = FromProto(request.change());
  if (!change.ok()) return InField("change", change.status());
  return collection.PatchMatching(*filter, *change, durability, request.dry_run(), context);
}

absl::StatusOr<v1::UpdateMetadataResponse> Update(const Database& database,
                                                  const v1::UpdateMetadataRequest& request,
                                                  const CallContext& context) {
  const auto collection = FindCollection(database, request.collection(), "collection");
  if (!collection.ok()) return collection.status();
  const auto report = PatchAsked(**collection, request, context);
  if (!report.ok()) return report.status();
  v1::UpdateMetadataResponse response;
  for (const absl::Status& status : report->statuses) {
    *response.add_results() = status.ok() ? v1::ItemStatus() : ToItemStatus(status);
  }
  response.set_updated_count(report->updated_count);
  response.set_failed_count(report->failed_count);
  response.set_commit_sequence(report->commit_sequence);
  response.set_durability(ToProto(report->durability));
  ToProto(report->timings, *response.mutable_timings());
  return response;
}

}  // namespace

grpc::ServerUnaryReactor* DocumentService::UpsertDocuments(grpc::CallbackServerContext* context,
                                                           const grpc::ByteBuffer* request,
                                                           grpc::ByteBuffer* response) {
  return UnaryCall<v1::UpsertDocumentsRequest, v1::UpsertDocumentsResponse>::Start(
      runtime_, runtime_.ingest_pool, *context, request, response,
      [this](const auto& message, const CallContext& call) {
        return Upsert(runtime_.database, message, call);
      });
}

grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* DocumentService::IngestDocuments(
    grpc::CallbackServerContext* context) {
  return new IngestStream(runtime_, *context);
}

grpc::ServerUnaryReactor* DocumentService::GetDocuments(grpc::CallbackServerContext* context,
                                                        const grpc::ByteBuffer* request,
                                                        grpc::ByteBuffer* response) {
  return UnaryCall<v1::GetDocumentsRequest, v1::GetDocumentsResponse>::Start(
      runtime_, runtime_.search_pool, *context, request, response,
      [this](const auto& message, const CallContext&) { return Get(runtime_, message); });
}

grpc::ServerUnaryReactor* DocumentService::DeleteDocuments(grpc::CallbackServerContext* context,
                                                           const grpc::ByteBuffer* request,
                                                           grpc::ByteBuffer* response) {
  return UnaryCall<v1::DeleteDocumentsRequest, v1::DeleteDocumentsResponse>::Start(
      runtime_, runtime_.ingest_pool, *context, request, response,
      [this](const auto& message, const CallContext& call) {
        return Delete(runtime_.database, message, call);
      });
}

grpc::ServerUnaryReactor* DocumentService::ListDocuments(grpc::CallbackServerContext* context,
                                                         const grpc::ByteBuffer* request,
                                                         grpc::ByteBuffer* response) {
  return UnaryCall<v1::ListDocumentsRequest, v1::ListDocumentsResponse>::Start(
      runtime_, runtime_.search_pool, *context, request, response,
      [this](const auto& message, const CallContext& call) {
        return List(runtime_.database, message, call);
      });
}

grpc::ServerUnaryReactor* DocumentService::CountDocuments(grpc::CallbackServerContext* context,
                                                          const grpc::ByteBuffer* request,
                                                          grpc::ByteBuffer* response) {
  return UnaryCall<v1::CountDocumentsRequest, v1::CountDocumentsResponse>::Start(
      runtime_, runtime_.search_pool, *context, request, response,
      [this](const auto& message,
             const CallContext& call) -> absl::StatusOr<v1::CountDocumentsResponse> {
        return Count(runtime_.database, message, call);
      });
}

grpc::ServerUnaryReactor* DocumentService::UpdateMetadata(grpc::CallbackServerContext* context,
                                                          const grpc::ByteBuffer* request,
                                                          grpc::ByteBuffer* response) {
  return UnaryCall<v1::UpdateMetadataRequest, v1::UpdateMetadataResponse>::Start(
      runtime_, runtime_.ingest_pool, *context, request, response,
      [this](const auto& message, const CallContext& call) {
        return Update(runtime_.database, message, call);
      });
}

}  // namespace simile

#include "server/rpc/search_service.h"

#include <utility>

#include "fmt/format.h"
#include "server/engine/errors.h"
#include "server/rpc/convert_collection.h"
#include "server/rpc/convert_search.h"
#include "server/rpc/convert_value.h"
#include "server/rpc/unary_call.h"

namespace simile {
namespace {

absl::StatusOr<v1::SearchResponse> SearchOne(const Database& database,
                                             const v1::SearchRequest& request,
                                             const CallContext& context) {
  const auto collection = FindCollection(database, request.collection(), "collection");
  if (!collection.ok()) return collection.status();
  std::vector<absl::StatusOr<QueryInput>> queries;
  queries.push_back(FromProto(request.query()));
  absl::StatusOr<SearchBatchReport> batch = (*collection)->Search(std::move(queries), context);
  if (!batch.ok()) return batch.status();
  const absl::StatusOr<SearchReport>& report = batch->reports.front();
  if (!report.ok()) return InField("query", report.status());
  v1::SearchResponse response;
  ToProto(*report, request.query(), response);
  return response;
}

absl::StatusOr<v1::SearchBatchResponse> SearchMany(const Database& database,
                                                   const v1::SearchBatchRequest& request,
                                                   const CallContext& context) {
  const auto collection = FindCollection(database, request.collection(), "collection");
  if (!collection.ok()) return collection.status();
  const auto size = static_cast<size_t>(request.queries_size());
  if (size == 0 || size > kSearchBatchMax) {
    return InvalidField("queries", fmt::format("the request has {} queries; it must have 1 to {}",
                                               size, kSearchBatchMax));
  }
  std::vector<absl::StatusOr<QueryInput>> queries;
  for (const v1::Query& query : request.queries()) queries.push_back(FromProto(query));
  absl::StatusOr<SearchBatchReport> batch = (*collection)->Search(std::move(queries), context);
  if (!batch.ok()) return batch.status();
  v1::SearchBatchResponse response;
  for (int position = 0; position < request.queries_size(); ++position) {
    const absl::StatusOr<SearchReport>& report = batch->reports[static_cast<size_t>(position)];
    v1::SearchBatchResponse::Result& result = *response.add_results();
    if (report.ok()) {
      ToProto(*report, request.queries(position), *result.mutable_response());
    } else {
      *result.mutable_status() =
          ToItemStatus(InField(fmt::format("queries[{}]", position), report.status()));
    }
  }
  ToProto(batch->timings, *response.mutable_timings());
  return response;
}

}  // namespace

grpc::ServerUnaryReactor* SearchService::Search(grpc::CallbackServerContext* context,
                                                const grpc::ByteBuffer* request,
                                                grpc::ByteBuffer* response) {
  return UnaryCall<v1::SearchRequest, v1::SearchResponse>::Start(
      runtime_, runtime_.search_pool, *context, request, response,
      [this](const auto& message, const CallContext& call) {
        return SearchOne(runtime_.database, message, call);
      });
}

grpc::ServerUnaryReactor* SearchService::SearchBatch(grpc::CallbackServerContext* context,
                                                     const grpc::ByteBuffer* request,
                                                     grpc::ByteBuffer* response) {
  return UnaryCall<v1::SearchBatchRequest, v1::SearchBatchResponse>::Start(
      runtime_, runtime_.search_pool, *context, request, response,
      [this](const auto& message, const CallContext& call) {
        return SearchMany(runtime_.database, message, call);
      });
}

}  // namespace simile

#include "server/rpc/collection_service.h"

#include <google/protobuf/empty.pb.h>

#include "fmt/format.h"
#include "server/engine/errors.h"
#include "server/rpc/convert_collection.h"
#include "server/rpc/unary_call.h"

namespace simile {
namespace {

using google::protobuf::Empty;

absl::StatusOr<v1::Collection> Described(
    const absl::StatusOr<std::shared_ptr<Collection>>& collection) {
  if (!collection.ok()) return collection.status();
  v1::Collection proto;
  ToProto((*collection)->Describe(), proto);
  return proto;
}

absl::StatusOr<v1::ListCollectionsResponse> ListPageOf(const Database& database,
                                                       const v1::ListCollectionsRequest& request) {
  const size_t page_size = request.page_size() == 0 ? kPageSizeDefault : request.page_size();
  if (page_size > kPageSizeMax) {
    return InvalidField("page_size", fmt::format("the page size is {}; at most {} is allowed",
                                                 page_size, kPageSizeMax));
  }
  v1::ListCollectionsResponse response;
  for (const std::shared_ptr<Collection>& collection : database.Collections()) {
    // The token is the last name of the page before: names are unique and listed in order.
    if (collection->name() <= request.page_token()) continue;
    const auto listed = static_cast<size_t>(response.collections_size());
    if (listed == page_size) {
      response.set_next_page_token(response.collections(response.collections_size() - 1).name());
      break;
    }
    ToProto(collection->Describe(), *response.add_collections());
  }
  return response;
}

}  // namespace

grpc::ServerUnaryReactor* CollectionService::CreateCollection(grpc::CallbackServerContext* context,
                                                              const grpc::ByteBuffer* request,
                                                              grpc::ByteBuffer* response) {
  return UnaryCall<v1::CreateCollectionRequest, v1::Collection>::Start(
      runtime_, runtime_.admin_pool, *context, request, response,
      [this](const auto& message, const CallContext&) -> absl::StatusOr<v1::Collection> {
        const absl::StatusOr<CollectionSettings> settings = FromProto(message);
        if (!settings.ok()) return settings.status();
        return Described(runtime_.database.CreateCollection(*settings));
      });
}

grpc::ServerUnaryReactor* CollectionService::GetCollection(grpc::CallbackServerContext* context,
                                                           const grpc::ByteBuffer* request,
                                                           grpc::ByteBuffer* response) {
  return UnaryCall<v1::GetCollectionRequest, v1::Collection>::Start(
      runtime_, runtime_.admin_pool, *context, request, response,
      [this](const auto& message, const CallContext&) {
        return Described(FindCollection(runtime_.database, message.name(), "name"));
      });
}

grpc::ServerUnaryReactor* CollectionService::ListCollections(grpc::CallbackServerContext* context,
                                                             const grpc::ByteBuffer* request,
                                                             grpc::ByteBuffer* response) {
  return UnaryCall<v1::ListCollectionsRequest, v1::ListCollectionsResponse>::Start(
      runtime_, runtime_.admin_pool, *context, request, response,
      [this](const auto& message, const CallContext&) {
        return ListPageOf(runtime_.database, message);
      });
}

grpc::ServerUnaryReactor* CollectionService::UpdateCollection(grpc::CallbackServerContext* context,
                                                              const grpc::ByteBuffer* request,
                                                              grpc::ByteBuffer* response) {
  return UnaryCall<v1::UpdateCollectionRequest, v1::Collection>::Start(
      runtime_, runtime_.admin_pool, *context, request, response,
      [this](const auto& message, const CallContext&) -> absl::StatusOr<v1::Collection> {
        const auto collection = FindCollection(runtime_.database, message.name(), "name");
        if (!collection.ok()) return collection.status();
        const auto changes = FromProto(message);
        if (!changes.ok()) return changes.status();
        if (absl::Status s = (*collection)->Change(*changes); !s.ok()) return s;
        return Described(collection);
      });
}

grpc::ServerUnaryReactor* CollectionService::DeleteCollection(grpc::CallbackServerContext* context,
                                                              const grpc::ByteBuffer* request,
                                                              grpc::ByteBuffer* response) {
  return UnaryCall<v1::DeleteCollectionRequest, Empty>::Start(
      runtime_, runtime_.admin_pool, *context, request, response,
      [this](const auto& message, const CallContext&) -> absl::StatusOr<Empty> {
        const auto collection = FindCollection(runtime_.database, message.name(), "name");
        if (!collection.ok()) return collection.status();
        const absl::Status s = runtime_.database.DropCollection(message.name());
        if (!s.ok()) return s;
        return Empty();
      });
}

}  // namespace simile

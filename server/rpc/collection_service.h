#ifndef SIMILE_SERVER_RPC_COLLECTION_SERVICE_H_
#define SIMILE_SERVER_RPC_COLLECTION_SERVICE_H_

#include "server/rpc/rpc_runtime.h"
#include "simile/v1/collection_service.grpc.pb.h"

namespace simile {

using RawCollectionService = v1::CollectionService::WithRawCallbackMethod_CreateCollection<
    v1::CollectionService::WithRawCallbackMethod_GetCollection<
        v1::CollectionService::WithRawCallbackMethod_ListCollections<
            v1::CollectionService::WithRawCallbackMethod_UpdateCollection<
                v1::CollectionService::WithRawCallbackMethod_DeleteCollection<
                    v1::CollectionService::Service>>>>>;

// simile.v1.CollectionService on the admin pool.
class CollectionService final : public RawCollectionService {
 public:
  explicit CollectionService(RpcRuntime& runtime) : runtime_(runtime) {}

  grpc::ServerUnaryReactor* CreateCollection(grpc::CallbackServerContext* context,
                                             const grpc::ByteBuffer* request,
                                             grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* GetCollection(grpc::CallbackServerContext* context,
                                          const grpc::ByteBuffer* request,
                                          grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* ListCollections(grpc::CallbackServerContext* context,
                                            const grpc::ByteBuffer* request,
                                            grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* UpdateCollection(grpc::CallbackServerContext* context,
                                             const grpc::ByteBuffer* request,
                                             grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* DeleteCollection(grpc::CallbackServerContext* context,
                                             const grpc::ByteBuffer* request,
                                             grpc::ByteBuffer* response) override;

 private:
  RpcRuntime& runtime_;
};

}  // namespace simile

#endif  // SIMILE_SERVER_RPC_COLLECTION_SERVICE_H_

#ifndef SIMILE_SERVER_RPC_SEARCH_SERVICE_H_
#define SIMILE_SERVER_RPC_SEARCH_SERVICE_H_

#include "server/rpc/rpc_runtime.h"
#include "simile/v1/search_service.grpc.pb.h"

namespace simile {

using RawSearchService = v1::SearchService::WithRawCallbackMethod_Search<
    v1::SearchService::WithRawCallbackMethod_SearchBatch<v1::SearchService::Service>>;

// simile.v1.SearchService on the search pool.
class SearchService final : public RawSearchService {
 public:
  explicit SearchService(RpcRuntime& runtime) : runtime_(runtime) {}

  grpc::ServerUnaryReactor* Search(grpc::CallbackServerContext* context,
                                   const grpc::ByteBuffer* request,
                                   grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* SearchBatch(grpc::CallbackServerContext* context,
                                        const grpc::ByteBuffer* request,
                                        grpc::ByteBuffer* response) override;

 private:
  RpcRuntime& runtime_;
};

}  // namespace simile

#endif  // SIMILE_SERVER_RPC_SEARCH_SERVICE_H_

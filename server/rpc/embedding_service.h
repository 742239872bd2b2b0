#ifndef SIMILE_SERVER_RPC_EMBEDDING_SERVICE_H_
#define SIMILE_SERVER_RPC_EMBEDDING_SERVICE_H_

#include "server/rpc/rpc_runtime.h"
#include "simile/v1/embedding_service.grpc.pb.h"

namespace simile {

using RawEmbeddingService = v1::EmbeddingService::WithRawCallbackMethod_Embed<
    v1::EmbeddingService::WithRawCallbackMethod_Tokenize<
        v1::EmbeddingService::WithRawCallbackMethod_ListModels<v1::EmbeddingService::Service>>>;

// simile.v1.EmbeddingService on the search pool; large embeddings on the ingest pool.
class EmbeddingService final : public RawEmbeddingService {
 public:
  explicit EmbeddingService(RpcRuntime& runtime) : runtime_(runtime) {}

  grpc::ServerUnaryReactor* Embed(grpc::CallbackServerContext* context,
                                  const grpc::ByteBuffer* request,
                                  grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* Tokenize(grpc::CallbackServerContext* context,
                                     const grpc::ByteBuffer* request,
                                     grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* ListModels(grpc::CallbackServerContext* context,
                                       const grpc::ByteBuffer* request,
                                       grpc::ByteBuffer* response) override;

 private:
  RpcRuntime& runtime_;
};

// The loaded models, the default first.
void ToProto(const ModelInfo& info, v1::ModelInfo& proto);
void ToProto(const ModelRegistry& models, google::protobuf::RepeatedPtrField<v1::ModelInfo>& proto);

}  // namespace simile

#endif  // SIMILE_SERVER_RPC_EMBEDDING_SERVICE_H_

#ifndef SIMILE_SERVER_RPC_DOCUMENT_SERVICE_H_
#define SIMILE_SERVER_RPC_DOCUMENT_SERVICE_H_

#include "server/rpc/rpc_runtime.h"
#include "simile/v1/document_service.grpc.pb.h"

namespace simile {

using RawDocumentService = v1::DocumentService::WithRawCallbackMethod_UpsertDocuments<
    v1::DocumentService::WithRawCallbackMethod_IngestDocuments<
        v1::DocumentService::WithRawCallbackMethod_GetDocuments<
            v1::DocumentService::WithRawCallbackMethod_DeleteDocuments<
                v1::DocumentService::WithRawCallbackMethod_ListDocuments<
                    v1::DocumentService::WithRawCallbackMethod_CountDocuments<
                        v1::DocumentService::WithRawCallbackMethod_UpdateMetadata<
                            v1::DocumentService::Service>>>>>>>;

// simile.v1.DocumentService: writes on the ingest pool, reads on the search pool.
class DocumentService final : public RawDocumentService {
 public:
  explicit DocumentService(RpcRuntime& runtime) : runtime_(runtime) {}

  grpc::ServerUnaryReactor* UpsertDocuments(grpc::CallbackServerContext* context,
                                            const grpc::ByteBuffer* request,
                                            grpc::ByteBuffer* response) override;
  grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* IngestDocuments(
      grpc::CallbackServerContext* context) override;
  grpc::ServerUnaryReactor* GetDocuments(grpc::CallbackServerContext* context,
                                         const grpc::ByteBuffer* request,
                                         grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* DeleteDocuments(grpc::CallbackServerContext* context,
                                            const grpc::ByteBuffer* request,
                                            grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* ListDocuments(grpc::CallbackServerContext* context,
                                          const grpc::ByteBuffer* request,
                                          grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* CountDocuments(grpc::CallbackServerContext* context,
                                           const grpc::ByteBuffer* request,
                                           grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* UpdateMetadata(grpc::CallbackServerContext* context,
                                           const grpc::ByteBuffer* request,
                                           grpc::ByteBuffer* response) override;

 private:
  RpcRuntime& runtime_;
};

}  // namespace simile

#endif  // SIMILE_SERVER_RPC_DOCUMENT_SERVICE_H_

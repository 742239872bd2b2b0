#ifndef SIMILE_SERVER_RPC_ADMIN_SERVICE_H_
#define SIMILE_SERVER_RPC_ADMIN_SERVICE_H_

#include "server/rpc/rpc_runtime.h"
#include "simile/v1/admin_service.grpc.pb.h"

namespace simile {

using RawAdminService = v1::AdminService::WithRawCallbackMethod_GetServerInfo<
    v1::AdminService::WithRawCallbackMethod_GetStats<
        v1::AdminService::WithRawCallbackMethod_LoadModel<
            v1::AdminService::WithRawCallbackMethod_UnloadModel<v1::AdminService::Service>>>>;

// simile.v1.AdminService on the admin pool.
class AdminService final : public RawAdminService {
 public:
  explicit AdminService(RpcRuntime& runtime) : runtime_(runtime) {}

  grpc::ServerUnaryReactor* GetServerInfo(grpc::CallbackServerContext* context,
                                          const grpc::ByteBuffer* request,
                                          grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* GetStats(grpc::CallbackServerContext* context,
                                     const grpc::ByteBuffer* request,
                                     grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* LoadModel(grpc::CallbackServerContext* context,
                                      const grpc::ByteBuffer* request,
                                      grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* UnloadModel(grpc::CallbackServerContext* context,
                                        const grpc::ByteBuffer* request,
                                        grpc::ByteBuffer* response) override;

 private:
  RpcRuntime& runtime_;
};

}  // namespace simile

#endif  // SIMILE_SERVER_RPC_ADMIN_SERVICE_H_

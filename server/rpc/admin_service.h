#ifndef SIMILE_SERVER_RPC_ADMIN_SERVICE_H_
#define SIMILE_SERVER_RPC_ADMIN_SERVICE_H_

#include "server/rpc/rpc_runtime.h"
#include "simile/v1/admin_service.grpc.pb.h"

namespace simile {

using RawTransferService = v1::AdminService::WithRawCallbackMethod_GetSnapshotManifest<
    v1::AdminService::WithRawCallbackMethod_ReadSnapshotChunk<
        v1::AdminService::WithRawCallbackMethod_BeginSnapshotUpload<
            v1::AdminService::WithRawCallbackMethod_WriteSnapshotChunk<
                v1::AdminService::WithRawCallbackMethod_FinishSnapshotUpload<
                    v1::AdminService::Service>>>>>;

using RawSnapshotService = v1::AdminService::WithRawCallbackMethod_CreateSnapshot<
    v1::AdminService::WithRawCallbackMethod_ListSnapshots<
        v1::AdminService::WithRawCallbackMethod_GetSnapshot<
            v1::AdminService::WithRawCallbackMethod_VerifySnapshot<
                v1::AdminService::WithRawCallbackMethod_DeleteSnapshot<
                    v1::AdminService::WithRawCallbackMethod_GetSnapshotSchedule<
                        v1::AdminService::WithRawCallbackMethod_RestoreSnapshot<
                            RawTransferService>>>>>>>;

using RawAdminService = v1::AdminService::WithRawCallbackMethod_GetServerInfo<
    v1::AdminService::WithRawCallbackMethod_GetStats<
        v1::AdminService::WithRawCallbackMethod_LoadModel<
            v1::AdminService::WithRawCallbackMethod_UnloadModel<
                v1::AdminService::WithRawCallbackMethod_VerifyData<RawSnapshotService>>>>>;

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
  grpc::ServerUnaryReactor* CreateSnapshot(grpc::CallbackServerContext* context,
                                           const grpc::ByteBuffer* request,
                                           grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* ListSnapshots(grpc::CallbackServerContext* context,
                                          const grpc::ByteBuffer* request,
                                          grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* GetSnapshot(grpc::CallbackServerContext* context,
                                        const grpc::ByteBuffer* request,
                                        grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* VerifySnapshot(grpc::CallbackServerContext* context,
                                           const grpc::ByteBuffer* request,
                                           grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* DeleteSnapshot(grpc::CallbackServerContext* context,
                                           const grpc::ByteBuffer* request,
                                           grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* GetSnapshotSchedule(grpc::CallbackServerContext* context,
                                                const grpc::ByteBuffer* request,
                                                grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* RestoreSnapshot(grpc::CallbackServerContext* context,
                                            const grpc::ByteBuffer* request,
                                            grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* VerifyData(grpc::CallbackServerContext* context,
                                       const grpc::ByteBuffer* request,
                                       grpc::ByteBuffer* response) override;
  // snapshot_transfer.cc
  grpc::ServerUnaryReactor* GetSnapshotManifest(grpc::CallbackServerContext* context,
                                                const grpc::ByteBuffer* request,
                                                grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* ReadSnapshotChunk(grpc::CallbackServerContext* context,
                                              const grpc::ByteBuffer* request,
                                              grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* BeginSnapshotUpload(grpc::CallbackServerContext* context,
                                                const grpc::ByteBuffer* request,
                                                grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* WriteSnapshotChunk(grpc::CallbackServerContext* context,
                                               const grpc::ByteBuffer* request,
                                               grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* FinishSnapshotUpload(grpc::CallbackServerContext* context,
                                                 const grpc::ByteBuffer* request,
                                                 grpc::ByteBuffer* response) override;

 private:
  RpcRuntime& runtime_;
};

}  // namespace simile

#endif  // SIMILE_SERVER_RPC_ADMIN_SERVICE_H_

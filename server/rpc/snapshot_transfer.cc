// Snapshots to and from other machines, in chunks: calls of AdminService (admin_service.h).
#include "base/crc32c.h"
#include "fmt/format.h"
#include "server/rpc/admin_service.h"
#include "server/rpc/convert_snapshot.h"
#include "server/rpc/unary_call.h"

namespace simile {

grpc::ServerUnaryReactor* AdminService::GetSnapshotManifest(grpc::CallbackServerContext* context,
                                                            const grpc::ByteBuffer* request,
                                                            grpc::ByteBuffer* response) {
  return UnaryCall<v1::GetSnapshotManifestRequest, v1::SnapshotManifestText>::Start(
      runtime_, runtime_.admin_pool, *context, request, response,
      [this](const auto& message, const CallContext&) -> absl::StatusOr<v1::SnapshotManifestText> {
        const auto manifest = runtime_.database.ReadSnapshot(message.name());
        if (!manifest.ok()) return manifest.status();
        v1::SnapshotManifestText proto;
        proto.set_manifest(EncodeManifest(*manifest));
        for (const SnapshotFile& file : manifest->files) ToProto(file, *proto.add_files());
        return proto;
      });
}

grpc::ServerUnaryReactor* AdminService::ReadSnapshotChunk(grpc::CallbackServerContext* context,
                                                          const grpc::ByteBuffer* request,
                                                          grpc::ByteBuffer* response) {
  return UnaryCall<v1::ReadSnapshotChunkRequest, v1::SnapshotChunk>::Start(
      runtime_, runtime_.admin_pool, *context, request, response,
      [this](const auto& message, const CallContext&) -> absl::StatusOr<v1::SnapshotChunk> {
        auto bytes = runtime_.database.ReadSnapshotChunk(message.name(), message.path(),
                                                         message.offset(), message.length());
        if (!bytes.ok()) return bytes.status();
        v1::SnapshotChunk proto;
        proto.set_crc32c(Crc32c(*bytes));
        proto.set_data(*std::move(bytes));
        return proto;
      });
}

grpc::ServerUnaryReactor* AdminService::BeginSnapshotUpload(grpc::CallbackServerContext* context,
                                                            const grpc::ByteBuffer* request,
                                                            grpc::ByteBuffer* response) {
  return UnaryCall<v1::BeginSnapshotUploadRequest, v1::SnapshotUpload>::Start(
      runtime_, runtime_.admin_pool, *context, request, response,
      [this](const auto& message, const CallContext& call) -> absl::StatusOr<v1::SnapshotUpload> {
        const auto upload =
            runtime_.database.BeginSnapshotUpload(message.name(), message.manifest(), call);
        if (!upload.ok()) return upload.status();
        v1::SnapshotUpload proto;
        ToProto(*upload, /*with_files=*/true, proto);
        return proto;
      },
      kRestoreDeadlineMsMax);
}

grpc::ServerUnaryReactor* AdminService::WriteSnapshotChunk(grpc::CallbackServerContext* context,
                                                           const grpc::ByteBuffer* request,
                                                           grpc::ByteBuffer* response) {
  return UnaryCall<v1::WriteSnapshotChunkRequest, v1::WriteSnapshotChunkResponse>::Start(
      runtime_, runtime_.admin_pool, *context, request, response,
      [this](const auto& message,
             const CallContext&) -> absl::StatusOr<v1::WriteSnapshotChunkResponse> {
        const uint32_t crc32c = Crc32c(message.data());
        if (crc32c != message.crc32c()) {
          return absl::DataLossError(
              fmt::format("the chunk of {} at {} has CRC-32C {:08x}, not {:08x}: send it again",
                          message.path(), message.offset(), crc32c, message.crc32c()));
        }
        const auto held = runtime_.database.WriteSnapshotChunk(message.name(), message.path(),
                                                               message.offset(), message.data());
        if (!held.ok()) return held.status();
        v1::WriteSnapshotChunkResponse proto;
        proto.set_bytes_held(*held);
        return proto;
      });
}

grpc::ServerUnaryReactor* AdminService::FinishSnapshotUpload(grpc::CallbackServerContext* context,
                                                             const grpc::ByteBuffer* request,
                                                             grpc::ByteBuffer* response) {
  return UnaryCall<v1::FinishSnapshotUploadRequest, v1::Snapshot>::Start(
      runtime_, runtime_.admin_pool, *context, request, response,
      [this](const auto& message, const CallContext& call) -> absl::StatusOr<v1::Snapshot> {
        const auto manifest = runtime_.database.FinishSnapshotUpload(message.name(), call);
        if (!manifest.ok()) return manifest.status();
        v1::Snapshot proto;
        ToProto(*manifest, /*with_files=*/true, proto);
        return proto;
      },
      kRestoreDeadlineMsMax);
}

}  // namespace simile

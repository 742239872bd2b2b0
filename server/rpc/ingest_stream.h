#ifndef SIMILE_SERVER_RPC_INGEST_STREAM_H_
#define SIMILE_SERVER_RPC_INGEST_STREAM_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/engine/ingest_session.h"
#include "server/engine/mutex.h"
#include "server/rpc/rpc_runtime.h"
#include "server/rpc/stall_alarm.h"
#include "simile/v1/document_service.pb.h"

namespace simile {

// One IngestDocuments stream. At most one batch is worked on and one is read ahead; the next is
// read only when both the server's byte budget and the client's reading of acknowledgements leave
// room, so memory stays bounded however fast the client sends. Owns itself: gRPC calls OnDone last.
//
// Thread safety: the reactions may come from any thread; state is guarded by one mutex.
class IngestStream final : public grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  // Begins to read, or finishes at once with ResourceExhausted or Unavailable.
  IngestStream(RpcRuntime& runtime, grpc::CallbackServerContext& context);
  ~IngestStream() override;

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override { delete this; }

  // Ends the stream with Unavailable after the batch that is being worked on.
  void Stop();

 private:
  void ReadOn() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void WorkOn() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void WriteOn() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void EndWith(const absl::Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // The last step of every reaction: the status to finish with, once, when the stream is ending and
  // nothing runs. Finish is called with it outside the lock. Whoever gets none must not touch the
  // stream any more either: another reaction may have finished it, and gRPC then deletes it.
  std::optional<grpc::Status> TakeEnd() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Room was made for the next message.
  void ResumeReading();

  // On a thread of the ingest pool, without the lock.
  void Work(grpc::ByteBuffer message);
  absl::StatusOr<v1::IngestDocumentsResponse> Handle(const grpc::ByteBuffer& message);
  absl::StatusOr<v1::IngestDocumentsResponse> HandleStart(const v1::IngestStart& start);
  absl::StatusOr<v1::IngestDocumentsResponse> HandleBatch(const v1::IngestBatch& batch);

  RpcRuntime& runtime_;
  const std::shared_ptr<std::atomic<bool>> cancelled_ = std::make_shared<std::atomic<bool>>(false);

  // Used by the one batch that is worked on.
  std::unique_ptr<IngestSession> session_;

  Mutex mutex_;
  grpc::ByteBuffer incoming_ ABSL_GUARDED_BY(mutex_);              // Being read by gRPC.
  std::optional<grpc::ByteBuffer> next_ ABSL_GUARDED_BY(mutex_);   // Read ahead.
  std::deque<grpc::ByteBuffer> outgoing_ ABSL_GUARDED_BY(mutex_);  // The first is being written.
  StallAlarm stall_alarm_ ABSL_GUARDED_BY(mutex_);  // For a client that reads nothing.
  absl::Status end_status_ ABSL_GUARDED_BY(mutex_);
  bool reading_ ABSL_GUARDED_BY(mutex_) = false;
  bool waiting_for_room_ ABSL_GUARDED_BY(mutex_) = false;
  bool working_ ABSL_GUARDED_BY(mutex_) = false;
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;  // Nothing more is read.
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace simile

#endif  // SIMILE_SERVER_RPC_INGEST_STREAM_H_

#include "server/rpc/ingest_stream.h"

#include <grpcpp/impl/codegen/proto_utils.h>

#include <chrono>
#include <utility>

#include "fmt/format.h"
#include "server/engine/errors.h"
#include "server/engine/stopwatch.h"
#include "server/rpc/call_start.h"
#include "server/rpc/convert_collection.h"
#include "server/rpc/convert_document.h"
#include "server/rpc/convert_value.h"
#include "server/rpc/error_mapping.h"
#include "server/rpc/message_check.h"

namespace simile {
namespace {

// Acknowledgements that may wait for a slow reader before no further batch is begun.
constexpr size_t kOutgoingMax = 4;

constexpr std::chrono::milliseconds kRetryAfterTooMany{1'000};

}  // namespace

IngestStream::IngestStream(RpcRuntime& runtime, grpc::CallbackServerContext& context)
    : runtime_(runtime), stall_alarm_(context) {
  const bool admitted = runtime_.ingest_streams.Add(this);
  std::optional<grpc::Status> end;
  {
    WriteLock lock(mutex_);
    if (!admitted) {
      EndWith(WithRetryAfter(
          absl::ResourceExhaustedError(fmt::format("{} ingest streams are open, which is the most "
                                                   "there may be; close one or try again later",
                                                   kIngestStreamsMax)),
          kRetryAfterTooMany));
    } else if (runtime_.stopping) {
      EndWith(absl::UnavailableError("the server is stopping; try again when it is back"));
    }
    ReadOn();
    end = TakeEnd();
  }
  if (end.has_value()) Finish(*end);
}

IngestStream::~IngestStream() { runtime_.ingest_streams.Remove(this); }

void IngestStream::Stop() {
  WriteLock lock(mutex_);
  EndWith(absl::UnavailableError("the server is stopping; resume the import when it is back"));
  if (working_ || finished_) return;
  // Not from this thread: finishing leads to OnDone, which needs the lock the caller holds.
  working_ = true;
  runtime_.ingest_pool.SubmitAdmitted([this] {
    std::optional<grpc::Status> end;
    {
      WriteLock task_lock(mutex_);
      working_ = false;
      end = TakeEnd();
    }
    if (end.has_value()) Finish(*end);
  });
}

void IngestStream::OnReadDone(bool ok) {
  std::optional<grpc::Status> end;
  {
    WriteLock lock(mutex_);
    reading_ = false;
    if (!ok) {
      ending_ = true;  // The client has sent all it had, or is gone.
    } else if (!finished_) {
      runtime_.bytes_in_flight.Take(incoming_.Length());
      next_ = std::exchange(incoming_, grpc::ByteBuffer());
      WorkOn();
      ReadOn();
    }
    end = TakeEnd();
  }
  if (end.has_value()) Finish(*end);
}

void IngestStream::OnWriteDone(bool ok) {
  std::optional<grpc::Status> end;
  {
    WriteLock lock(mutex_);
    writing_ = false;
    stall_alarm_.Stop();
    outgoing_.pop_front();
    if (!ok) {
      outgoing_.clear();
      EndWith(absl::CancelledError("the client is gone"));
    }
    WriteOn();
    WorkOn();
    ReadOn();
    end = TakeEnd();
  }
  if (end.has_value()) Finish(*end);
}

void IngestStream::OnCancel() {
  cancelled_->store(true);
  std::optional<grpc::Status> end;
  {
    WriteLock lock(mutex_);
    EndWith(absl::CancelledError("the client cancelled the stream"));
    end = TakeEnd();
  }
  if (end.has_value()) Finish(*end);
}

void IngestStream::ReadOn() {
  if (reading_ || waiting_for_room_ || next_.has_value() || ending_) return;
  waiting_for_room_ = !runtime_.bytes_in_flight.HasRoom([this] {
    // Whoever makes room may hold the lock of this or another stream.
    runtime_.ingest_pool.SubmitAdmitted([this] { ResumeReading(); });
  });
  if (waiting_for_room_) return;
  reading_ = true;
  StartRead(&incoming_);
}

void IngestStream::ResumeReading() {
  std::optional<grpc::Status> end;
  {
    WriteLock lock(mutex_);
    waiting_for_room_ = false;
    ReadOn();
    end = TakeEnd();
  }
  if (end.has_value()) Finish(*end);
}

void IngestStream::WorkOn() {
  if (working_ || !next_.has_value() || outgoing_.size() >= kOutgoingMax) return;
  if (!end_status_.ok()) return;
  working_ = true;
  runtime_.ingest_pool.SubmitAdmitted(
      [this, message = *std::exchange(next_, std::nullopt)] { Work(message); });
}

void IngestStream::Work(grpc::ByteBuffer message) {
  absl::StatusOr<v1::IngestDocumentsResponse> response;
  const absl::Status guarded = GuardedCall([&] {
    response = Handle(message);
    return response.status();
  });
  grpc::ByteBuffer bytes;
  bool own_buffer = false;
  absl::Status status = guarded;
  if (status.ok() && !grpc::SerializationTraits<v1::IngestDocumentsResponse>::Serialize(
                          *response, &bytes, &own_buffer)
                          .ok()) {
    status = absl::InternalError("the acknowledgement could not be serialised");
  }
  runtime_.bytes_in_flight.Release(message.Length());

  std::optional<grpc::Status> end;
  {
    WriteLock lock(mutex_);
    working_ = false;
    if (status.ok()) {
      outgoing_.push_back(std::move(bytes));
      WriteOn();
    } else {
      EndWith(status);
    }
    WorkOn();
    ReadOn();
    end = TakeEnd();
  }
  if (end.has_value()) Finish(*end);
}

void IngestStream::WriteOn() {
  if (writing_ || outgoing_.empty() || finished_) return;
  writing_ = true;
  stall_alarm_.Start();
  StartWrite(&outgoing_.front());
}

void IngestStream::EndWith(const absl::Status& status) {
  ending_ = true;
  if (end_status_.ok()) end_status_ = status;
}

std::optional<grpc::Status> IngestStream::TakeEnd() {
  if (finished_ || !ending_ || working_ || writing_ || waiting_for_room_) return std::nullopt;
  if (next_.has_value()) {
    if (end_status_.ok()) return std::nullopt;  // The last batch still waits for its turn.
    runtime_.bytes_in_flight.Release(next_->Length());
    next_.reset();
  }
  finished_ = true;
  return ToGrpcStatus(end_status_);
}

absl::StatusOr<v1::IngestDocumentsResponse> IngestStream::Handle(const grpc::ByteBuffer& message) {
  if (absl::Status s = CheckMessage(runtime_, message.Length()); !s.ok()) return s;
  const auto request = ParseMessage<v1::IngestDocumentsRequest>(message);
  if (!request.ok()) return request.status();
  if (request->has_start() && session_ == nullptr) return HandleStart(request->start());
  if (request->has_batch() && session_ != nullptr) return HandleBatch(request->batch());
  return absl::InvalidArgumentError(
      session_ == nullptr ? "the first message of an ingest stream must be `start`"
                          : "after `start` every message of an ingest stream must be a `batch`");
}

absl::StatusOr<v1::IngestDocumentsResponse> IngestStream::HandleStart(
    const v1::IngestStart& start) {
  const auto collection = FindCollection(runtime_.database, start.collection(), "start.collection");
  if (!collection.ok()) return collection.status();
  auto session = runtime_.database.ingest_sessions().Open(*collection, start.session_id(),
                                                          FromProto(start.durability()));
  if (!session.ok()) return session.status();
  session_ = *std::move(session);
  v1::IngestDocumentsResponse response;
  response.mutable_ready()->set_items_done(session_->items_done());
  response.mutable_ready()->set_batch_max(kBatchMax);
  response.mutable_ready()->set_batch_bytes_max(runtime_.options.message_bytes_max);
  return response;
}

absl::StatusOr<v1::IngestDocumentsResponse> IngestStream::HandleBatch(
    const v1::IngestBatch& batch) {
  const Stopwatch total;
  if (absl::Status s = CheckBatchSize(batch.documents_size(), "documents"); !s.ok()) return s;
  const CallContext context{.cancelled = [cancelled = cancelled_] { return cancelled->load(); },
                            .waits_for_room = true};
  auto report = session_->Upsert(batch.first_item(), FromProto(batch.documents()), context);
  if (!report.ok()) return report.status();
  v1::IngestDocumentsResponse response;
  v1::IngestAcknowledgement& acknowledgement = *response.mutable_acknowledgement();
  acknowledgement.set_first_item(batch.first_item());
  for (const UpsertOutcome& outcome : report->outcomes) {
    ToProto(outcome, *acknowledgement.add_results());
  }
  acknowledgement.set_commit_sequence(report->commit_sequence);
  acknowledgement.set_durability(ToProto(report->durability));
  ToProto(report->timings, *acknowledgement.mutable_timings());
  acknowledgement.mutable_timings()->set_total_us(static_cast<uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(total.Elapsed()).count()));
  return response;
}

}  // namespace simile

#include "client/importer.h"

#include <grpcpp/client_context.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <random>
#include <thread>
#include <utility>

#include "client/client_state.h"

namespace simile {
namespace {

std::string RandomSessionId() {
  std::random_device device;
  return fmt::format("{:08x}{:08x}{:08x}{:08x}", device(), device(), device(), device());
}

}  // namespace

class Importer::Stream {
 public:
  Stream(Client::State& client, const ImportOptions& options, OnResult on_result)
      : client_(client), options_(options), on_result_(std::move(on_result)) {
    if (options_.session_id.empty()) options_.session_id = RandomSessionId();
  }

  ~Stream() { Close(/*cancel=*/true); }

  absl::Status Add(v1::Document document) {
    collected_bytes_ += document.ByteSizeLong();
    *collected_.add_documents() = std::move(document);
    const auto count = static_cast<size_t>(collected_.documents_size());
    if (count < options_.batch_documents && collected_bytes_ < options_.batch_bytes) {
      return absl::OkStatus();
    }
    return SendCollected();
  }

  absl::Status Finish() {
    if (collected_.documents_size() > 0) {
      if (absl::Status s = SendCollected(); !s.ok()) return s;
    }
    while (HasPending()) {
      if (absl::Status s = WaitForWindow(1); !s.ok()) return s;
    }
    Close(/*cancel=*/false);
    return absl::OkStatus();
  }

 private:
  using Call = grpc::ClientReaderWriter<v1::IngestDocumentsRequest, v1::IngestDocumentsResponse>;

  absl::Status SendCollected() {
    v1::IngestDocumentsRequest request;
    collected_.set_first_item(next_item_);
    next_item_ += static_cast<uint64_t>(collected_.documents_size());
    *request.mutable_batch() = std::exchange(collected_, v1::IngestBatch());
    collected_bytes_ = 0;
    if (absl::Status s = WaitForWindow(std::max<size_t>(options_.window_batches, 1)); !s.ok())
      return s;
    {
      std::lock_guard lock(mutex_);
      pending_.push_back(std::move(request));
      DropStored();
      if (pending_.empty()) return absl::OkStatus();
      request = pending_.back();
    }
    // A write that fails shows as a broken stream in the next wait, which sends the batch again.
    call_->Write(request);
    return absl::OkStatus();
  }

  bool HasPending() {
    std::lock_guard lock(mutex_);
    return !pending_.empty();
  }

  // Until fewer than `window` batches are pending, on a stream that works.
  absl::Status WaitForWindow(size_t window) {
    for (;;) {
      grpc::Status status = call_ == nullptr ? Open() : grpc::Status::OK;
      if (call_ != nullptr) {
        {
          std::unique_lock lock(mutex_);
          changed_.wait(lock, [&] { return broken_ || pending_.size() < window; });
          if (!broken_) return absl::OkStatus();
        }
        status = Close(/*cancel=*/false);
      }
      if (absl::Status s = PauseAfter(status); !s.ok()) return s;
    }
  }

  // Opens a stream and sends again what the server has not stored. Without a stream afterwards, the
  // status says why.
  grpc::Status Open() {
    v1::IngestDocumentsResponse response;
    context_ = std::make_unique<grpc::ClientContext>();
    call_ = client_.documents->IngestDocuments(context_.get());
    v1::IngestDocumentsRequest start;
    start.mutable_start()->set_collection(options_.collection);
    start.mutable_start()->set_durability(options_.durability);
    start.mutable_start()->set_session_id(options_.session_id);
    if (call_->Write(start) && call_->Read(&response) && response.has_ready()) {
      Resume(response.ready().items_done());
      return grpc::Status::OK;
    }
    return Close(/*cancel=*/false);
  }

  // OK, after a pause, when another stream may get further than the one that ended with `status`.
  absl::Status PauseAfter(const grpc::Status& status) {
    if (status.ok()) {
      return absl::InternalError(
          fmt::format("{} ended the stream before it had stored everything, without a reason",
                      client_.options.server));
    }
    int failures = 0;
    {
      std::lock_guard lock(mutex_);
      failures = ++failures_;
    }
    if (failures == 1) backoff_ = Backoff();
    const auto pause = Client::State::PauseBeforeNext(status, Repeat::kSafely, backoff_);
    if (!pause.has_value() || failures >= client_.options.attempts_max) {
      return FromGrpcStatus(status, client_.options.server);
    }
    std::this_thread::sleep_for(*pause);
    return absl::OkStatus();
  }

  void Resume(uint64_t items_done) {
    std::deque<v1::IngestDocumentsRequest> again;
    {
      std::lock_guard lock(mutex_);
      broken_ = false;
      items_done_ = items_done;
      DropStored();
      again = pending_;
    }
    reader_ = std::thread([this] { ReadAcknowledgements(); });
    for (const v1::IngestDocumentsRequest& request : again) call_->Write(request);
  }

  // Takes out of `pending_` what the session had stored before the stream began: in a stream that
  // broke, or in an earlier run, whose batches may have had other sizes. Needs the lock.
  void DropStored() {
    while (!pending_.empty()) {
      v1::IngestBatch& batch = *pending_.front().mutable_batch();
      const uint64_t first = batch.first_item();
      const int stored = static_cast<int>(std::min(static_cast<uint64_t>(batch.documents_size()),
                                                   std::max(items_done_, first) - first));
      for (int at = 0; at < stored; ++at) {
        on_result_(first + static_cast<uint64_t>(at), v1::UpsertResult());
      }
      if (stored < batch.documents_size()) {
        batch.mutable_documents()->DeleteSubrange(0, stored);
        batch.set_first_item(first + static_cast<uint64_t>(stored));
        return;
      }
      pending_.pop_front();
    }
  }

  void ReadAcknowledgements() {
    v1::IngestDocumentsResponse response;
    while (call_->Read(&response)) {
      const v1::IngestAcknowledgement& done = response.acknowledgement();
      std::lock_guard lock(mutex_);
      for (int at = 0; at < done.results_size(); ++at) {
        on_result_(done.first_item() + static_cast<uint64_t>(at), done.results(at));
      }
      if (!pending_.empty()) pending_.pop_front();
      failures_ = 0;
      changed_.notify_all();
    }
    std::lock_guard lock(mutex_);
    broken_ = true;
    changed_.notify_all();
  }

  grpc::Status Close(bool cancel) {
    if (call_ == nullptr) return grpc::Status::OK;
    if (cancel) {
      context_->TryCancel();
    } else {
      call_->WritesDone();
    }
    if (reader_.joinable()) reader_.join();
    const grpc::Status status = call_->Finish();
    call_.reset();
    return status;
  }

  Client::State& client_;
  ImportOptions options_;
  const OnResult on_result_;

  // Used by the thread that adds.
  v1::IngestBatch collected_;
  size_t collected_bytes_ = 0;
  uint64_t next_item_ = 0;
  std::unique_ptr<grpc::ClientContext> context_;
  std::unique_ptr<Call> call_;
  std::thread reader_;
  Backoff backoff_;

  std::mutex mutex_;  // Guards all below.
  std::condition_variable changed_;
  std::deque<v1::IngestDocumentsRequest> pending_;  // Sent, not acknowledged; in order.
  uint64_t items_done_ = 0;                         // Of the session, when the stream began.
  int failures_ = 0;  // Streams that ended since the last acknowledgement.
  bool broken_ = false;
};

Importer::Importer(Client& client, const ImportOptions& options, OnResult on_result)
    : stream_(std::make_unique<Stream>(*client.state_, options, std::move(on_result))) {}

Importer::~Importer() = default;

absl::Status Importer::Add(v1::Document document) { return stream_->Add(std::move(document)); }

absl::Status Importer::Finish() { return stream_->Finish(); }

}  // namespace simile

#ifndef SIMILE_TESTS_CLIENT_FAKE_INGEST_SERVICE_H_
#define SIMILE_TESTS_CLIENT_FAKE_INGEST_SERVICE_H_

#include <grpcpp/grpcpp.h>

#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "simile/v1/document_service.grpc.pb.h"

namespace simile {

// How one ingest stream ends before the client wants it to.
struct StreamEnd {
  grpc::Status status;
  size_t batches = 0;       // The stream acknowledges so many before.
  bool store_next = false;  // Stores one more batch and ends before the acknowledgement.
  bool before_ready = false;
};

// One session of IngestDocuments, as document_service.proto describes it; documents are kept in
// order. What the client must not do ends the stream with OUT_OF_RANGE.
//
// Thread safety: all methods may be called together; streams one after the other.
class FakeIngestService final : public v1::DocumentService::Service {
 public:
  // The first streams end so; all later ones work.
  void EndStreams(std::deque<StreamEnd> ends) {
    std::lock_guard lock(mutex_);
    ends_ = std::move(ends);
  }

  // What an earlier run has stored.
  void Store(const std::vector<std::string>& ids) {
    std::lock_guard lock(mutex_);
    ids_ = ids;
  }

  // Acknowledges the oldest batch only when so many wait for it, until `batches` have come.
  void AcknowledgeLate(size_t waiting, size_t batches) {
    std::lock_guard lock(mutex_);
    waiting_ = waiting;
    batches_expected_ = batches;
  }

  std::vector<std::string> ids() {
    std::lock_guard lock(mutex_);
    return ids_;
  }

  std::vector<v1::IngestStart> starts() {
    std::lock_guard lock(mutex_);
    return starts_;
  }

  // Of each batch that was stored.
  std::vector<int> batch_sizes() {
    std::lock_guard lock(mutex_);
    return batch_sizes_;
  }

  size_t batches_acknowledged() {
    std::lock_guard lock(mutex_);
    return batches_acknowledged_;
  }

 private:
  using Stream = grpc::ServerReaderWriter<v1::IngestDocumentsResponse, v1::IngestDocumentsRequest>;

  grpc::Status IngestDocuments(grpc::ServerContext* /*context*/, Stream* stream) override {
    v1::IngestDocumentsRequest request;
    if (!stream->Read(&request)) return grpc::Status::CANCELLED;
    const std::optional<StreamEnd> end = Begin(request.start());
    if (end.has_value() && end->before_ready) return end->status;
    v1::IngestDocumentsResponse ready;
    ready.mutable_ready()->set_items_done(ids().size());
    stream->Write(ready);

    std::deque<v1::IngestAcknowledgement> waiting;
    for (size_t batches = 0;; ++batches) {
      const bool ends = end.has_value() && batches == end->batches;
      if (ends && !end->store_next) return end->status;
      if (!stream->Read(&request)) return grpc::Status::OK;
      if (!Keep(request.batch())) {
        return grpc::Status(grpc::StatusCode::OUT_OF_RANGE, "the batch does not follow");
      }
      if (ends) return end->status;
      waiting.push_back(ResultsOf(request.batch()));
      while (MayAcknowledge(waiting.size())) {
        v1::IngestDocumentsResponse response;
        *response.mutable_acknowledgement() = waiting.front();
        stream->Write(response);
        waiting.pop_front();
      }
    }
  }

  std::optional<StreamEnd> Begin(const v1::IngestStart& start) {
    std::lock_guard lock(mutex_);
    starts_.push_back(start);
    if (ends_.empty()) return std::nullopt;
    const StreamEnd end = ends_.front();
    ends_.pop_front();
    return end;
  }

  bool Keep(const v1::IngestBatch& batch) {
    std::lock_guard lock(mutex_);
    if (batch.first_item() != ids_.size() || batch.documents().empty()) return false;
    for (const v1::Document& document : batch.documents()) ids_.push_back(document.id());
    batch_sizes_.push_back(batch.documents_size());
    return true;
  }

  // A document called "bad" fails.
  static v1::IngestAcknowledgement ResultsOf(const v1::IngestBatch& batch) {
    v1::IngestAcknowledgement acknowledgement;
    acknowledgement.set_first_item(batch.first_item());
    for (const v1::Document& document : batch.documents()) {
      v1::UpsertResult& result = *acknowledgement.add_results();
      result.set_id(document.id());
      if (document.id() != "bad") continue;
      result.mutable_status()->set_code(grpc::StatusCode::INVALID_ARGUMENT);
      result.mutable_status()->set_message("it is bad");
    }
    return acknowledgement;
  }

  bool MayAcknowledge(size_t waiting) {
    std::lock_guard lock(mutex_);
    if (waiting == 0) return false;
    if (waiting < waiting_ && batch_sizes_.size() < batches_expected_) return false;
    ++batches_acknowledged_;
    return true;
  }

  std::mutex mutex_;
  std::deque<StreamEnd> ends_;
  std::vector<std::string> ids_;
  std::vector<v1::IngestStart> starts_;
  std::vector<int> batch_sizes_;
  size_t waiting_ = 1;
  size_t batches_expected_ = 0;
  size_t batches_acknowledged_ = 0;
};

}  // namespace simile

#endif  // SIMILE_TESTS_CLIENT_FAKE_INGEST_SERVICE_H_

#ifndef SIMILE_CLIENT_SIMILE_CLIENT_H_
#define SIMILE_CLIENT_SIMILE_CLIENT_H_

#include <chrono>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "simile/v1/admin_service.pb.h"
#include "simile/v1/collection_service.pb.h"
#include "simile/v1/document_service.pb.h"
#include "simile/v1/embedding_service.pb.h"
#include "simile/v1/search_service.pb.h"

namespace simile {

struct ClientOptions {
  std::string server = "127.0.0.1:7464";      // ADDRESS:PORT.
  std::chrono::milliseconds timeout{60'000};  // Of one call, all its attempts together.
  int attempts_max = 5;                       // The first one included. 1: no retries.
};

// A Simile server. The vocabulary is that of the wire: the .proto files say what each request means
// and which errors it has. Errors keep their gRPC code and message; CANCELLED becomes UNAVAILABLE,
// since only a server that stops cancels what this library waits for.
//
// A call that the server refused with a time to try again (RetryInfo, with any code) has done
// nothing and is repeated after that time. After UNAVAILABLE without such a time it is repeated
// after a growing pause, but never CreateCollection, DeleteCollection, LoadModel, UnloadModel,
// CreateSnapshot, DeleteSnapshot, RestoreSnapshot or FinishSnapshotUpload, and UpsertDocuments only
// when every document has an id. A request above 64 MiB is RESOURCE_EXHAUSTED without asking the
// server, whatever the server allows.
//
// Thread safety: all methods may be called together. Connects at the first call.
class Client {
 public:
  explicit Client(const ClientOptions& options);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  absl::StatusOr<v1::Collection> CreateCollection(const v1::CreateCollectionRequest& request);
  absl::StatusOr<v1::Collection> GetCollection(const std::string& name);
  absl::StatusOr<v1::ListCollectionsResponse> ListCollections(
      const v1::ListCollectionsRequest& request);
  absl::StatusOr<v1::Collection> UpdateCollection(const v1::UpdateCollectionRequest& request);
  absl::Status DeleteCollection(const std::string& name);

  // For many documents see Importer (client/importer.h).
  absl::StatusOr<v1::UpsertDocumentsResponse> UpsertDocuments(
      const v1::UpsertDocumentsRequest& request);
  absl::StatusOr<v1::GetDocumentsResponse> GetDocuments(const v1::GetDocumentsRequest& request);
  absl::StatusOr<v1::DeleteDocumentsResponse> DeleteDocuments(
      const v1::DeleteDocumentsRequest& request);
  absl::StatusOr<v1::ListDocumentsResponse> ListDocuments(const v1::ListDocumentsRequest& request);
  absl::StatusOr<uint64_t> CountDocuments(const std::string& collection);
  absl::StatusOr<v1::CountDocumentsResponse> CountDocuments(
      const v1::CountDocumentsRequest& request);
  absl::StatusOr<v1::UpdateMetadataResponse> UpdateMetadata(
      const v1::UpdateMetadataRequest& request);

  absl::StatusOr<v1::SearchResponse> Search(const v1::SearchRequest& request);
  absl::StatusOr<v1::SearchBatchResponse> SearchBatch(const v1::SearchBatchRequest& request);

  // The nearest `limit` documents to a text.
  absl::StatusOr<v1::SearchResponse> SearchText(const std::string& collection,
                                                const std::string& text, uint32_t limit = 10);

  absl::StatusOr<v1::EmbedResponse> Embed(const v1::EmbedRequest& request);
  absl::StatusOr<v1::TokenizeResponse> Tokenize(const v1::TokenizeRequest& request);
  absl::StatusOr<v1::ListModelsResponse> ListModels();

  absl::StatusOr<v1::ServerInfo> GetServerInfo();
  absl::StatusOr<v1::ServerStats> GetStats();
  absl::StatusOr<v1::ModelInfo> LoadModel(const std::string& name);
  absl::Status UnloadModel(const std::string& name);

  // An empty name lets the server make one of the time; an empty collection means all.
  absl::StatusOr<v1::Snapshot> CreateSnapshot(const std::string& name,
                                              const std::string& collection = "");
  absl::StatusOr<v1::ListSnapshotsResponse> ListSnapshots();
  absl::StatusOr<v1::Snapshot> GetSnapshot(const std::string& name);
  absl::StatusOr<v1::VerifySnapshotResponse> VerifySnapshot(const std::string& name);
  absl::Status DeleteSnapshot(const std::string& name);
  absl::StatusOr<v1::SnapshotSchedule> GetSnapshotSchedule();
  absl::StatusOr<v1::RestoreSnapshotResponse> RestoreSnapshot(
      const v1::RestoreSnapshotRequest& request);

  // One page; an empty token for the first.
  absl::StatusOr<v1::VerifyDataResponse> VerifyData(const std::string& page_token);

  // A snapshot's way to another machine and back, file by file. Chunks have at most
  // Limits.snapshot_chunk_bytes_max bytes; their CRC-32C is for the caller to make and to compare.
  // After an interruption the way goes on where the copy ends: of what was downloaded the caller
  // knows it, of what was uploaded BeginSnapshotUpload tells. `simile snapshot download` and
  // `upload` are made of these.
  absl::StatusOr<v1::SnapshotManifestText> GetSnapshotManifest(const std::string& name);
  absl::StatusOr<v1::SnapshotChunk> ReadSnapshotChunk(const v1::ReadSnapshotChunkRequest& request);
  absl::StatusOr<v1::SnapshotUpload> BeginSnapshotUpload(
      const v1::BeginSnapshotUploadRequest& request);
  absl::StatusOr<v1::WriteSnapshotChunkResponse> WriteSnapshotChunk(
      const v1::WriteSnapshotChunkRequest& request);
  // Not repeated when nobody knows whether it was done: ask BeginSnapshotUpload.
  absl::StatusOr<v1::Snapshot> FinishSnapshotUpload(const std::string& name);

  // True when the server says that it serves. Never repeated.
  absl::StatusOr<bool> IsServing();

  const ClientOptions& options() const;

 private:
  friend class Importer;
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace simile

#endif  // SIMILE_CLIENT_SIMILE_CLIENT_H_

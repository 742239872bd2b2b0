#include "client/simile_client.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include "client/client_state.h"

namespace simile {
namespace {

constexpr std::chrono::milliseconds kLongestPause{5'000};

std::shared_ptr<grpc::Channel> NewChannel(const std::string& server) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  arguments.SetMaxSendMessageSize(-1);
  // Each client has connections of its own, so that several really use several.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(server, grpc::InsecureChannelCredentials(), arguments);
}

}  // namespace

std::chrono::milliseconds Backoff::Next() {
  const auto half = longest_ / 2;
  const auto pause =
      half + std::chrono::milliseconds(random_() % static_cast<unsigned long>(half.count() + 1));
  longest_ = std::min(2 * longest_, kLongestPause);
  return pause;
}

Client::State::State(const ClientOptions& chosen)
    : options(chosen),
      channel(NewChannel(chosen.server)),
      collections(v1::CollectionService::NewStub(channel)),
      documents(v1::DocumentService::NewStub(channel)),
      search(v1::SearchService::NewStub(channel)),
      embedding(v1::EmbeddingService::NewStub(channel)),
      admin(v1::AdminService::NewStub(channel)),
      health(grpc::health::v1::Health::NewStub(channel)) {}

std::optional<std::chrono::milliseconds> Client::State::PauseBeforeNext(const grpc::Status& status,
                                                                        Repeat repeat,
                                                                        Backoff& backoff) {
  if (repeat == Repeat::kNever) return std::nullopt;
  const auto asked = RetryDelayOf(status);
  // The server says when to come back only if it has done nothing.
  if (asked.has_value()) return std::max(*asked, backoff.Next());
  if (IsServerGone(status) && repeat == Repeat::kSafely) return backoff.Next();
  return std::nullopt;
}

Client::Client(const ClientOptions& options) : state_(std::make_unique<State>(options)) {}

Client::~Client() = default;

const ClientOptions& Client::options() const { return state_->options; }

absl::StatusOr<v1::Collection> Client::CreateCollection(
    const v1::CreateCollectionRequest& request) {
  return state_->Call(*state_->collections, &v1::CollectionService::Stub::CreateCollection, request,
                      Repeat::kIfRefused);
}

absl::StatusOr<v1::Collection> Client::GetCollection(const std::string& name) {
  v1::GetCollectionRequest request;
  request.set_name(name);
  return state_->Call(*state_->collections, &v1::CollectionService::Stub::GetCollection, request,
                      Repeat::kSafely);
}

absl::StatusOr<v1::ListCollectionsResponse> Client::ListCollections(
    const v1::ListCollectionsRequest& request) {
  return state_->Call(*state_->collections, &v1::CollectionService::Stub::ListCollections, request,
                      Repeat::kSafely);
}

absl::StatusOr<v1::Collection> Client::UpdateCollection(
    const v1::UpdateCollectionRequest& request) {
  return state_->Call(*state_->collections, &v1::CollectionService::Stub::UpdateCollection, request,
                      Repeat::kSafely);
}

absl::Status Client::DeleteCollection(const std::string& name) {
  v1::DeleteCollectionRequest request;
  request.set_name(name);
  return state_
      ->Call(*state_->collections, &v1::CollectionService::Stub::DeleteCollection, request,
             Repeat::kIfRefused)
      .status();
}

absl::StatusOr<v1::UpsertDocumentsResponse> Client::UpsertDocuments(
    const v1::UpsertDocumentsRequest& request) {
  const bool all_named =
      std::all_of(request.documents().begin(), request.documents().end(),
                  [](const v1::Document& document) { return !document.id().empty(); });
  return state_->Call(*state_->documents, &v1::DocumentService::Stub::UpsertDocuments, request,
                      all_named ? Repeat::kSafely : Repeat::kIfRefused);
}

absl::StatusOr<v1::GetDocumentsResponse> Client::GetDocuments(
    const v1::GetDocumentsRequest& request) {
  return state_->Call(*state_->documents, &v1::DocumentService::Stub::GetDocuments, request,
                      Repeat::kSafely);
}

absl::StatusOr<v1::DeleteDocumentsResponse> Client::DeleteDocuments(
    const v1::DeleteDocumentsRequest& request) {
  return state_->Call(*state_->documents, &v1::DocumentService::Stub::DeleteDocuments, request,
                      Repeat::kSafely);
}

absl::StatusOr<v1::ListDocumentsResponse> Client::ListDocuments(
    const v1::ListDocumentsRequest& request) {
  return state_->Call(*state_->documents, &v1::DocumentService::Stub::ListDocuments, request,
                      Repeat::kSafely);
}

absl::StatusOr<uint64_t> Client::CountDocuments(const std::string& collection) {
  v1::CountDocumentsRequest request;
  request.set_collection(collection);
  const auto response = CountDocuments(request);
  if (!response.ok()) return response.status();
  return response->count();
}

absl::StatusOr<v1::CountDocumentsResponse> Client::CountDocuments(
    const v1::CountDocumentsRequest& request) {
  return state_->Call(*state_->documents, &v1::DocumentService::Stub::CountDocuments, request,
                      Repeat::kSafely);
}

absl::StatusOr<v1::UpdateMetadataResponse> Client::UpdateMetadata(
    const v1::UpdateMetadataRequest& request) {
  return state_->Call(*state_->documents, &v1::DocumentService::Stub::UpdateMetadata, request,
                      Repeat::kSafely);
}

absl::StatusOr<v1::SearchResponse> Client::Search(const v1::SearchRequest& request) {
  return state_->Call(*state_->search, &v1::SearchService::Stub::Search, request, Repeat::kSafely);
}

absl::StatusOr<v1::SearchBatchResponse> Client::SearchBatch(const v1::SearchBatchRequest& request) {
  return state_->Call(*state_->search, &v1::SearchService::Stub::SearchBatch, request,
                      Repeat::kSafely);
}

absl::StatusOr<v1::SearchResponse> Client::SearchText(const std::string& collection,
                                                      const std::string& text, uint32_t limit) {
  v1::SearchRequest request;
  request.set_collection(collection);
  request.mutable_query()->add_terms()->set_text(text);
  request.mutable_query()->set_limit(limit);
  return Search(request);
}

absl::StatusOr<v1::EmbedResponse> Client::Embed(const v1::EmbedRequest& request) {
  return state_->Call(*state_->embedding, &v1::EmbeddingService::Stub::Embed, request,
                      Repeat::kSafely);
}

absl::StatusOr<v1::TokenizeResponse> Client::Tokenize(const v1::TokenizeRequest& request) {
  return state_->Call(*state_->embedding, &v1::EmbeddingService::Stub::Tokenize, request,
                      Repeat::kSafely);
}

absl::StatusOr<v1::ListModelsResponse> Client::ListModels() {
  return state_->Call(*state_->embedding, &v1::EmbeddingService::Stub::ListModels,
                      v1::ListModelsRequest(), Repeat::kSafely);
}

absl::StatusOr<v1::ServerInfo> Client::GetServerInfo() {
  return state_->Call(*state_->admin, &v1::AdminService::Stub::GetServerInfo,
                      v1::GetServerInfoRequest(), Repeat::kSafely);
}

absl::StatusOr<v1::ModelInfo> Client::LoadModel(const std::string& name) {
  v1::LoadModelRequest request;
  request.set_name(name);
  return state_->Call(*state_->admin, &v1::AdminService::Stub::LoadModel, request,
                      Repeat::kIfRefused);
}

absl::Status Client::UnloadModel(const std::string& name) {
  v1::UnloadModelRequest request;
  request.set_name(name);
  return state_
      ->Call(*state_->admin, &v1::AdminService::Stub::UnloadModel, request, Repeat::kIfRefused)
      .status();
}

absl::StatusOr<v1::Snapshot> Client::CreateSnapshot(const std::string& name,
                                                    const std::string& collection) {
  v1::CreateSnapshotRequest request;
  request.set_name(name);
  request.set_collection(collection);
  return state_->Call(*state_->admin, &v1::AdminService::Stub::CreateSnapshot, request,
                      Repeat::kIfRefused);
}

absl::StatusOr<v1::ListSnapshotsResponse> Client::ListSnapshots() {
  return state_->Call(*state_->admin, &v1::AdminService::Stub::ListSnapshots,
                      v1::ListSnapshotsRequest(), Repeat::kSafely);
}

absl::StatusOr<v1::Snapshot> Client::GetSnapshot(const std::string& name) {
  v1::GetSnapshotRequest request;
  request.set_name(name);
  return state_->Call(*state_->admin, &v1::AdminService::Stub::GetSnapshot, request,
                      Repeat::kSafely);
}

absl::StatusOr<v1::VerifySnapshotResponse> Client::VerifySnapshot(const std::string& name) {
  v1::VerifySnapshotRequest request;
  request.set_name(name);
  return state_->Call(*state_->admin, &v1::AdminService::Stub::VerifySnapshot, request,
                      Repeat::kSafely);
}

absl::StatusOr<v1::SnapshotSchedule> Client::GetSnapshotSchedule() {
  return state_->Call(*state_->admin, &v1::AdminService::Stub::GetSnapshotSchedule,
                      v1::GetSnapshotScheduleRequest(), Repeat::kSafely);
}

absl::StatusOr<v1::VerifyDataResponse> Client::VerifyData(const std::string& page_token) {
  v1::VerifyDataRequest request;
  request.set_page_token(page_token);
  return state_->Call(*state_->admin, &v1::AdminService::Stub::VerifyData, request,
                      Repeat::kSafely);
}

absl::Status Client::DeleteSnapshot(const std::string& name) {
  v1::DeleteSnapshotRequest request;
  request.set_name(name);
  return state_
      ->Call(*state_->admin, &v1::AdminService::Stub::DeleteSnapshot, request, Repeat::kIfRefused)
      .status();
}

absl::StatusOr<v1::RestoreSnapshotResponse> Client::RestoreSnapshot(
    const v1::RestoreSnapshotRequest& request) {
  return state_->Call(*state_->admin, &v1::AdminService::Stub::RestoreSnapshot, request,
                      Repeat::kIfRefused);
}

absl::StatusOr<v1::SnapshotManifestText> Client::GetSnapshotManifest(const std::string& name) {
  v1::GetSnapshotManifestRequest request;
  request.set_name(name);
  return state_->Call(*state_->admin, &v1::AdminService::Stub::GetSnapshotManifest, request,
                      Repeat::kSafely);
}

absl::StatusOr<v1::SnapshotChunk> Client::ReadSnapshotChunk(
    const v1::ReadSnapshotChunkRequest& request) {
  return state_->Call(*state_->admin, &v1::AdminService::Stub::ReadSnapshotChunk, request,
                      Repeat::kSafely);
}

absl::StatusOr<v1::SnapshotUpload> Client::BeginSnapshotUpload(
    const v1::BeginSnapshotUploadRequest& request) {
  return state_->Call(*state_->admin, &v1::AdminService::Stub::BeginSnapshotUpload, request,
                      Repeat::kSafely);
}

absl::StatusOr<v1::WriteSnapshotChunkResponse> Client::WriteSnapshotChunk(
    const v1::WriteSnapshotChunkRequest& request) {
  return state_->Call(*state_->admin, &v1::AdminService::Stub::WriteSnapshotChunk, request,
                      Repeat::kSafely);
}

absl::StatusOr<v1::Snapshot> Client::FinishSnapshotUpload(const std::string& name) {
  v1::FinishSnapshotUploadRequest request;
  request.set_name(name);
  return state_->Call(*state_->admin, &v1::AdminService::Stub::FinishSnapshotUpload, request,
                      Repeat::kIfRefused);
}

absl::StatusOr<v1::ServerStats> Client::GetStats() {
  return state_->Call(*state_->admin, &v1::AdminService::Stub::GetStats, v1::GetStatsRequest(),
                      Repeat::kSafely);
}

absl::StatusOr<bool> Client::IsServing() {
  const auto response = state_->Call(*state_->health, &grpc::health::v1::Health::Stub::Check,
                                     grpc::health::v1::HealthCheckRequest(), Repeat::kNever);
  if (!response.ok()) return response.status();
  return response->status() == grpc::health::v1::HealthCheckResponse::SERVING;
}

}  // namespace simile

#include "server/rpc/admin_service.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "server/engine/version.h"
#include "server/rpc/convert_check.h"
#include "server/rpc/convert_search.h"
#include "server/rpc/convert_snapshot.h"
#include "server/rpc/embedding_service.h"
#include "server/rpc/unary_call.h"

namespace simile {
namespace {

v1::Limits LimitsOf(const RpcOptions& options) {
  v1::Limits limits;
  limits.set_message_bytes_max(options.message_bytes_max);
  limits.set_batch_max(kBatchMax);
  limits.set_id_bytes_max(kIdBytesMax);
  limits.set_text_bytes_max(kTextBytesMax);
  limits.set_metadata_keys_max(kMetadataKeysMax);
  limits.set_metadata_key_bytes_max(kMetadataKeyBytesMax);
  limits.set_metadata_bytes_max(kMetadataBytesMax);
  limits.set_metadata_depth_max(kMetadataDepthLimit);
  limits.set_dimension_max(kDimensionMax);
  limits.set_collections_max(kCollectionsMax);
  limits.set_collection_name_bytes_max(kCollectionNameBytesMax);
  limits.set_limit_max(kLimitMax);
  limits.set_offset_plus_limit_max(kOffsetPlusLimitMax);
  limits.set_ef_search_max(kEfSearchMax);
  limits.set_ef_construction_max(kEfConstructionMax);
  limits.set_m_max(kGraphLinksMax);
  limits.set_query_terms_max(kQueryTermsMax);
  limits.set_filter_depth_max(kFilterDepthMax);
  limits.set_filter_nodes_max(kFilterNodesMax);
  limits.set_filter_values_max(kFilterValuesMax);
  limits.set_facets_max(kFacetsMax);
  limits.set_facet_values_max(kFacetValuesMax);
  limits.set_facet_ranges_max(kFacetRangesMax);
  limits.set_filter_fields_max(kFilterFieldsMax);
  limits.set_filter_field_bytes_max(options.filter_field_bytes_max);
  limits.set_search_batch_max(kSearchBatchMax);
  limits.set_page_size_max(kPageSizeMax);
  limits.set_bytes_in_flight_max(options.bytes_in_flight_max);
  limits.set_search_queue_max(static_cast<uint32_t>(options.search_queue_max));
  limits.set_ingest_queue_max(static_cast<uint32_t>(options.ingest_queue_max));
  limits.set_admin_queue_max(static_cast<uint32_t>(options.admin_queue_max));
  limits.set_session_id_bytes_max(kSessionIdBytesMax);
  limits.set_ingest_streams_max(kIngestStreamsMax);
  limits.set_deadline_ms_max(kDeadlineMsMax);
  limits.set_restore_deadline_ms_max(kRestoreDeadlineMsMax);
  limits.set_message_items_max(kMessageItemsMax);
  limits.set_vector_length_max(kVectorLengthMax);
  limits.set_encoder_queued_tokens_max(kEncoderQueuedTokensMax);
  limits.set_encoder_queued_bytes_max(kEncoderQueuedBytesMax);
  limits.set_models_max(kModelsMax);
  limits.set_snapshots_max(kSnapshotsMax);
  // Beside the bytes a message names their file.
  limits.set_snapshot_chunk_bytes_max(
      std::min(kSnapshotChunkBytesMax, options.message_bytes_max / 2));
  limits.set_snapshot_uploads_max(kSnapshotUploadsMax);
  limits.set_prompt_bytes_max(kPromptBytesLimit);
  limits.set_token_vectors_max(kTokenVectorsMax);
  limits.set_memory_bytes_max(options.memory_bytes_max);
  return limits;
}

uint64_t ResidentBytes() {
  std::ifstream statm("/proc/self/statm");
  uint64_t total_pages = 0, resident_pages = 0;
  statm >> total_pages >> resident_pages;
  return resident_pages * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

v1::ServerInfo InfoOf(const RpcRuntime& runtime) {
  v1::ServerInfo info;
  info.set_version(kVersion);
  const ModelRegistry& models = runtime.database.models();
  ToProto(models, *info.mutable_models());
  if (info.models_size() > 0) info.set_default_model(info.models(0).name());
  *info.mutable_limits() = LimitsOf(runtime.options);
  info.mutable_start_time()->set_seconds(std::chrono::system_clock::to_time_t(runtime.start_time));
  info.set_ready(runtime.database.ready() && !runtime.stopping);
  info.set_data_directory(runtime.options.data_directory);
  info.set_search_threads(static_cast<uint32_t>(runtime.options.search_threads));
  info.set_ingest_threads(static_cast<uint32_t>(runtime.options.ingest_threads));
  if (const auto model = models.Find(""); model.ok()) {
    info.set_encoder_threads(static_cast<uint32_t>((*model)->Statistics().threads));
  }
  return info;
}

void AddPool(const WorkPool& pool, v1::ServerStats& stats) {
  const WorkPoolStatistics statistics = pool.Statistics();
  v1::PoolStats& proto = *stats.add_pools();
  proto.set_name(pool.name());
  proto.set_threads(static_cast<uint32_t>(statistics.threads));
  proto.set_queued(static_cast<uint32_t>(statistics.queued));
  proto.set_completed(statistics.completed);
  proto.set_rejected(statistics.rejected);
}

void AddFilterIndex(const SearchStatistics& statistics, v1::FilterIndexStats& proto) {
  const MetadataIndexStatistics& metadata = statistics.metadata;
  proto.set_complete(statistics.is_metadata_complete);
  proto.set_fields(static_cast<uint32_t>(metadata.fields));
  for (const std::string& field : metadata.fields_over_budget) proto.add_fields_over_budget(field);
  proto.set_has_unindexed_fields(metadata.has_unindexed_fields);
  proto.set_memory_bytes(metadata.memory_bytes);
  proto.set_dead_rows(metadata.dead_rows);
}

void AddPlanning(const PlannerCosts& costs, const std::vector<LiveRecall>& live_recall,
                 v1::CollectionStats& proto) {
  proto.mutable_planner()->set_scanned_row_ns(costs.scanned_row_ns);
  proto.mutable_planner()->set_walked_row_ns(costs.walked_row_ns);
  proto.mutable_planner()->set_filtered_row_ns(costs.filtered_row_ns);
  for (const LiveRecall& recall : live_recall) {
    v1::LiveRecall& one = *proto.add_live_recall();
    one.set_plan(ToProto(recall.strategy));
    one.set_filtered(recall.is_filtered);
    one.set_sample_count(recall.sample_count);
    one.set_recall(recall.recall);
    one.set_recall_min(recall.recall_min);
    one.set_short_count(recall.short_count);
  }
}

void AddCollections(const Database& database, v1::ServerStats& stats) {
  for (const std::shared_ptr<Collection>& collection : database.Collections()) {
    const CollectionDescription description = collection->Describe();
    v1::CollectionStats& proto = *stats.add_collections();
    proto.set_name(description.record.name);
    proto.set_document_count(description.document_count);
    proto.set_index_vector_count(description.index.vector_count);
    proto.set_index_vectors_waiting(description.index.waiting_count);
    const IndexMemory& memory = description.index.memory;
    proto.set_index_memory_bytes(memory.total());
    proto.set_index_links_bytes(memory.links);
    proto.set_index_codes_bytes(memory.codes);
    proto.set_index_vectors_bytes(memory.vectors);
    proto.set_index_labels_bytes(memory.labels);
    proto.set_index_mapped_bytes(memory.mapped);
    proto.set_disk_bytes(description.disk_bytes);
    proto.set_load_progress(description.load_progress);
    const SearchStatistics search = collection->DescribeSearch();
    AddFilterIndex(search, *proto.mutable_filter_index());
    AddPlanning(description.index.costs, search.live_recall, proto);
  }
}

v1::ServerStats StatsOf(const RpcRuntime& runtime) {
  v1::ServerStats stats;
  const std::chrono::duration<double> uptime =
      std::chrono::system_clock::now() - runtime.start_time;
  stats.set_uptime_seconds(uptime.count());
  stats.set_resident_bytes(ResidentBytes());
  stats.set_anonymous_bytes(AnonymousBytes());
  stats.set_bytes_in_flight(runtime.bytes_in_flight.bytes_taken());
  stats.set_load_progress(runtime.database.LoadProgress());
  AddCollections(runtime.database, stats);
  for (const std::shared_ptr<EncoderService>& service : runtime.database.models().Services()) {
    const EncoderStatistics statistics = service->Statistics();
    v1::EncoderStats& proto = *stats.add_encoders();
    proto.set_model(service->encoder().info().name);
    proto.set_texts_encoded(statistics.texts_encoded);
    proto.set_tokens_encoded(statistics.tokens_encoded);
    proto.set_texts_truncated(statistics.texts_truncated);
    proto.set_texts_rejected(statistics.texts_rejected);
    proto.set_tokens_queued(statistics.tokens_queued);
    proto.set_texts_shared(statistics.texts_shared);
    proto.set_micro_batches(statistics.micro_batches);
    proto.set_bytes_queued(statistics.bytes_queued);
    proto.set_query_cache_hits(statistics.query_cache.hits);
    proto.set_query_cache_misses(statistics.query_cache.misses);
    proto.set_query_cache_entries(statistics.query_cache.entries);
    proto.set_query_cache_bytes(statistics.query_cache.bytes);
  }
  const StoreStatistics store = runtime.database.StoreStats();
  stats.mutable_store()->set_last_sequence(store.last_sequence);
  stats.mutable_store()->set_disk_bytes(store.disk_bytes);
  stats.mutable_store()->set_memory_bytes(store.memory_bytes);
  stats.mutable_store()->set_commits(store.commits);
  stats.mutable_store()->set_requests_committed(store.requests_committed);
  for (const WorkPool* pool : {&runtime.search_pool, &runtime.ingest_pool, &runtime.admin_pool}) {
    AddPool(*pool, stats);
  }
  const CollectionCounters& counters = runtime.database.counters();
  stats.set_searches(counters.searches);
  stats.set_documents_written(counters.documents_written);
  stats.set_documents_reused(counters.documents_reused);
  return stats;
}

}  // namespace

grpc::ServerUnaryReactor* AdminService::GetServerInfo(grpc::CallbackServerContext* context,
                                                      const grpc::ByteBuffer* request,
                                                      grpc::ByteBuffer* response) {
  return UnaryCall<v1::GetServerInfoRequest, v1::ServerInfo>::Start(
      runtime_, runtime_.admin_pool, *context, request, response,
      [this](const auto&, const CallContext&) -> absl::StatusOr<v1::ServerInfo> {
        return InfoOf(runtime_);
      });
}

grpc::ServerUnaryReactor* AdminService::GetStats(grpc::CallbackServerContext* context,
                                                 const grpc::ByteBuffer* request,
                                                 grpc::ByteBuffer* response) {
  return UnaryCall<v1::GetStatsRequest, v1::ServerStats>::Start(
      runtime_, runtime_.admin_pool, *context, request, response,
      [this](const auto&, const CallContext&) -> absl::StatusOr<v1::ServerStats> {
        return StatsOf(runtime_);
      });
}

grpc::ServerUnaryReactor* AdminService::LoadModel(grpc::CallbackServerContext* context,
                                                  const grpc::ByteBuffer* request,
                                                  grpc::ByteBuffer* response) {
  return UnaryCall<v1::LoadModelRequest, v1::ModelInfo>::Start(
      runtime_, runtime_.admin_pool, *context, request, response,
      [this](const auto& message, const CallContext&) -> absl::StatusOr<v1::ModelInfo> {
        if (absl::Status s = runtime_.database.LoadModel(message.name()); !s.ok()) return s;
        const auto model = runtime_.database.models().Find(message.name());
        if (!model.ok()) return model.status();
        v1::ModelInfo proto;
        ToProto((*model)->encoder().info(), proto);
        return proto;
      });
}

grpc::ServerUnaryReactor* AdminService::UnloadModel(grpc::CallbackServerContext* context,
                                                    const grpc::ByteBuffer* request,
                                                    grpc::ByteBuffer* response) {
  return UnaryCall<v1::UnloadModelRequest, v1::UnloadModelResponse>::Start(
      runtime_, runtime_.admin_pool, *context, request, response,
      [this](const auto& message, const CallContext&) -> absl::StatusOr<v1::UnloadModelResponse> {
        if (absl::Status s = runtime_.database.UnloadModel(message.name()); !s.ok()) return s;
        return v1::UnloadModelResponse();
      });
}

grpc::ServerUnaryReactor* AdminService::CreateSnapshot(grpc::CallbackServerContext* context,
                                                       const grpc::ByteBuffer* request,
                                                       grpc::ByteBuffer* response) {
  return UnaryCall<v1::CreateSnapshotRequest, v1::Snapshot>::Start(
      runtime_, runtime_.admin_pool, *context, request, response,
      [this](const auto& message, const CallContext& call) -> absl::StatusOr<v1::Snapshot> {
        const auto manifest =
            runtime_.database.CreateSnapshot(message.name(), message.collection(), call);
        if (!manifest.ok()) return manifest.status();
        v1::Snapshot proto;
        ToProto(*manifest, /*with_files=*/true, proto);
        return proto;
      },
      kRestoreDeadlineMsMax);
}

grpc::ServerUnaryReactor* AdminService::ListSnapshots(grpc::CallbackServerContext* context,
                                                      const grpc::ByteBuffer* request,
                                                      grpc::ByteBuffer* response) {
  return UnaryCall<v1::ListSnapshotsRequest, v1::ListSnapshotsResponse>::Start(
      runtime_, runtime_.admin_pool, *context, request, response,
      [this](const auto&, const CallContext&) -> absl::StatusOr<v1::ListSnapshotsResponse> {
        const auto snapshots = runtime_.database.ListSnapshots();
        if (!snapshots.ok()) return snapshots.status();
        v1::ListSnapshotsResponse proto;
        for (const auto& snapshot : *snapshots) ToProto(snapshot, *proto.add_snapshots());
        const auto uploads = runtime_.database.ListSnapshotUploads();
        if (!uploads.ok()) return uploads.status();
        for (const auto& upload : *uploads) {
          ToProto(upload, /*with_files=*/false, *proto.add_uploads());
        }
        return proto;
      });
}

grpc::ServerUnaryReactor* AdminService::GetSnapshot(grpc::CallbackServerContext* context,
                                                    const grpc::ByteBuffer* request,
                                                    grpc::ByteBuffer* response) {
  return UnaryCall<v1::GetSnapshotRequest, v1::Snapshot>::Start(
      runtime_, runtime_.admin_pool, *context, request, response,
      [this](const auto& message, const CallContext&) -> absl::StatusOr<v1::Snapshot> {
        const auto manifest = runtime_.database.ReadSnapshot(message.name());
        if (!manifest.ok()) return manifest.status();
        v1::Snapshot proto;
        ToProto(*manifest, /*with_files=*/true, proto);
        return proto;
      });
}

grpc::ServerUnaryReactor* AdminService::VerifySnapshot(grpc::CallbackServerContext* context,
                                                       const grpc::ByteBuffer* request,
                                                       grpc::ByteBuffer* response) {
  return UnaryCall<v1::VerifySnapshotRequest, v1::VerifySnapshotResponse>::Start(
      runtime_, runtime_.admin_pool, *context, request, response,
      [this](const auto& message,
             const CallContext& call) -> absl::StatusOr<v1::VerifySnapshotResponse> {
        const auto check = runtime_.database.VerifySnapshot(message.name(), call);
        if (!check.ok()) return check.status();
        v1::VerifySnapshotResponse proto;
        ToProto(*check, proto);
        return proto;
      },
      kRestoreDeadlineMsMax);
}

grpc::ServerUnaryReactor* AdminService::DeleteSnapshot(grpc::CallbackServerContext* context,
                                                       const grpc::ByteBuffer* request,
                                                       grpc::ByteBuffer* response) {
  return UnaryCall<v1::DeleteSnapshotRequest, v1::DeleteSnapshotResponse>::Start(
      runtime_, runtime_.admin_pool, *context, request, response,
      [this](const auto& message,
             const CallContext&) -> absl::StatusOr<v1::DeleteSnapshotResponse> {
        if (absl::Status s = runtime_.database.RemoveSnapshot(message.name()); !s.ok()) return s;
        return v1::DeleteSnapshotResponse();
      });
}

grpc::ServerUnaryReactor* AdminService::GetSnapshotSchedule(grpc::CallbackServerContext* context,
                                                            const grpc::ByteBuffer* request,
                                                            grpc::ByteBuffer* response) {
  return UnaryCall<v1::GetSnapshotScheduleRequest, v1::SnapshotSchedule>::Start(
      runtime_, runtime_.admin_pool, *context, request, response,
      [this](const auto&, const CallContext&) -> absl::StatusOr<v1::SnapshotSchedule> {
        v1::SnapshotSchedule proto;
        ToProto(runtime_.database.GetSnapshotSchedule(), proto);
        return proto;
      });
}

grpc::ServerUnaryReactor* AdminService::RestoreSnapshot(grpc::CallbackServerContext* context,
                                                        const grpc::ByteBuffer* request,
                                                        grpc::ByteBuffer* response) {
  return UnaryCall<v1::RestoreSnapshotRequest, v1::RestoreSnapshotResponse>::Start(
      runtime_, runtime_.admin_pool, *context, request, response,
      [this](const auto& message,
             const CallContext& call) -> absl::StatusOr<v1::RestoreSnapshotResponse> {
        const auto restored =
            runtime_.database.RestoreSnapshot({.snapshot = message.name(),
                                               .collection = message.collection(),
                                               .as_collection = message.as_collection(),
                                               .replace = message.replace(),
                                               .dry_run = message.dry_run()},
                                              call);
        if (!restored.ok()) return restored.status();
        v1::RestoreSnapshotResponse proto;
        proto.set_dry_run(message.dry_run());
        for (const RestoredCollection& one : *restored) ToProto(one, *proto.add_collections());
        return proto;
      },
      kRestoreDeadlineMsMax);
}

grpc::ServerUnaryReactor* AdminService::VerifyData(grpc::CallbackServerContext* context,
                                                   const grpc::ByteBuffer* request,
                                                   grpc::ByteBuffer* response) {
  return UnaryCall<v1::VerifyDataRequest, v1::VerifyDataResponse>::Start(
      runtime_, runtime_.admin_pool, *context, request, response,
      [this](const auto& message,
             const CallContext& call) -> absl::StatusOr<v1::VerifyDataResponse> {
        const auto check = runtime_.database.VerifyData(message.page_token(), call);
        if (!check.ok()) return check.status();
        v1::VerifyDataResponse proto;
        ToProto(*check, proto);
        return proto;
      });
}

}  // namespace simile

#include "server/rpc/convert_snapshot.h"

#include "server/engine/errors.h"

namespace simile {
namespace {

void SetTime(int64_t unix_ms, google::protobuf::Timestamp& proto) {
  proto.set_seconds(unix_ms / 1000);
  proto.set_nanos(static_cast<int32_t>(unix_ms % 1000) * 1'000'000);
}

}  // namespace

void ToProto(const SnapshotManifest& manifest, bool with_files, v1::Snapshot& proto) {
  proto.set_name(manifest.name);
  SetTime(manifest.created_unix_ms, *proto.mutable_create_time());
  proto.set_last_sequence(manifest.last_sequence);
  proto.set_format(manifest.format);
  proto.set_program_version(manifest.program_version);
  proto.set_bytes(manifest.bytes());
  for (const SnapshotCollection& one : manifest.collections) {
    v1::SnapshotCollection& collection = *proto.add_collections();
    collection.set_name(one.name);
    collection.set_document_count(one.document_count);
    collection.set_dimension(one.dimension);
    collection.set_model(one.model_name);
    collection.set_model_fingerprint(one.model_fingerprint);
  }
  if (!with_files) return;
  for (const SnapshotFile& file : manifest.files) ToProto(file, *proto.add_files());
}

void ToProto(const SnapshotFile& file, v1::SnapshotFile& proto) {
  proto.set_path(file.path);
  proto.set_bytes(file.bytes);
  proto.set_sha256(file.sha256);
}

void ToProto(const SnapshotUpload& upload, bool with_files, v1::SnapshotUpload& proto) {
  proto.set_name(upload.manifest.name);
  proto.set_bytes(upload.manifest.bytes());
  proto.set_bytes_held(upload.total_bytes_held());
  proto.set_finished(upload.is_finished);
  if (!with_files) return;
  for (size_t at = 0; at < upload.manifest.files.size(); ++at) {
    v1::SnapshotUploadFile& file = *proto.add_files();
    ToProto(upload.manifest.files[at], *file.mutable_file());
    file.set_bytes_held(upload.bytes_held[at]);
  }
}

void ToProto(const Database::NamedSnapshot& snapshot, v1::Snapshot& proto) {
  if (snapshot.manifest.ok()) return ToProto(*snapshot.manifest, /*with_files=*/false, proto);
  proto.set_name(snapshot.name);
  proto.set_damage(MessageOf(snapshot.manifest.status()));
}

void ToProto(const SnapshotSchedule& schedule, v1::SnapshotSchedule& proto) {
  proto.set_interval_ms(static_cast<uint64_t>(schedule.interval.count()));
  proto.set_kept_max(static_cast<uint32_t>(schedule.kept_max));
  proto.set_kept(static_cast<uint32_t>(schedule.kept));
  proto.set_newest(schedule.newest);
  if (!schedule.newest.empty()) SetTime(schedule.newest_unix_ms, *proto.mutable_newest_time());
  if (schedule.next_unix_ms != 0) SetTime(schedule.next_unix_ms, *proto.mutable_next_time());
  proto.set_failure(schedule.failure);
  if (!schedule.failure.empty()) SetTime(schedule.failure_unix_ms, *proto.mutable_failure_time());
}

void ToProto(const SnapshotCheck& check, v1::VerifySnapshotResponse& proto) {
  proto.set_good(check.problems.empty());
  for (const std::string& problem : check.problems) proto.add_problems(problem);
  proto.set_files_read(check.files_read);
  proto.set_bytes_read(check.bytes_read);
}

void ToProto(const RestoredCollection& restored, v1::RestoredCollection& proto) {
  proto.set_name(restored.name);
  proto.set_as_collection(restored.as_collection);
  proto.set_document_count(restored.document_count);
  proto.set_replaces(restored.replaced_document_count.has_value());
  proto.set_replaced_document_count(restored.replaced_document_count.value_or(0));
}

}  // namespace simile

#ifndef SIMILE_SERVER_RPC_CONVERT_SNAPSHOT_H_
#define SIMILE_SERVER_RPC_CONVERT_SNAPSHOT_H_

#include "server/engine/database.h"
#include "simile/v1/admin_service.pb.h"

namespace simile {

void ToProto(const SnapshotManifest& manifest, bool with_files, v1::Snapshot& proto);
void ToProto(const Database::NamedSnapshot& snapshot, v1::Snapshot& proto);
void ToProto(const SnapshotFile& file, v1::SnapshotFile& proto);
void ToProto(const SnapshotUpload& upload, bool with_files, v1::SnapshotUpload& proto);
void ToProto(const SnapshotSchedule& schedule, v1::SnapshotSchedule& proto);
void ToProto(const SnapshotCheck& check, v1::VerifySnapshotResponse& proto);
void ToProto(const RestoredCollection& restored, v1::RestoredCollection& proto);

}  // namespace simile

#endif  // SIMILE_SERVER_RPC_CONVERT_SNAPSHOT_H_

#ifndef SIMILE_BASE_KILL_POINT_H_
#define SIMILE_BASE_KILL_POINT_H_

#include <string_view>

namespace simile {

// A named place where tests let the process end, to see what a crash at just this moment leaves.
// When the environment variable SIMILE_KILL_AT is `name:n`, the process is ended by SIGKILL the
// n-th time (from 1 on; all threads count together) it comes by this name. Nothing is flushed and
// no destructor runs. It is in every build, so that what is tested is what is shipped.
//
// The variable is read once, at the first point. Anything but `name:n` switches nothing on.
// Thread safety: all threads may call it. Cost: without the variable a load and a comparison.
void KillPoint(std::string_view name);

// All names, each in one place of the source. What is before the dot says what is going on.
inline constexpr std::string_view kKillPoints[] = {
    // The committer: RocksDB's write of a group, what others see of it, the answers.
    "commit.before-write",
    "commit.after-write",
    "commit.before-answer",
    // The catalog: RocksDB's write, and after it what is in memory.
    "create.before-write",
    "create.after-write",
    "update.before-write",
    "update.after-write",
    "drop.before-write",
    "drop.after-write",
    "drop.before-reaping",
    // The reaper of a dropped collection.
    "reaper.between-families",
    "reaper.before-files",
    "reaper.before-forgetting",
    // Changes of documents: the store has them, the metadata or the vectors do not.
    "upsert.before-metadata",
    "upsert.before-index",
    "remove.before-metadata",
    "remove.before-index",
    "patch.before-metadata",
    // A checkpoint of an index.
    "checkpoint.before-log-sync",
    "checkpoint.before-slots",
    "checkpoint.after-slots",
    "checkpoint.after-vectors",
    "checkpoint.before-manifest",
    "checkpoint.after-manifest",
    "checkpoint.before-forgetting",
    "checkpoint.after-forgetting",
    // A small file that is written durably.
    "file.before-sync",
    "file.before-rename",
    "file.after-rename",
    // Snapshots.
    "snapshot.after-link",
    "snapshot.before-manifest",
    "snapshot.before-rename",
    "snapshot.after-rename",
    "snapshot-removal.after-rename",
    // A directory that comes piece by piece: of the server, a snapshot that is uploaded.
    "upload.after-directory",
    "upload.after-begin",
    "upload.after-chunk",
    "upload.before-manifest",
    "upload.before-rename",
    "upload.after-rename",
    // Another index in the place of the one that serves.
    "rebuild.before-commit",
    "rebuild.after-commit",
    "rebuild.before-removal",
    // Collections of a snapshot brought back into the running server.
    "restore-online.before-copy",
    "publish.before-write",
    "publish.after-write",
    // `simile-server restore`.
    "restore.before-format",
    "restore.before-rename",
};

}  // namespace simile

#endif  // SIMILE_BASE_KILL_POINT_H_

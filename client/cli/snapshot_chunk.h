#ifndef SIMILE_CLIENT_CLI_SNAPSHOT_CHUNK_H_
#define SIMILE_CLIENT_CLI_SNAPSHOT_CHUNK_H_

#include <cstddef>
#include <cstdint>

namespace simile::cli {

inline constexpr size_t kManifestBytesMax = size_t{64} << 20;
// Whatever a server says: it is held in memory.
inline constexpr uint64_t kChunkBytesMax = 16ull << 20;

// How often a chunk is asked for, or sent, when its checksum does not fit. Something on the way may
// have changed a byte; what is still wrong then is wrong for another reason.
inline constexpr int kChunkAttemptsMax = 4;

}  // namespace simile::cli

#endif  // SIMILE_CLIENT_CLI_SNAPSHOT_CHUNK_H_

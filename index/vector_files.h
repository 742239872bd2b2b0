#ifndef SIMILE_INDEX_VECTOR_FILES_H_
#define SIMILE_INDEX_VECTOR_FILES_H_

#include <cstddef>
#include <string>

#include "absl/status/status.h"

namespace simile::index_internal {

// The float32 components of a graph's slots in files, one for each chunk, that are mapped where the
// chunk has its vectors: so they are the kernel's to keep in memory or not, and are there at once
// after a restart. A slot's vector is at slot * vector_bytes. The kernel writes them back when it
// likes; Sync says when. A file that is cut while it is mapped ends the process, as with every
// mapping: the directory is the server's own.
//
// Thread safety: immutable. Calls for different slots may run together.
class VectorFiles {
 public:
  VectorFiles(std::string directory, size_t vector_bytes)
      : directory_(std::move(directory)), vector_bytes_(vector_bytes) {}

  // Maps `slot_count` slots of a chunk from `first_slot` on at `address`, in place of what was
  // mapped there; both must lie on pages. Reserves their space in the file, so that writing to
  // memory cannot fail for want of it. Errors as of FileSystemError; then what was mapped before
  // stays.
  absl::Status Map(size_t chunk, size_t first_slot, size_t slot_count, std::byte* address) const;

  // What was written to the chunk's mapping survives a power cut when this returns.
  absl::Status Sync(size_t chunk) const;

  std::string PathOf(size_t chunk) const;

 private:
  const std::string directory_;
  const size_t vector_bytes_;
};

}  // namespace simile::index_internal

#endif  // SIMILE_INDEX_VECTOR_FILES_H_

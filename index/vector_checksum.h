#ifndef SIMILE_INDEX_VECTOR_CHECKSUM_H_
#define SIMILE_INDEX_VECTOR_CHECKSUM_H_

#include <cstdint>
#include <span>
#include <string_view>

#include "base/crc32c.h"

namespace simile::index_internal {

// Tells whether a slot's vector, in its file, is the one that was put there.
inline uint32_t ChecksumOf(std::span<const float> vector) {
  return Crc32c({reinterpret_cast<const char*>(vector.data()), vector.size_bytes()});
}

}  // namespace simile::index_internal

#endif  // SIMILE_INDEX_VECTOR_CHECKSUM_H_

#ifndef SIMILE_STORAGE_CRC32C_H_
#define SIMILE_STORAGE_CRC32C_H_

#include <cstdint>
#include <string_view>

namespace simile {

// CRC-32C (Castagnoli) as iSCSI has it: RFC 3720, appendix B.4. Cost: one table step a byte, about
// 0.4 GB/s; records are a few KiB.
uint32_t Crc32c(std::string_view bytes);

}  // namespace simile

#endif  // SIMILE_STORAGE_CRC32C_H_

#ifndef SIMILE_INDEX_CHECKPOINT_CODEC_H_
#define SIMILE_INDEX_CHECKPOINT_CODEC_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace simile::index_internal {

// The bytes of a graph's files; index/README.md, "Files", documents them. Decoders believe nothing:
// DataLoss when the checksum, a length or a value does not fit, FailedPrecondition when a newer
// program wrote it.

// A file of slots that a manifest names.
struct SlotsFile {
  uint64_t generation = 0;  // Of the checkpoint that wrote it.
  uint64_t bytes = 0;
  uint32_t checksum = 0;  // CRC-32C of the whole file.

  bool operator==(const SlotsFile&) const = default;
};

// What a checkpoint consists of.
struct Manifest {
  uint64_t identity = 0;    // Of the index that the files belong to.
  uint64_t generation = 0;  // Grows with each checkpoint.
  uint64_t sequence = 0;    // Changes up to it are in the files.
  uint32_t dimension = 0;
  uint32_t metric = 0;
  uint32_t codes = 0;
  uint32_t m = 0;
  float scale = 0;          // Of the codes, which are made again from the vectors,
  float clipped_share = 0;  // and what it clips (CodeScale).
  uint64_t slot_end = 0;
  uint64_t entry = 0;             // Slot and level where walks begin, as HnswGraph packs them.
  std::vector<SlotsFile> chunks;  // By chunk.
};

std::string EncodeManifest(const Manifest& manifest);
absl::StatusOr<Manifest> DecodeManifest(std::string_view bytes);

// The slots of one chunk, apart from their vectors.
struct SlotsRecord {
  enum State : uint8_t { kAbsent = 0, kLive = 1, kDead = 2 };

  // Each of one entry for each slot.
  std::vector<uint8_t> states;
  std::vector<uint8_t> levels;
  std::vector<uint64_t> labels;
  std::vector<uint32_t> checksums;  // CRC-32C of the vector's bytes.

  // The lists of links of the slots that are not absent, level 0 first: their lengths, and end to
  // end their links.
  std::vector<uint8_t> list_sizes;
  std::vector<uint32_t> links;
};

// Which file of slots it is.
struct SlotsPlace {
  uint64_t identity = 0;
  uint64_t generation = 0;
  uint32_t chunk = 0;
};

// What the slots of a graph may be.
struct SlotsBounds {
  size_t slots_max = 0;  // Of a chunk.
  size_t level_max = 0;
  size_t m = 0;
  uint32_t link_end = 0;  // Links are below it.
};

std::string EncodeSlots(const SlotsPlace& place, const SlotsRecord& record);
absl::StatusOr<SlotsRecord> DecodeSlots(std::string_view bytes, const SlotsPlace& place,
                                        const SlotsBounds& bounds);

}  // namespace simile::index_internal

#endif  // SIMILE_INDEX_CHECKPOINT_CODEC_H_

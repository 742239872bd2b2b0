#include "index/checkpoint_codec.h"

#include <cmath>
#include <cstring>

#include "base/byte_reader.h"
#include "base/byte_writer.h"
#include "base/crc32c.h"
#include "fmt/format.h"

namespace simile::index_internal {
namespace {

constexpr std::string_view kManifestMagic = "SIMILEIM";
constexpr std::string_view kSlotsMagic = "SIMILEIS";
constexpr uint32_t kVersion = 3;
constexpr size_t kChunksMax = 32'767;

absl::Status Damaged(std::string_view what) {
  return absl::DataLossError(fmt::format("it is damaged: {}", what));
}

// Puts the checksum of all bytes before it at the end.
std::string Sealed(ByteWriter& bytes) {
  bytes.Put(Crc32c(bytes.bytes()));
  return bytes.Take();
}

// The bytes between the version and the checksum.
absl::StatusOr<std::string_view> Opened(std::string_view magic, std::string_view bytes) {
  constexpr size_t kChecksumBytes = sizeof(uint32_t);
  if (bytes.size() < magic.size() + sizeof(kVersion) + kChecksumBytes) {
    return Damaged(fmt::format("it has only {} bytes", bytes.size()));
  }
  const std::string_view checked = bytes.substr(0, bytes.size() - kChecksumBytes);
  const auto stored = ByteReader(bytes.substr(checked.size())).Get<uint32_t>();
  if (const uint32_t computed = Crc32c(checked); computed != stored) {
    return Damaged(fmt::format("the checksum is {:08x}, stored is {:08x}", computed, stored));
  }
  ByteReader in(checked);
  if (in.GetRaw(magic.size()) != magic) return Damaged("it is no such file");
  if (const auto version = in.Get<uint32_t>(); version != kVersion) {
    return absl::FailedPreconditionError(
        fmt::format("it has version {}; this program knows {}", version, kVersion));
  }
  return in.GetRaw(in.remaining());
}

template <typename Number>
void PutAll(const std::vector<Number>& numbers, ByteWriter& out) {
  out.PutRaw({reinterpret_cast<const char*>(numbers.data()), numbers.size() * sizeof(Number)});
}

// Nothing is allocated that the bytes do not hold.
template <typename Number>
std::vector<Number> GetAll(size_t count, ByteReader& in) {
  if (count > in.remaining() / sizeof(Number)) {
    in.Fail();
    return {};
  }
  std::vector<Number> numbers(count);
  const std::string_view raw = in.GetRaw(count * sizeof(Number));
  if (!raw.empty()) std::memcpy(numbers.data(), raw.data(), raw.size());
  return numbers;
}

absl::Status CheckSlots(const SlotsRecord& record, const SlotsBounds& bounds) {
  size_t list = 0;
  size_t link_count = 0;
  for (size_t slot = 0; slot < record.states.size(); ++slot) {
    if (record.states[slot] > SlotsRecord::kDead) return Damaged("a slot has no known state");
    if (record.states[slot] == SlotsRecord::kAbsent) continue;
    if (record.levels[slot] > bounds.level_max) {
      return Damaged(fmt::format("slot {} is on level {}; there are {}", slot, record.levels[slot],
                                 bounds.level_max));
    }
    for (size_t level = 0; level <= record.levels[slot]; ++level, ++list) {
      const size_t links_max = level == 0 ? 2 * bounds.m : bounds.m;
      if (list >= record.list_sizes.size()) return Damaged("lists of links are missing");
      if (record.list_sizes[list] > links_max) {
        return Damaged(fmt::format("slot {} has {} links; at most {} are possible", slot,
                                   record.list_sizes[list], links_max));
      }
      link_count += record.list_sizes[list];
    }
  }
  if (list != record.list_sizes.size() || link_count != record.links.size()) {
    return Damaged("there are more links than slots have");
  }
  for (const uint32_t link : record.links) {
    if (link >= bounds.link_end) return Damaged(fmt::format("a link leads to slot {}", link));
  }
  return absl::OkStatus();
}

}  // namespace

std::string EncodeManifest(const Manifest& manifest) {
  ByteWriter out;
  out.PutRaw(kManifestMagic);
  out.Put(kVersion);
  out.Put(manifest.identity);
  out.Put(manifest.generation);
  out.Put(manifest.sequence);
  out.Put(manifest.dimension);
  out.Put(manifest.metric);
  out.Put(manifest.codes);
  out.Put(manifest.m);
  out.Put(manifest.scale);
  out.Put(manifest.clipped_share);
  out.Put(manifest.slot_end);
  out.Put(manifest.entry);
  out.Put(static_cast<uint32_t>(manifest.chunks.size()));
  for (const SlotsFile& chunk : manifest.chunks) {
    out.Put(chunk.generation);
    out.Put(chunk.bytes);
    out.Put(chunk.checksum);
  }
  return Sealed(out);
}

absl::StatusOr<Manifest> DecodeManifest(std::string_view bytes) {
  const auto body = Opened(kManifestMagic, bytes);
  if (!body.ok()) return body.status();
  ByteReader in(*body);
  Manifest manifest{.identity = in.Get<uint64_t>(),
                    .generation = in.Get<uint64_t>(),
                    .sequence = in.Get<uint64_t>(),
                    .dimension = in.Get<uint32_t>(),
                    .metric = in.Get<uint32_t>(),
                    .codes = in.Get<uint32_t>(),
                    .m = in.Get<uint32_t>(),
                    .scale = in.Get<float>(),
                    .clipped_share = in.Get<float>(),
                    .slot_end = in.Get<uint64_t>(),
                    .entry = in.Get<uint64_t>()};
  const size_t count = in.Get<uint32_t>();
  if (count > kChunksMax) return Damaged(fmt::format("it names {} chunks", count));
  for (size_t at = 0; at < count && in.ok(); ++at) {
    manifest.chunks.push_back({.generation = in.Get<uint64_t>(),
                               .bytes = in.Get<uint64_t>(),
                               .checksum = in.Get<uint32_t>()});
  }
  if (!in.AtEnd()) return Damaged("its length does not fit");
  if (!std::isfinite(manifest.scale) || manifest.scale <= 0) {
    return Damaged(fmt::format("the scale is {}", manifest.scale));
  }
  if (!(manifest.clipped_share >= 0 && manifest.clipped_share < 1)) {
    return Damaged(fmt::format("the share that is clipped is {}", manifest.clipped_share));
  }
  return manifest;
}

std::string EncodeSlots(const SlotsPlace& place, const SlotsRecord& record) {
  ByteWriter out;
  out.PutRaw(kSlotsMagic);
  out.Put(kVersion);
  out.Put(place.identity);
  out.Put(place.generation);
  out.Put(place.chunk);
  out.Put(static_cast<uint32_t>(record.states.size()));
  out.Put(static_cast<uint32_t>(record.list_sizes.size()));
  out.Put(static_cast<uint32_t>(record.links.size()));
  PutAll(record.states, out);
  PutAll(record.levels, out);
  PutAll(record.labels, out);
  PutAll(record.checksums, out);
  PutAll(record.list_sizes, out);
  PutAll(record.links, out);
  return Sealed(out);
}

absl::StatusOr<SlotsRecord> DecodeSlots(std::string_view bytes, const SlotsPlace& place,
                                        const SlotsBounds& bounds) {
  const auto body = Opened(kSlotsMagic, bytes);
  if (!body.ok()) return body.status();
  ByteReader in(*body);
  const auto identity = in.Get<uint64_t>();
  const auto generation = in.Get<uint64_t>();
  const auto chunk = in.Get<uint32_t>();
  if (identity != place.identity || generation != place.generation || chunk != place.chunk) {
    return Damaged(fmt::format("it is chunk {} of generation {} of index {:016x}", chunk,
                               generation, identity));
  }
  const size_t slot_count = in.Get<uint32_t>();
  const size_t list_count = in.Get<uint32_t>();
  const size_t link_count = in.Get<uint32_t>();
  if (slot_count > bounds.slots_max) return Damaged(fmt::format("it has {} slots", slot_count));
  SlotsRecord record;
  record.states = GetAll<uint8_t>(slot_count, in);
  record.levels = GetAll<uint8_t>(slot_count, in);
  record.labels = GetAll<uint64_t>(slot_count, in);
  record.checksums = GetAll<uint32_t>(slot_count, in);
  record.list_sizes = GetAll<uint8_t>(list_count, in);
  record.links = GetAll<uint32_t>(link_count, in);
  if (!in.AtEnd()) return Damaged("its length does not fit");
  if (absl::Status s = CheckSlots(record, bounds); !s.ok()) return s;
  return record;
}

}  // namespace simile::index_internal

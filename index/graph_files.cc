#include "index/graph_files.h"

#include <algorithm>
#include <filesystem>
#include <set>
#include <system_error>
#include <vector>

#include "base/crc32c.h"
#include "base/durable_file.h"
#include "base/in_parallel.h"
#include "base/kill_point.h"
#include "fmt/format.h"

namespace simile::index_internal {
namespace {

namespace fs = std::filesystem;

constexpr char kManifestName[] = "MANIFEST";
constexpr size_t kManifestBytesMax = 1 << 20;

// Slots that a loading thread takes at a time.
constexpr size_t kAdoptedTogether = 2'048;

// The same with the name of the file in front.
absl::Status Named(const std::string& path, const absl::Status& status) {
  return absl::Status(status.code(), fmt::format("{}: {}", path, std::string(status.message())));
}

}  // namespace

std::string GraphFiles::SlotsPath(size_t chunk, uint64_t generation) const {
  return PathOf(fmt::format("slots-{:05}-{:010}", chunk, generation));
}

bool GraphFiles::HasManifest(const std::string& directory) {
  std::error_code error;
  return fs::exists(directory + "/" + kManifestName, error);
}

std::unique_ptr<const VectorFiles> GraphFiles::Vectors() const {
  if (settings_.directory.empty()) return nullptr;
  return std::make_unique<VectorFiles>(settings_.directory, settings_.dimension * sizeof(float));
}

absl::Status GraphFiles::Clear() {
  {
    const MutexLock lock(mutex_);
    last_ = {};
  }
  std::error_code error;
  fs::remove_all(settings_.directory, error);
  if (!error) fs::create_directories(settings_.directory, error);
  if (!error) return absl::OkStatus();
  return FileSystemError("clearing the directory " + settings_.directory, error.value());
}

absl::StatusOr<Manifest> GraphFiles::ReadManifest() const {
  const std::string path = PathOf(kManifestName);
  const auto bytes = ReadWholeFile(path, kManifestBytesMax);
  if (!bytes.ok()) return bytes.status();
  const auto manifest = DecodeManifest(*bytes);
  if (!manifest.ok()) return Named(path, manifest.status());
  if (manifest->identity != settings_.identity || manifest->dimension != settings_.dimension ||
      manifest->metric != static_cast<uint32_t>(settings_.metric) ||
      manifest->codes != static_cast<uint32_t>(settings_.codes) || manifest->m != settings_.m) {
    return absl::FailedPreconditionError(
        fmt::format("{}: it is of another index: {:016x}, dimension {}, m {}, codes {}", path,
                    manifest->identity, manifest->dimension, manifest->m, manifest->codes));
  }
  const size_t chunks_needed =
      (manifest->slot_end + SlotMemory::kChunkSlots - 1) / SlotMemory::kChunkSlots;
  if (manifest->slot_end > SlotMemory::kSlotsMax || manifest->chunks.size() != chunks_needed) {
    return absl::DataLossError(fmt::format("{}: it is damaged: {} slots in {} chunks", path,
                                           manifest->slot_end, manifest->chunks.size()));
  }
  return manifest;
}

absl::Status GraphFiles::LoadChunk(const Manifest& manifest, size_t chunk, HnswGraph& graph) const {
  const SlotsFile& file = manifest.chunks[chunk];
  const std::string path = SlotsPath(chunk, file.generation);
  const auto bytes = ReadWholeFile(path, file.bytes);
  if (!bytes.ok()) return absl::DataLossError(std::string(bytes.status().message()));
  if (bytes->size() != file.bytes || Crc32c(*bytes) != file.checksum) {
    return absl::DataLossError(fmt::format("{}: it is not the file that MANIFEST names", path));
  }
  const auto record = DecodeSlots(*bytes,
                                  {.identity = settings_.identity,
                                   .generation = file.generation,
                                   .chunk = static_cast<uint32_t>(chunk)},
                                  {.slots_max = SlotMemory::kChunkSlots,
                                   .level_max = HnswGraph::kLevelMax,
                                   .m = settings_.m,
                                   .link_end = static_cast<uint32_t>(SlotMemory::kSlotsMax)});
  if (!record.ok()) return Named(path, record.status());
  if (absl::Status s = graph.ImportChunk(chunk, *record); !s.ok()) return s;
  return graph.memory().FilesStatus();
}

absl::Status GraphFiles::Load(const Manifest& manifest, size_t threads, HnswGraph& graph,
                              const std::function<void(uint32_t slot)>& adopted) {
  absl::Status loaded = InParallel(manifest.chunks.size(), threads, nullptr,
                                   [&](size_t chunk) { return LoadChunk(manifest, chunk, graph); });
  if (!loaded.ok()) return loaded;
  const size_t end = graph.slot_end();
  const auto adopt = [&](size_t part) {
    const size_t first = part * kAdoptedTogether;
    for (size_t at = first; at < std::min(first + kAdoptedTogether, end); ++at) {
      const auto slot = static_cast<uint32_t>(at);
      if (graph.StateOf(slot) != HnswGraph::State::kNew) graph.AdoptSlot(slot);
      adopted(slot);
    }
    return absl::OkStatus();
  };
  loaded = InParallel((end + kAdoptedTogether - 1) / kAdoptedTogether, threads, nullptr, adopt);
  if (!loaded.ok()) return loaded;
  graph.FinishImport(manifest.entry);
  RemoveAllBut(manifest);
  const MutexLock lock(mutex_);
  last_ = manifest;
  return absl::OkStatus();
}

absl::StatusOr<SlotsFile> GraphFiles::WriteChunk(uint64_t generation, size_t chunk,
                                                 const HnswGraph& graph) {
  const std::string bytes = EncodeSlots({.identity = settings_.identity,
                                         .generation = generation,
                                         .chunk = static_cast<uint32_t>(chunk)},
                                        graph.ExportChunk(chunk));
  if (absl::Status s = WriteDurably(SlotsPath(chunk, generation), bytes); !s.ok()) return s;
  return SlotsFile{.generation = generation, .bytes = bytes.size(), .checksum = Crc32c(bytes)};
}

// What was marked and did not get into a manifest is marked again by the caller.
absl::Status GraphFiles::WriteChunks(HnswGraph& graph, Manifest& manifest,
                                     CheckpointReport& report) {
  for (size_t chunk = 0; chunk < manifest.chunks.size(); ++chunk) {
    // Slots first: then all vectors of the slots that are in the file get synced.
    if (graph.memory().TakeChanged(chunk) || manifest.chunks[chunk].generation == 0) {
      KillPoint("checkpoint.before-slots");
      const auto file = WriteChunk(manifest.generation, chunk, graph);
      if (!file.ok()) return file.status();
      KillPoint("checkpoint.after-slots");
      manifest.chunks[chunk] = *file;
      ++report.chunks_written;
      report.bytes_written += file->bytes;
    }
    if (graph.memory().TakeVectorsChanged(chunk)) {
      if (absl::Status s = graph.memory().files()->Sync(chunk); !s.ok()) return s;
      KillPoint("checkpoint.after-vectors");
    }
  }
  KillPoint("checkpoint.before-manifest");
  absl::Status written = WriteDurably(PathOf(kManifestName), EncodeManifest(manifest));
  KillPoint("checkpoint.after-manifest");
  return written;
}

absl::StatusOr<CheckpointReport> GraphFiles::Write(HnswGraph& graph, uint64_t sequence) {
  const MutexLock lock(mutex_);
  if (absl::Status s = graph.memory().FilesStatus(); !s.ok()) return s;
  Manifest manifest{.identity = settings_.identity,
                    .generation = last_.generation + 1,
                    .sequence = sequence,
                    .dimension = static_cast<uint32_t>(settings_.dimension),
                    .metric = static_cast<uint32_t>(settings_.metric),
                    .codes = static_cast<uint32_t>(settings_.codes),
                    .m = static_cast<uint32_t>(settings_.m),
                    .scale = graph.quantizer().scale(),
                    .clipped_share = graph.quantizer().clipped_share(),
                    .slot_end = graph.slot_end(),
                    .entry = graph.entry(),
                    .chunks = last_.chunks};
  manifest.chunks.resize((manifest.slot_end + SlotMemory::kChunkSlots - 1) /
                         SlotMemory::kChunkSlots);
  CheckpointReport report{.is_kept = true};
  if (absl::Status s = WriteChunks(graph, manifest, report); !s.ok()) {
    for (size_t chunk = 0; chunk < manifest.chunks.size(); ++chunk) {
      graph.memory().MarkChunkChanged(chunk);
      graph.memory().MarkChunkVectorsChanged(chunk);
    }
    return s;
  }
  RemoveAllBut(manifest);
  last_ = std::move(manifest);
  return report;
}

void GraphFiles::RemoveAllBut(const Manifest& manifest) const {
  std::set<std::string> named = {PathOf(kManifestName)};
  for (size_t chunk = 0; chunk < manifest.chunks.size(); ++chunk) {
    named.insert(SlotsPath(chunk, manifest.chunks[chunk].generation));
  }
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(settings_.directory, error)) {
    const std::string path = entry.path().string();
    const bool is_vectors = entry.path().filename().string().starts_with("vectors-");
    // Files of vectors grow beside a checkpoint that does not name them yet.
    if (!is_vectors && !named.contains(path)) fs::remove(path, error);
  }
}

}  // namespace simile::index_internal

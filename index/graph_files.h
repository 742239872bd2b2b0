#ifndef SIMILE_INDEX_GRAPH_FILES_H_
#define SIMILE_INDEX_GRAPH_FILES_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "index/checkpoint_codec.h"
#include "index/hnsw_graph.h"
#include "index/mutex.h"
#include "index/vector_files.h"
#include "index/vector_index.h"

namespace simile::index_internal {

// The files of a graph: MANIFEST, a file of slots for each chunk, and VectorFiles. A checkpoint
// writes the slots of chunks that have changed to files of new names, syncs the vectors, and then
// replaces MANIFEST, which names the files and has their checksums: so what was there before holds
// until the new one does. Codes are not in files, they are made again from the vectors.
//
// Vectors are written over when a slot is used again. Only a vector that was replaced or removed
// after the checkpoint can be hit by that, so its change is made again anyway; its checksum, which
// is in the file of slots, tells.
//
// index/README.md has the bytes.
//
// Thread safety: Write may be called by several threads; the rest is for one.
class GraphFiles {
 public:
  // Of `settings` the directory, the identity and what shapes the graph.
  explicit GraphFiles(const IndexSettings& settings) : settings_(settings) {}

  static bool HasManifest(const std::string& directory);

  // Makes the directory, with nothing in it.
  absl::Status Clear();

  // What the last checkpoint says: NotFound when there is none, DataLoss, FailedPrecondition.
  absl::StatusOr<Manifest> ReadManifest() const;

  std::unique_ptr<const VectorFiles> Vectors() const;

  // Fills `graph`, which is empty, with what `manifest` names. Calls `adopted` for every slot, from
  // several threads. DataLoss when a file is damaged or missing.
  absl::Status Load(const Manifest& manifest, size_t threads, HnswGraph& graph,
                    const std::function<void(uint32_t slot)>& adopted);

  // Writes a checkpoint, while nobody frees slots.
  absl::StatusOr<CheckpointReport> Write(HnswGraph& graph, uint64_t sequence);

 private:
  std::string PathOf(const std::string& name) const { return settings_.directory + "/" + name; }
  std::string SlotsPath(size_t chunk, uint64_t generation) const;
  absl::Status LoadChunk(const Manifest& manifest, size_t chunk, HnswGraph& graph) const;
  absl::StatusOr<SlotsFile> WriteChunk(uint64_t generation, size_t chunk, const HnswGraph& graph);
  absl::Status WriteChunks(HnswGraph& graph, Manifest& manifest, CheckpointReport& report)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void RemoveAllBut(const Manifest& manifest) const;

  const IndexSettings settings_;
  Mutex mutex_;
  Manifest last_ ABSL_GUARDED_BY(mutex_);  // Of generation 0: there is none.
};

}  // namespace simile::index_internal

#endif  // SIMILE_INDEX_GRAPH_FILES_H_

#include "index/vector_index.h"

#include "fmt/format.h"
#include "index/auto_index.h"
#include "index/flat_index.h"
#include "index/graph_files.h"
#include "index/hnswlib_index.h"

namespace simile {
namespace {

struct Range {
  const char* name;
  size_t value;
  size_t min;
  size_t max;
};

}  // namespace

std::vector<absl::StatusOr<SearchAnswer>> VectorIndex::SearchBatch(
    std::span<const BatchQuery> queries) const {
  std::vector<absl::StatusOr<SearchAnswer>> answers;
  for (const BatchQuery& query : queries) answers.push_back(Search(query.vector, query.options));
  return answers;
}

absl::StatusOr<uint64_t> VectorIndex::Restore(size_t /*threads*/) {
  return absl::NotFoundError("this engine keeps no files");
}

absl::StatusOr<CheckpointReport> VectorIndex::Checkpoint(uint64_t /*sequence*/) {
  return CheckpointReport{};
}

bool HasCheckpoint(const std::string& directory) {
  return index_internal::GraphFiles::HasManifest(directory);
}

absl::StatusOr<std::unique_ptr<VectorIndex>> NewVectorIndex(const IndexSettings& settings) {
  const Range ranges[] = {{"dimension", settings.dimension, 1, 65'536},
                          {"m", settings.m, 2, 96},
                          {"ef_construction", settings.ef_construction, 8, 4'096},
                          {"ef_search", settings.ef_search, 1, 16'384}};
  for (const Range& range : ranges) {
    if (range.value >= range.min && range.value <= range.max) continue;
    return absl::InvalidArgumentError(fmt::format("{} is {}; it must be {} to {}", range.name,
                                                  range.value, range.min, range.max));
  }
  switch (settings.engine) {
    case IndexEngine::kAuto:
      return std::make_unique<AutoIndex>(settings);
    case IndexEngine::kFlat:
      return std::make_unique<FlatIndex>(settings.metric, settings.dimension);
    case IndexEngine::kHnswlib:
      return std::make_unique<HnswlibIndex>(settings);
  }
  return absl::InvalidArgumentError("there is no such index engine");
}

}  // namespace simile

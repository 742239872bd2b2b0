#include "tests/index/index_engines.h"

#include "index/auto_index.h"
#include "index/distance.h"
#include "index/flat_index.h"
#include "index/hnsw_index.h"
#include "index/hnswlib_index.h"
#include "tests/index/seeded_vectors.h"

namespace simile {

std::unique_ptr<VectorIndex> NewHnswIndex(IndexSettings settings, CodeFormat codes) {
  settings.codes = codes;
  const SeededVectors typical(500, settings.dimension, 12'345);
  const DistanceKernel kernel(settings.metric, settings.dimension);
  std::vector<float> sample;
  for (size_t at = 0; at < typical.size(); ++at) {
    const auto prepared = kernel.Prepare(typical[at]);
    sample.insert(sample.end(), prepared->begin(), prepared->end());
  }
  return std::make_unique<HnswIndex>(settings, sample);
}

const std::vector<IndexMaker>& AllIndexMakers() {
  using Made = std::unique_ptr<VectorIndex>;
  static const std::vector<IndexMaker> makers = {
      {"Flat",
       [](const IndexSettings& settings) -> Made {
         return std::make_unique<FlatIndex>(settings.metric, settings.dimension);
       }},
      {"Hnswlib",
       [](const IndexSettings& settings) -> Made {
         return std::make_unique<HnswlibIndex>(settings);
       }},
      {"HnswSq8",
       [](const IndexSettings& settings) { return NewHnswIndex(settings, CodeFormat::kSq8); }},
      {"HnswSq4",
       [](const IndexSettings& settings) { return NewHnswIndex(settings, CodeFormat::kSq4); }},
      {"HnswFloat32",
       [](const IndexSettings& settings) { return NewHnswIndex(settings, CodeFormat::kFloat32); }},
      {"Changing", [](const IndexSettings& settings) -> Made {
         return std::make_unique<AutoIndex>(settings, 40);
       }}};
  return makers;
}

}  // namespace simile

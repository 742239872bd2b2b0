#ifndef SIMILE_TESTS_INDEX_INDEX_ENGINES_H_
#define SIMILE_TESTS_INDEX_INDEX_ENGINES_H_

#include <memory>
#include <string>
#include <vector>

#include "index/vector_index.h"

namespace simile {

// A way to make an index, small or large, so that a test can go over all of them.
struct IndexMaker {
  std::string name;
  std::unique_ptr<VectorIndex> (*make)(const IndexSettings& settings);
};

// The scan, hnswlib's graph, ours over each kind of codes from the first vector on, one that
// changes from scan to graph at forty vectors, and one of whose vectors every other waits for a
// while.
const std::vector<IndexMaker>& AllIndexMakers();

// Our graph over those codes, its scale learnt from vectors like those of SeededVectors.
std::unique_ptr<VectorIndex> NewHnswIndex(IndexSettings settings, CodeFormat codes);

}  // namespace simile

#endif  // SIMILE_TESTS_INDEX_INDEX_ENGINES_H_

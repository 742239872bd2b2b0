#ifndef SIMILE_INDEX_SEARCH_COSTS_H_
#define SIMILE_INDEX_SEARCH_COSTS_H_

#include <cstddef>
#include <limits>

#include "index/quantizer.h"

namespace simile::index_internal {

// What this machine takes to compare codes, and so which way to search is the cheaper one. Times
// are measured once for each shape of rows; how many rows a walk looks at is a property of HNSW,
// not of a machine (bench/index_figures.md).
//
// Thread safety: immutable.
struct SearchCosts {
  // Measured when rows of that shape come for the first time, in 4 to 12 ms.
  static const SearchCosts& Of(const Quantizer& quantizer, bool euclidean,
                               const CodeKernels& kernels = AllCodeKernels().front());

  // What falls to one of `sharing` searches that share a scan.
  double ScanNanoseconds(size_t slots, size_t sharing = 1) const;
  double WalkNanoseconds(size_t slots, size_t ef, size_t links_max) const;

  // Of `slots`, `passing` may be returned. To find out which, a scan looks at the label of every
  // slot, or up where each label is, whichever is cheaper.
  double FilteredScanNanoseconds(size_t slots, size_t passing, size_t sharing = 1) const;
  double TwoHopNanoseconds(size_t slots, size_t passing, size_t ef, size_t links_max) const;
  static bool IsCheaperByLabel(size_t slots, size_t passing);
  // Whose links such a walk looks at.
  static double TwoHopNodes(size_t slots, size_t passing, size_t ef, size_t links_max);

  // To find out whether a slot passes, when all are looked at in order; and to look up where a
  // label is (bench/filter_bench).
  static constexpr double kFilteredSlotNanoseconds = 1.2;
  static constexpr double kLookupNanoseconds = 20;

  double scanned_row_ns = 0;  // Rows that follow each other.
  double walked_row_ns = 0;   // A few rows at a time from anywhere.
  // What a row takes for each further query of a batch (BatchKernel). Endless: there are none.
  double further_query_ns = std::numeric_limits<double>::infinity();
};

}  // namespace simile::index_internal

#endif  // SIMILE_INDEX_SEARCH_COSTS_H_

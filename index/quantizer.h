#ifndef SIMILE_INDEX_QUANTIZER_H_
#define SIMILE_INDEX_QUANTIZER_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "index/code_kernels.h"

namespace simile::index_internal {

// What EncodeRow says about a row, in units of codes.
struct EncodedRow {
  float squares = 0;         // Sum of squares of the codes.
  bool is_coarse = false;    // Rounding took more than RowErrorMax().
  size_t in_upper_half = 0;  // Components in the upper half of the range or beyond it.
};

// What is learnt from a sample.
struct CodeScale {
  float scale = 1;          // Codes that a unit of a component has.
  float clipped_share = 0;  // Of the components, how many lie outside of the range of the codes.
};

// Turns vectors into rows of codes and queries, by one scale for all components. A few of them are
// clipped: beside sq8 hardly any; beside sq4, which has sixteen levels, so many that products of
// vectors are best. Where a few dimensions are wider than the others and say most, that is fewer.
// One scale loses nothing on sentence embeddings that re-ranking a few more candidates does not
// bring back, and a scale for each dimension would make queries coarser (bench/index_figures.md).
//
// Thread safety: immutable.
class Quantizer {
 public:
  // `sample` is some vectors end to end, at least one for an integer format: the scale is learnt
  // from them.
  Quantizer(CodeFormat format, size_t dimension, std::span<const float> sample,
            const CodeKernels& kernels = AllCodeKernels().front());

  // With a scale that was learnt before.
  Quantizer(CodeFormat format, size_t dimension, const CodeScale& scale,
            const CodeKernels& kernels = AllCodeKernels().front());

  CodeFormat format() const { return format_; }
  size_t dimension() const { return dimension_; }
  size_t row_bytes() const { return row_bytes_; }
  float scale() const { return scale_; }
  // How many components may lie outside of the range before the scale is too fine.
  float clipped_share() const { return clipped_share_; }

  // Writes a row of row_bytes().
  EncodedRow EncodeRow(const float* vector, std::byte* row) const;

  // The length of what rounding may take from a vector before its row is called coarse: what it
  // takes from nearly all that are like the sample.
  float RowErrorMax() const;

  // A query with the full range of its own components, so that less of it is rounded away.
  void EncodeQuery(const float* vector, QueryCode& query) const;

  // How far two rows that are equally near to the query lie apart by key: the standard deviation of
  // what rounding does to a product with a row of that sum of squares. 0 for float32.
  uint32_t KeyDeviation(const QueryCode& query, float row_squares, bool euclidean) const;

  // How far they may lie apart, if not for certain: five times that. With less, recall is lost
  // (bench/index_figures.md).
  uint32_t KeySlack(const QueryCode& query, float row_squares, bool euclidean) const;

  // How much nearer by key than another a row must be so that its vector is the nearer one for
  // certain. Of rows that are not coarse, with sums of squares up to `largest_squares`. For integer
  // codes.
  uint32_t CertainSlack(const QueryCode& query, float largest_squares, bool euclidean) const;

  // How far a row of that key is, up to a factor: squared under a Euclidean metric; else the
  // product that a row along the query with `largest_squares` as its sum of squares would have,
  // less that of the row. And the key of a distance.
  float DistanceAt(uint32_t key, const QueryCode& query, float largest_squares,
                   bool euclidean) const;
  uint32_t KeyAt(float distance, const QueryCode& query, float largest_squares,
                 bool euclidean) const;

  // A row as a query: keys under queries made of rows compare with each other.
  void QueryOfRow(const std::byte* row, float squares, QueryCode& query) const;

 private:
  const CodeFormat format_;
  const size_t dimension_;
  const size_t row_bytes_;
  const float scale_;
  const float clipped_share_;
  const ComponentsFunction components_;
  const RoundFunction round_;
  const RoundFunction round_query_;  // Queries are of bytes beside sq4 too.
};

}  // namespace simile::index_internal

#endif  // SIMILE_INDEX_QUANTIZER_H_

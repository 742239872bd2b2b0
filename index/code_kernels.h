#ifndef SIMILE_INDEX_CODE_KERNELS_H_
#define SIMILE_INDEX_CODE_KERNELS_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "index/aligned_bytes.h"
#include "index/code_format.h"

namespace simile::index_internal {

// A vector that rows of codes are compared with.
//
// With `raw` the plain sum of products of a row and `components` (int8 beside sq8 and sq4, float
// beside float32), the product of the two vectors in units of the row's codes is
//   ratio * (raw - offset)        sq8 and float32
//   ratio * (2 * raw - offset)    sq4
struct QueryCode {
  AlignedBytes components;
  int32_t offset = 0;
  float ratio = 1;
  float squares = 0;  // Sum of squares, in units of the row's codes.
  float error = 0;    // Length of what rounding took from the components, in their own units.
};

// Where the rows of a graph lie: row `slot` at chunks[slot / 65536] + codes_offset +
// slot % 65536 * row_bytes, its sum of squares at squares_offset in the same chunk.
struct CodeRows {
  std::byte* const* chunks = nullptr;
  size_t codes_offset = 0;
  size_t squares_offset = 0;
  size_t row_bytes = 0;
};

// Which of the rows are nearer than a bound. A key is smaller the nearer a row is; keys under
// queries of the same ratio compare with each other.
//   products      2^31 - (raw - offset), or for float32 the bits of -raw in unsigned order
//   Euclidean     the squared distance in units of codes, never below 0; its integer part, or for
//                 float32 its bits in unsigned order
// Writes slots and keys of the rows whose key is below `bound`, in the order they came, and returns
// their number. Both arrays must have room for 16 more than `count`, which is at most kRowsMax.
using NearerFunction = size_t (*)(const CodeRows& rows, const QueryCode& query,
                                  const uint32_t* slots, size_t count, uint32_t bound,
                                  uint32_t* near_slots, uint32_t* near_keys);

inline constexpr size_t kRowsMax = 256;

// Queries that are compared with the same rows.
struct QueryBatch {
  static constexpr size_t kQueriesMax = 32;

  std::vector<QueryCode> queries;  // 1 to kQueriesMax.
  AlignedBytes tiles;              // The components once more, in the order of BatchKernel::pack.
};

// A row that is near to a query of a batch.
struct NearRow {
  uint32_t query = 0;  // Its place in the batch.
  uint32_t slot = 0;
  uint32_t key = 0;
};

// Compares each row with all queries of a batch while it is at hand. For integer codes.
struct BatchKernel {
  // Fills `tiles` once the queries are there. Null: nothing is to be done.
  void (*pack)(QueryBatch& batch) = nullptr;

  // As NearerFunction, with a bound for each query; those near come in no order. There must be room
  // for one of each slot and query. Null: one query after the other is as fast.
  size_t (*nearer)(const CodeRows& rows, const QueryBatch& batch, const uint32_t* slots,
                   size_t count, const uint32_t* bounds, NearRow* near) = nullptr;

  size_t queries_min = 2;  // Fewer are faster one after the other.
};

// Turns a row of sq8 or sq4 into the components of a query (int8, one for each code of the row) and
// returns their sum. Components beyond `dimension` are 0.
using ComponentsFunction = int32_t (*)(const std::byte* row, size_t row_bytes, size_t dimension,
                                       int8_t* components);

// What rounding says about the components of a vector, in units of codes.
struct RoundedComponents {
  int64_t squares = 0;       // Sum of squares of the rounded.
  int32_t sum = 0;           // Of the rounded.
  float lost_squares = 0;    // Sum of squares of what rounding and clipping took.
  size_t in_upper_half = 0;  // Components in the upper half of the range or beyond it.
};

// Rounds components, times `scale`, to the nearest values that a code has: sq8 the integers from
// -127 to 127, sq4 the odd ones from -15 to 15. Between two, sq8 takes the even one.
using RoundFunction = RoundedComponents (*)(const float* vector, size_t count, float scale,
                                            int8_t* rounded);

// A level of instructions; kernels of all levels give the same keys and the same codes. Only keys
// beside float32 and `lost_squares` may differ in their last bits.
struct CodeKernels {
  std::string_view level;  // "amx_int8", "avx512_vnni", "highway" or "scalar".
  NearerFunction (*nearer)(CodeFormat format, bool euclidean);
  ComponentsFunction (*components)(CodeFormat format);                // Null for float32.
  RoundFunction (*round)(CodeFormat format);                          // Null for float32.
  BatchKernel (*batch)(CodeFormat format, bool euclidean) = nullptr;  // Null: none for any format.
};

// The batch kernel of a level, or the one for one query in its place.
//
// Thread safety: immutable.
class BatchComparison {
 public:
  // For integer codes.
  BatchComparison(const CodeKernels& kernels, CodeFormat format, bool euclidean);

  // Whether queries together take less than one after the other.
  bool is_faster() const { return batch_.nearer != nullptr; }

  void Pack(QueryBatch& batch) const {
    if (batch_.pack != nullptr) batch_.pack(batch);
  }

  // As BatchKernel::nearer.
  size_t NearerThan(const CodeRows& rows, const QueryBatch& batch, std::span<const uint32_t> slots,
                    const uint32_t* bounds, NearRow* near) const;

 private:
  const NearerFunction one_;
  const BatchKernel batch_;
};

// The levels that this machine has, best first.
const std::vector<CodeKernels>& AllCodeKernels();

// One for each level; null where the machine lacks it.
const CodeKernels* AmxCodeKernels();
const CodeKernels* VnniCodeKernels();
const CodeKernels* HighwayCodeKernels();
const CodeKernels* ScalarCodeKernels();

}  // namespace simile::index_internal

#endif  // SIMILE_INDEX_CODE_KERNELS_H_

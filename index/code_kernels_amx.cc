// The kernel for batches beside sq8 in AMX: TDPBUSD multiplies a tile of 16 rows by 64 codes with
// one of 64 components by 16 queries, 16,384 products in one instruction, in a unit of its own.
// What is not many queries beside sq8 is left to VNNI.
//
//   tiles         codes 0..63             queries 0..15  16..31
//               +-------------+          +---------------+---------------+
//   rows  0..15 | 4: a line   |          | 0: sums       | 1: sums       |
//               +-------------+    x     +---------------+---------------+
//   rows 16..31 | 5: a line   |          | 2: sums       | 3: sums       |
//               +-------------+          +---------------+---------------+
//                      their components: 6               7
#include "index/code_kernels.h"

#if defined(__x86_64__)

#include <immintrin.h>

#include <algorithm>
#include <cstring>

#include "base/x86_features.h"
#include "index/code_key.h"

#define SIMILE_AMX \
  __attribute__((target("fma,avx512f,avx512bw,avx512dq,avx512vl,amx-tile,amx-int8")))
#define SIMILE_AMX_INLINE SIMILE_AMX __attribute__((always_inline)) inline

namespace simile::index_internal {
namespace {

constexpr size_t kLineBytes = 64;
constexpr size_t kChunkSlots = 65'536;
constexpr size_t kTileRows = 16;
constexpr size_t kTileBytes = kTileRows * kLineBytes;
constexpr size_t kQueriesMax = QueryBatch::kQueriesMax;

// With fewer most of a tile is empty, and VNNI is faster (bench/scan_bench).
constexpr size_t kQueriesMin = 8;
static_assert(kQueriesMax == 2 * kTileRows);

// The operand of LDTILECFG (Intel 64 and IA-32 Architectures Software Developer's Manual, volume 1,
// section 18.3): palette 1, all eight tiles of 16 lines of 64 bytes.
struct alignas(64) TileConfiguration {
  uint8_t palette = 1;
  uint8_t start_row = 0;
  uint8_t reserved[14] = {};
  uint16_t line_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};
static_assert(sizeof(TileConfiguration) == 64);

size_t TilesOf(size_t queries) { return (queries + kTileRows - 1) / kTileRows; }

// Tile by tile, first of queries 0 to 15: its line r has of each of them components 4 r to 4 r + 3.
void Pack(QueryBatch& batch) {
  const size_t lines = batch.queries.front().components.size() / kLineBytes;
  batch.tiles.assign(TilesOf(batch.queries.size()) * lines * kTileBytes, std::byte{0});
  for (size_t query = 0; query < batch.queries.size(); ++query) {
    const std::byte* components = batch.queries[query].components.data();
    std::byte* tiles = batch.tiles.data() + query / kTileRows * lines * kTileBytes;
    for (size_t at = 0; at < lines * kTileRows; ++at) {
      std::memcpy(tiles + at * kLineBytes + query % kTileRows * 4, components + 4 * at, 4);
    }
  }
}

// Sixteen rows on their way into a tile.
struct TileRows {
  const std::byte* rows[kTileRows];
  bool are_in_order = true;  // Each begins where the one before ends.
  alignas(64) std::byte line[kTileBytes];

  void Take(const CodeRows& all, const uint32_t* slots, size_t count) {
    are_in_order = true;
    for (size_t at = 0; at < kTileRows; ++at) {
      const uint32_t slot = slots[std::min(at, count - 1)];
      rows[at] =
          all.chunks[slot / kChunkSlots] + all.codes_offset + slot % kChunkSlots * all.row_bytes;
      are_in_order = are_in_order && rows[at] == rows[0] + at * all.row_bytes;
    }
  }

  // A line of all of them, as a tile takes it, and how far apart its rows are.
  SIMILE_AMX_INLINE const std::byte* LinesAt(size_t at_byte, size_t row_bytes, size_t& stride) {
    if (are_in_order) {
      stride = row_bytes;
      return rows[0] + at_byte;
    }
    for (size_t at = 0; at < kTileRows; ++at) {
      _mm512_store_si512(line + at * kLineBytes, _mm512_load_si512(rows[at] + at_byte));
    }
    stride = kLineBytes;
    return line;
  }
};

// The sums of 32 rows, each with all queries.
SIMILE_AMX_INLINE void SumsOfRows(TileRows& upper, TileRows& lower, size_t row_bytes,
                                  const QueryBatch& batch, int32_t (*sums)[kQueriesMax]) {
  const bool has_second = TilesOf(batch.queries.size()) == 2;
  const std::byte* first = batch.tiles.data();
  const std::byte* second = first + row_bytes / kLineBytes * kTileBytes;
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  for (size_t line = 0; line < row_bytes; line += kLineBytes) {
    size_t stride = 0;
    const std::byte* lines = upper.LinesAt(line, row_bytes, stride);
    _tile_loadd(4, lines, stride);
    _tile_loadd(6, first, kLineBytes);
    _tile_dpbusd(0, 4, 6);
    lines = lower.LinesAt(line, row_bytes, stride);
    _tile_loadd(5, lines, stride);
    _tile_dpbusd(2, 5, 6);
    first += kTileBytes;
    if (!has_second) continue;
    _tile_loadd(7, second, kLineBytes);
    _tile_dpbusd(1, 4, 7);
    _tile_dpbusd(3, 5, 7);
    second += kTileBytes;
  }
  _tile_stored(0, sums[0], sizeof(sums[0]));
  _tile_stored(1, sums[0] + kTileRows, sizeof(sums[0]));
  _tile_stored(2, sums[kTileRows], sizeof(sums[0]));
  _tile_stored(3, sums[kTileRows] + kTileRows, sizeof(sums[0]));
}

// What sixteen queries add to a sum.
struct QueryTerms {
  __m512i offsets, bounds;
  __m512 squares, ratios;  // Twice the ratio.
};

SIMILE_AMX QueryTerms TermsOf(const QueryBatch& batch, const uint32_t* bounds, size_t first) {
  alignas(64) int32_t offsets[kTileRows] = {};
  alignas(64) uint32_t own_bounds[kTileRows] = {};  // Nothing is below 0.
  alignas(64) float squares[kTileRows] = {}, ratios[kTileRows] = {};
  for (size_t at = 0; at < kTileRows && first + at < batch.queries.size(); ++at) {
    const QueryCode& query = batch.queries[first + at];
    offsets[at] = query.offset;
    own_bounds[at] = bounds[first + at];
    squares[at] = query.squares;
    ratios[at] = 2 * query.ratio;
  }
  return {.offsets = _mm512_load_si512(offsets),
          .bounds = _mm512_load_si512(own_bounds),
          .squares = _mm512_load_ps(squares),
          .ratios = _mm512_load_ps(ratios)};
}

template <bool kEuclidean>
SIMILE_AMX_INLINE __m512i KeysOfSums(const QueryTerms& terms, float row_squares, __m512i sums) {
  const __m512i products = _mm512_sub_epi32(sums, terms.offsets);
  if constexpr (!kEuclidean) {
    return _mm512_sub_epi32(_mm512_set1_epi32(static_cast<int>(0x80000000u)), products);
  }
  const __m512 squares = _mm512_add_ps(_mm512_set1_ps(row_squares), terms.squares);
  const __m512 distances = _mm512_fnmadd_ps(terms.ratios, _mm512_cvtepi32_ps(products), squares);
  const __m512 bounded = _mm512_min_ps(_mm512_max_ps(distances, _mm512_setzero_ps()),
                                       _mm512_set1_ps(kSquaredDistanceMax));
  return _mm512_cvttps_epu32(bounded);
}

float SquaresOf(const CodeRows& rows, uint32_t slot) {
  const std::byte* chunk = rows.chunks[slot / kChunkSlots] + rows.squares_offset;
  return reinterpret_cast<const float*>(chunk)[slot % kChunkSlots];
}

template <bool kEuclidean>
SIMILE_AMX size_t NearerOfBatch(const CodeRows& rows, const QueryBatch& batch,
                                const uint32_t* slots, size_t count, const uint32_t* bounds,
                                NearRow* near) {
  if (batch.queries.size() < kQueriesMin) {
    const auto vnni = VnniCodeKernels()->batch(CodeFormat::kSq8, kEuclidean).nearer;
    return vnni(rows, batch, slots, count, bounds, near);
  }
  alignas(64) int32_t sums[2 * kTileRows][kQueriesMax];
  TileRows upper, lower;
  const size_t tiles = TilesOf(batch.queries.size());
  const QueryTerms terms[2] = {TermsOf(batch, bounds, 0), TermsOf(batch, bounds, kTileRows)};
  static constexpr TileConfiguration kConfiguration;
  _tile_loadconfig(&kConfiguration);
  size_t found = 0;
  for (size_t first = 0; first < count; first += 2 * kTileRows) {
    const size_t some = std::min(count - first, 2 * kTileRows);
    upper.Take(rows, slots + first, some);
    // Where there are no more than sixteen, the last ones again.
    const size_t skipped = std::min(kTileRows, some - 1);
    lower.Take(rows, slots + first + skipped, some - skipped);
    SumsOfRows(upper, lower, rows.row_bytes, batch, sums);
    for (size_t row = 0; row < some; ++row) {
      const uint32_t slot = slots[first + row];
      const float squares = kEuclidean ? SquaresOf(rows, slot) : 0;
      for (size_t tile = 0; tile < tiles; ++tile) {
        const __m512i keys = KeysOfSums<kEuclidean>(
            terms[tile], squares, _mm512_load_si512(sums[row] + tile * kTileRows));
        const uint32_t below = _mm512_cmplt_epu32_mask(keys, terms[tile].bounds);
        if (below == 0) continue;
        alignas(64) uint32_t sixteen[kTileRows];
        _mm512_store_si512(sixteen, keys);
        for (uint32_t left = below; left != 0; left &= left - 1) {
          const auto query = static_cast<uint32_t>(__builtin_ctz(left));
          near[found++] = {.query = static_cast<uint32_t>(tile * kTileRows) + query,
                           .slot = slot,
                           .key = sixteen[query]};
        }
      }
    }
  }
  // A thread whose tiles are in use is dearer to switch from.
  _tile_release();
  return found;
}

BatchKernel BatchOf(CodeFormat format, bool euclidean) {
  // Halves of bytes would have to be spread first; then VNNI is as fast.
  if (format != CodeFormat::kSq8) return VnniCodeKernels()->batch(format, euclidean);
  return {.pack = &Pack, .nearer = euclidean ? &NearerOfBatch<true> : &NearerOfBatch<false>};
}

}  // namespace

const CodeKernels* AmxCodeKernels() {
  const CodeKernels* const vnni = VnniCodeKernels();
  if (vnni == nullptr) return nullptr;
  static const CodeKernels kernels{.level = "amx_int8",
                                   .nearer = vnni->nearer,
                                   .components = vnni->components,
                                   .round = vnni->round,
                                   .batch = &BatchOf};
  static const bool has_it = HasAmxInt8();
  return has_it ? &kernels : nullptr;
}

}  // namespace simile::index_internal

#else

namespace simile::index_internal {

const CodeKernels* AmxCodeKernels() { return nullptr; }

}  // namespace simile::index_internal

#endif

// The kernels in AVX-512 with VNNI. Four rows at a time hide the latency of each other's loads and
// sums. All rows are fetched before the first is used: they come from memory side by side.
#include "index/code_kernels.h"

#if defined(__x86_64__)

#include <immintrin.h>

#include <atomic>
#include <type_traits>

#include "index/code_key.h"

#define SIMILE_VNNI __attribute__((target("fma,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")))
#define SIMILE_VNNI_INLINE SIMILE_VNNI __attribute__((always_inline)) inline

namespace simile::index_internal {
namespace {

constexpr size_t kLineBytes = 64;
constexpr size_t kChunkSlots = 65'536;

SIMILE_VNNI_INLINE const std::byte* RowOf(const CodeRows& rows, uint32_t slot, size_t row_bytes) {
  return rows.chunks[slot / kChunkSlots] + rows.codes_offset + slot % kChunkSlots * row_bytes;
}

SIMILE_VNNI_INLINE void Fetch(const std::byte* row, size_t bytes) {
  for (size_t line = 0; line < bytes; line += kLineBytes) {
    _mm_prefetch(reinterpret_cast<const char*>(row + line), _MM_HINT_T0);
    // GCC 12 keeps only the first of a loop of prefetches without it.
    std::atomic_signal_fence(std::memory_order_seq_cst);
  }
}

// The sums of the lanes of each of four registers.
SIMILE_VNNI_INLINE __m128i SumsOfLanes(__m512i a, __m512i b, __m512i c, __m512i d) {
  const __m512i ab = _mm512_add_epi32(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
  const __m512i cd = _mm512_add_epi32(_mm512_unpacklo_epi32(c, d), _mm512_unpackhi_epi32(c, d));
  const __m512i all =
      _mm512_add_epi32(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd));
  const __m256i half =
      _mm256_add_epi32(_mm512_castsi512_si256(all), _mm512_extracti64x4_epi64(all, 1));
  return _mm_add_epi32(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
}

SIMILE_VNNI_INLINE __m128 SumsOfLanes(__m512 a, __m512 b, __m512 c, __m512 d) {
  const __m512 ab = _mm512_add_ps(_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b));
  const __m512 cd = _mm512_add_ps(_mm512_unpacklo_ps(c, d), _mm512_unpackhi_ps(c, d));
  const __m512d ab_pairs = _mm512_castps_pd(ab), cd_pairs = _mm512_castps_pd(cd);
  const __m512 all = _mm512_add_ps(_mm512_castpd_ps(_mm512_unpacklo_pd(ab_pairs, cd_pairs)),
                                   _mm512_castpd_ps(_mm512_unpackhi_pd(ab_pairs, cd_pairs)));
  const __m256 half = _mm256_add_ps(_mm512_castps512_ps256(all), _mm512_extractf32x8_ps(all, 1));
  return _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
}

// Each format: the sums of products of four rows and the query. `Step` adds one line of a row.

struct Sq8 {
  using Sum = __m512i;
  SIMILE_VNNI_INLINE static Sum Zero() { return _mm512_setzero_si512(); }
  SIMILE_VNNI_INLINE static Sum Step(Sum sum, const std::byte* row, const std::byte* query,
                                     size_t line) {
    return _mm512_dpbusd_epi32(sum, _mm512_load_si512(row + line), _mm512_load_si512(query + line));
  }
  static constexpr bool kDoubled = false;
};

struct Sq4 {
  using Sum = __m512i;
  SIMILE_VNNI_INLINE static Sum Zero() { return _mm512_setzero_si512(); }
  SIMILE_VNNI_INLINE static Sum Step(Sum sum, const std::byte* row, const std::byte* query,
                                     size_t line) {
    const __m512i halves = _mm512_set1_epi8(15);
    const __m512i pairs = _mm512_load_si512(row + line);
    sum = _mm512_dpbusd_epi32(sum, _mm512_and_si512(pairs, halves),
                              _mm512_load_si512(query + 2 * line));
    return _mm512_dpbusd_epi32(sum, _mm512_and_si512(_mm512_srli_epi16(pairs, 4), halves),
                               _mm512_load_si512(query + 2 * line + kLineBytes));
  }
  static constexpr bool kDoubled = true;
};

struct Float32 {
  using Sum = __m512;
  SIMILE_VNNI_INLINE static Sum Zero() { return _mm512_setzero_ps(); }
  SIMILE_VNNI_INLINE static Sum Step(Sum sum, const std::byte* row, const std::byte* query,
                                     size_t line) {
    return _mm512_fmadd_ps(_mm512_load_ps(row + line), _mm512_load_ps(query + line), sum);
  }
};

SIMILE_VNNI_INLINE __m128 SquaresOf(const CodeRows& rows, const uint32_t* slots) {
  alignas(16) float squares[4];
  for (size_t row = 0; row < 4; ++row) {
    const std::byte* chunk = rows.chunks[slots[row] / kChunkSlots] + rows.squares_offset;
    squares[row] = reinterpret_cast<const float*>(chunk)[slots[row] % kChunkSlots];
  }
  return _mm_load_ps(squares);
}

SIMILE_VNNI_INLINE __m128 SquaredDistances(const QueryCode& query, __m128 squares,
                                           __m128 products) {
  const __m128 both = _mm_add_ps(squares, _mm_set1_ps(query.squares));
  const __m128 distances = _mm_fnmadd_ps(_mm_set1_ps(2 * query.ratio), products, both);
  return _mm_max_ps(distances, _mm_setzero_ps());
}

// `squares` of the rows are looked at for Euclidean keys only.
template <typename Format, bool kEuclidean>
SIMILE_VNNI_INLINE __m128i KeysOfSums(const QueryCode& query, __m128 squares, __m128i sums) {
  if constexpr (Format::kDoubled) sums = _mm_slli_epi32(sums, 1);
  const __m128i products = _mm_sub_epi32(sums, _mm_set1_epi32(query.offset));
  if constexpr (kEuclidean) {
    const __m128 distances = SquaredDistances(query, squares, _mm_cvtepi32_ps(products));
    return _mm_cvttps_epu32(_mm_min_ps(distances, _mm_set1_ps(kSquaredDistanceMax)));
  } else {
    return _mm_sub_epi32(_mm_set1_epi32(static_cast<int>(0x80000000u)), products);
  }
}

template <typename Format, bool kEuclidean>
SIMILE_VNNI_INLINE __m128i KeysOfSums(const QueryCode& query, __m128 squares, __m128 sums) {
  // As OrderedBits.
  const __m128 ordered =
      kEuclidean ? SquaredDistances(query, squares, sums) : _mm_sub_ps(_mm_setzero_ps(), sums);
  const __m128i bits = _mm_castps_si128(ordered);
  const __m128i flips =
      _mm_or_si128(_mm_srai_epi32(bits, 31), _mm_set1_epi32(static_cast<int>(0x80000000u)));
  return _mm_xor_si128(bits, flips);
}

// With rows of `kLines` cache lines, or of any number when that is 0.
template <typename Format, bool kEuclidean, size_t kLines>
SIMILE_VNNI_INLINE size_t NearerOfLines(const CodeRows& rows, const QueryCode& query,
                                        const uint32_t* slots, size_t count, uint32_t bound,
                                        uint32_t* near_slots, uint32_t* near_keys) {
  alignas(64) uint32_t all[kRowsMax + 16];
  alignas(64) uint32_t keys[kRowsMax + 16];
  if (count == 0) return 0;
  for (size_t at = 0; at < count; ++at) all[at] = slots[at];
  for (size_t at = count; at < count + 16; ++at) all[at] = slots[count - 1];
  const size_t row_bytes = kLines > 0 ? kLines * kLineBytes : rows.row_bytes;
  const std::byte* const components = query.components.data();
  for (size_t at = 0; at < count; ++at) Fetch(RowOf(rows, all[at], row_bytes), row_bytes);
  for (size_t at = 0; at < count; at += 4) {
    const std::byte* const row0 = RowOf(rows, all[at], row_bytes);
    const std::byte* const row1 = RowOf(rows, all[at + 1], row_bytes);
    const std::byte* const row2 = RowOf(rows, all[at + 2], row_bytes);
    const std::byte* const row3 = RowOf(rows, all[at + 3], row_bytes);
    auto sum0 = Format::Zero(), sum1 = sum0, sum2 = sum0, sum3 = sum0;
    for (size_t line = 0; line < row_bytes; line += kLineBytes) {
      sum0 = Format::Step(sum0, row0, components, line);
      sum1 = Format::Step(sum1, row1, components, line);
      sum2 = Format::Step(sum2, row2, components, line);
      sum3 = Format::Step(sum3, row3, components, line);
    }
    __m128 squares{};
    if constexpr (kEuclidean) squares = SquaresOf(rows, all + at);
    const __m128i four =
        KeysOfSums<Format, kEuclidean>(query, squares, SumsOfLanes(sum0, sum1, sum2, sum3));
    _mm_store_si128(reinterpret_cast<__m128i*>(keys + at), four);
  }
  size_t near = 0;
  for (size_t at = 0; at < count; at += 16) {
    const __m512i sixteen = _mm512_load_si512(keys + at);
    __mmask16 below = _mm512_cmplt_epu32_mask(sixteen, _mm512_set1_epi32(static_cast<int>(bound)));
    if (count - at < 16) below &= static_cast<__mmask16>((1u << (count - at)) - 1);
    _mm512_mask_compressstoreu_epi32(near_keys + near, below, sixteen);
    _mm512_mask_compressstoreu_epi32(near_slots + near, below, _mm512_load_si512(all + at));
    near += static_cast<size_t>(__builtin_popcount(below));
  }
  return near;
}

// Rows of the dimensions that are common have code of their own, without loops over lines.
template <typename Format, bool kEuclidean>
SIMILE_VNNI size_t Nearer(const CodeRows& rows, const QueryCode& query, const uint32_t* slots,
                          size_t count, uint32_t bound, uint32_t* near_slots, uint32_t* near_keys) {
  const auto with = [&](auto lines) SIMILE_VNNI {
    return NearerOfLines<Format, kEuclidean, decltype(lines)::value>(rows, query, slots, count,
                                                                     bound, near_slots, near_keys);
  };
  switch (rows.row_bytes / kLineBytes) {
    case 1:
      return with(std::integral_constant<size_t, 1>());
    case 2:
      return with(std::integral_constant<size_t, 2>());
    case 3:
      return with(std::integral_constant<size_t, 3>());
    case 6:
      return with(std::integral_constant<size_t, 6>());
    case 12:
      return with(std::integral_constant<size_t, 12>());
    default:
      return with(std::integral_constant<size_t, 0>());
  }
}

NearerFunction NearerOf(CodeFormat format, bool euclidean) {
  switch (format) {
    case CodeFormat::kFloat32:
      return euclidean ? &Nearer<Float32, true> : &Nearer<Float32, false>;
    case CodeFormat::kSq8:
      return euclidean ? &Nearer<Sq8, true> : &Nearer<Sq8, false>;
    case CodeFormat::kSq4:
      return euclidean ? &Nearer<Sq4, true> : &Nearer<Sq4, false>;
  }
  return nullptr;
}

// Of four rows and four queries: 16 registers of sums, so that each line that is loaded is used
// four times.
template <typename Format, bool kEuclidean>
SIMILE_VNNI_INLINE void KeysOfFour(const CodeRows& rows, const uint32_t* slots,
                                   const QueryCode* const* queries, uint32_t* keys,
                                   size_t keys_stride) {
  const std::byte* row[4];
  const std::byte* components[4];
  typename Format::Sum sums[4][4];
  for (size_t at = 0; at < 4; ++at) {
    row[at] = RowOf(rows, slots[at], rows.row_bytes);
    components[at] = queries[at]->components.data();
  }
#pragma GCC unroll 4
  for (auto& of_query : sums) {
#pragma GCC unroll 4
    for (auto& sum : of_query) sum = Format::Zero();
  }
#pragma GCC unroll 1
  for (size_t line = 0; line < rows.row_bytes; line += kLineBytes) {
#pragma GCC unroll 4
    for (size_t query = 0; query < 4; ++query) {
#pragma GCC unroll 4
      for (size_t at = 0; at < 4; ++at) {
        sums[query][at] = Format::Step(sums[query][at], row[at], components[query], line);
      }
    }
  }
  __m128 squares{};
  if constexpr (kEuclidean) squares = SquaresOf(rows, slots);
#pragma GCC unroll 4
  for (size_t query = 0; query < 4; ++query) {
    const auto& of = sums[query];
    const __m128i four = KeysOfSums<Format, kEuclidean>(*queries[query], squares,
                                                        SumsOfLanes(of[0], of[1], of[2], of[3]));
    _mm_store_si128(reinterpret_cast<__m128i*>(keys + query * keys_stride), four);
  }
}

template <typename Format, bool kEuclidean>
SIMILE_VNNI size_t NearerOfBatch(const CodeRows& rows, const QueryBatch& batch,
                                 const uint32_t* slots, size_t count, const uint32_t* bounds,
                                 NearRow* near) {
  constexpr size_t kFetchedAhead = 8;
  alignas(64) uint32_t keys[QueryBatch::kQueriesMax][kRowsMax];
  uint32_t all[kRowsMax + 4];
  if (count == 0) return 0;
  for (size_t at = 0; at < count + 4; ++at) all[at] = slots[at < count ? at : count - 1];
  const size_t query_count = batch.queries.size();
  const QueryCode* queries[QueryBatch::kQueriesMax];
  for (size_t at = 0; at < QueryBatch::kQueriesMax; ++at) {
    queries[at] = &batch.queries[at < query_count ? at : query_count - 1];
  }
  for (size_t at = 0; at < count; at += 4) {
    for (size_t ahead = at + kFetchedAhead; ahead < at + kFetchedAhead + 4; ++ahead) {
      if (ahead < count) Fetch(RowOf(rows, all[ahead], rows.row_bytes), rows.row_bytes);
    }
    for (size_t query = 0; query < query_count; query += 4) {
      KeysOfFour<Format, kEuclidean>(rows, all + at, queries + query, &keys[query][at], kRowsMax);
    }
  }
  size_t found = 0;
  for (size_t query = 0; query < query_count; ++query) {
    const __m512i bound = _mm512_set1_epi32(static_cast<int>(bounds[query]));
    for (size_t at = 0; at < count; at += 16) {
      uint32_t below = _mm512_cmplt_epu32_mask(_mm512_load_si512(&keys[query][at]), bound);
      if (count - at < 16) below &= (1u << (count - at)) - 1;
      for (; below != 0; below &= below - 1) {
        const size_t row = at + static_cast<size_t>(__builtin_ctz(below));
        near[found++] = {
            .query = static_cast<uint32_t>(query), .slot = slots[row], .key = keys[query][row]};
      }
    }
  }
  return found;
}

BatchKernel BatchOf(CodeFormat format, bool euclidean) {
  switch (format) {
    case CodeFormat::kFloat32:
      return {};
    case CodeFormat::kSq8:
      return {.nearer = euclidean ? &NearerOfBatch<Sq8, true> : &NearerOfBatch<Sq8, false>};
    case CodeFormat::kSq4:
      return {.nearer = euclidean ? &NearerOfBatch<Sq4, true> : &NearerOfBatch<Sq4, false>,
              .queries_min = 3};
  }
  return {};
}

// Zeros what is beyond `dimension` in the 64 components from `first` on, stores them and adds them
// to `sum`.
SIMILE_VNNI_INLINE __m512i StoreComponents(__m512i line, size_t first, size_t dimension,
                                           int8_t* components, __m512i sum) {
  const size_t left = dimension > first ? dimension - first : 0;
  const __mmask64 kept = left >= 64 ? ~uint64_t{0} : (uint64_t{1} << left) - 1;
  line = _mm512_maskz_mov_epi8(kept, line);
  _mm512_storeu_si512(components + first, line);
  return _mm512_dpbusd_epi32(sum, _mm512_set1_epi8(1), line);
}

SIMILE_VNNI int32_t Sq8Components(const std::byte* row, size_t row_bytes, size_t dimension,
                                  int8_t* components) {
  __m512i sum = _mm512_setzero_si512();
  for (size_t at = 0; at < row_bytes; at += kLineBytes) {
    const __m512i line =
        _mm512_xor_si512(_mm512_load_si512(row + at), _mm512_set1_epi8(static_cast<char>(0x80)));
    sum = StoreComponents(line, at, dimension, components, sum);
  }
  return _mm512_reduce_add_epi32(sum);
}

SIMILE_VNNI int32_t Sq4Components(const std::byte* row, size_t row_bytes, size_t dimension,
                                  int8_t* components) {
  const __m512i halves = _mm512_set1_epi8(15);
  const auto centered = [&](__m512i half) SIMILE_VNNI {
    return _mm512_sub_epi8(_mm512_add_epi8(half, half), halves);
  };
  __m512i sum = _mm512_setzero_si512();
  for (size_t at = 0; at < row_bytes; at += kLineBytes) {
    const __m512i pairs = _mm512_load_si512(row + at);
    sum = StoreComponents(centered(_mm512_and_si512(pairs, halves)), 2 * at, dimension, components,
                          sum);
    sum = StoreComponents(centered(_mm512_and_si512(_mm512_srli_epi16(pairs, 4), halves)),
                          2 * at + kLineBytes, dimension, components, sum);
  }
  return _mm512_reduce_add_epi32(sum);
}

ComponentsFunction ComponentsOf(CodeFormat format) {
  switch (format) {
    case CodeFormat::kFloat32:
      return nullptr;
    case CodeFormat::kSq8:
      return &Sq8Components;
    case CodeFormat::kSq4:
      return &Sq4Components;
  }
  return nullptr;
}

}  // namespace

const CodeKernels* VnniCodeKernels() {
  static const CodeKernels kernels{.level = "avx512_vnni",
                                   .nearer = &NearerOf,
                                   .components = &ComponentsOf,
                                   .round = HighwayCodeKernels()->round,
                                   .batch = &BatchOf};
  const bool has_it = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
                      __builtin_cpu_supports("avx512vnni");
  return has_it ? &kernels : nullptr;
}

}  // namespace simile::index_internal

#else

namespace simile::index_internal {

const CodeKernels* VnniCodeKernels() { return nullptr; }

}  // namespace simile::index_internal

#endif

// The kernels for every instruction set that Highway knows, from one source; chosen at run time.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "index/code_kernels_highway.cc"
// Highway asks for this order.
// clang-format off
#include "hwy/cache_control.h"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
// clang-format on

#include "index/code_kernels.h"
#include "index/code_key.h"

HWY_BEFORE_NAMESPACE();
namespace simile::index_internal {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

constexpr size_t kLine = 64;
constexpr size_t kSlotsOfChunk = 65'536;

const int8_t* Int8Components(const QueryCode& query) {
  return reinterpret_cast<const int8_t*>(query.components.data());
}

// Adds up products of unsigned and signed bytes; Highway 1.0 has no such product, so they are
// widened first.
class ByteProducts {
 public:
  static constexpr hn::ScalableTag<int16_t> kWide{};
  static constexpr hn::Rebind<uint8_t, hn::ScalableTag<int16_t>> kBytes{};
  using Wide = hn::Vec<hn::ScalableTag<int16_t>>;

  HWY_INLINE ByteProducts() : sum_(hn::Zero(kSums)), rest_(hn::Zero(kSums)) {}

  static HWY_INLINE size_t Lanes() { return hn::Lanes(kWide); }
  static HWY_INLINE Wide Widened(const uint8_t* row) {
    return hn::PromoteTo(kWide, hn::LoadU(kBytes, row));
  }

  HWY_INLINE void Add(Wide row, const int8_t* query) {
    const auto factors = hn::PromoteTo(kWide, hn::LoadU(kSignedBytes, query));
    sum_ = hn::ReorderWidenMulAccumulate(kSums, row, factors, sum_, rest_);
  }
  HWY_INLINE int32_t Total() const {
    return hn::GetLane(hn::SumOfLanes(kSums, hn::Add(sum_, rest_)));
  }

 private:
  static constexpr hn::Rebind<int8_t, hn::ScalableTag<int16_t>> kSignedBytes{};
  static constexpr hn::Repartition<int32_t, hn::ScalableTag<int16_t>> kSums{};

  hn::Vec<hn::Repartition<int32_t, hn::ScalableTag<int16_t>>> sum_;
  hn::Vec<hn::Repartition<int32_t, hn::ScalableTag<int16_t>>> rest_;
};

struct Sq8 {
  static HWY_INLINE int32_t Product(const uint8_t* row, size_t row_bytes, const QueryCode& query) {
    ByteProducts products;
    for (size_t at = 0; at < row_bytes; at += ByteProducts::Lanes()) {
      products.Add(ByteProducts::Widened(row + at), Int8Components(query) + at);
    }
    return products.Total() - query.offset;
  }
};

struct Sq4 {
  static HWY_INLINE int32_t Product(const uint8_t* row, size_t row_bytes, const QueryCode& query) {
    ByteProducts products;
    const auto low_half = hn::Set(ByteProducts::kWide, 15);
    for (size_t line = 0; line < row_bytes; line += kLine) {
      const int8_t* components = Int8Components(query) + 2 * line;
      for (size_t at = 0; at < kLine; at += ByteProducts::Lanes()) {
        const auto pairs = ByteProducts::Widened(row + line + at);
        products.Add(hn::And(pairs, low_half), components + at);
        products.Add(hn::ShiftRight<4>(pairs), components + kLine + at);
      }
    }
    return 2 * products.Total() - query.offset;
  }
};

struct Float32 {
  static HWY_INLINE float Product(const uint8_t* row, size_t row_bytes, const QueryCode& query) {
    const hn::ScalableTag<float> tag;
    const size_t lanes = hn::Lanes(tag);
    const auto* values = reinterpret_cast<const float*>(row);
    const auto* components = reinterpret_cast<const float*>(query.components.data());
    const size_t count = row_bytes / sizeof(float);
    // A row is whole cache lines: two vectors of 32 bytes or one of 64 at least.
    auto even = hn::Zero(tag), odd = hn::Zero(tag);
    for (size_t at = 0; at < count; at += 2 * lanes) {
      even = hn::MulAdd(hn::LoadU(tag, values + at), hn::LoadU(tag, components + at), even);
      if (at + lanes >= count) break;
      odd = hn::MulAdd(hn::LoadU(tag, values + at + lanes), hn::LoadU(tag, components + at + lanes),
                       odd);
    }
    return hn::GetLane(hn::SumOfLanes(tag, hn::Add(even, odd)));
  }
};

HWY_INLINE uint32_t KeyOfDot(int32_t product) { return KeyOfProduct(product); }
HWY_INLINE uint32_t KeyOfDot(float product) { return OrderedBits(-product); }

HWY_INLINE uint32_t KeyOfDistance(const QueryCode& query, float squares, int32_t product) {
  return KeyOfSquaredDistance(squares + query.squares -
                              2 * query.ratio * static_cast<float>(product));
}
HWY_INLINE uint32_t KeyOfDistance(const QueryCode& query, float squares, float product) {
  return KeyOfFloatSquaredDistance(squares + query.squares - 2 * query.ratio * product);
}

template <typename Format, bool kEuclidean>
size_t Nearer(const CodeRows& rows, const QueryCode& query, const uint32_t* slots, size_t count,
              uint32_t bound, uint32_t* near_slots, uint32_t* near_keys) {
  constexpr size_t kFetchedAhead = 8;
  const auto row_of = [&rows](uint32_t slot) {
    return reinterpret_cast<const uint8_t*>(rows.chunks[slot / kSlotsOfChunk] + rows.codes_offset +
                                            slot % kSlotsOfChunk * rows.row_bytes);
  };
  const auto fetch = [&](uint32_t slot) {
    for (size_t line = 0; line < rows.row_bytes; line += kLine) {
      hwy::Prefetch(row_of(slot) + line);
    }
  };
  for (size_t at = 0; at < count && at < kFetchedAhead; ++at) fetch(slots[at]);
  size_t near = 0;
  for (size_t at = 0; at < count; ++at) {
    if (at + kFetchedAhead < count) fetch(slots[at + kFetchedAhead]);
    const auto product = Format::Product(row_of(slots[at]), rows.row_bytes, query);
    uint32_t key = 0;
    if (kEuclidean) {
      const std::byte* chunk = rows.chunks[slots[at] / kSlotsOfChunk] + rows.squares_offset;
      const float squares = reinterpret_cast<const float*>(chunk)[slots[at] % kSlotsOfChunk];
      key = KeyOfDistance(query, squares, product);
    } else {
      key = KeyOfDot(product);
    }
    if (key >= bound) continue;
    near_slots[near] = slots[at];
    near_keys[near++] = key;
  }
  return near;
}

// How a format rounds; `kLevelMax` ends its range.
struct Sq8Levels {
  static constexpr int kLevelMax = 127;

  template <typename Floats>
  static HWY_INLINE auto Of(Floats tag, hn::Vec<Floats> scaled) {
    return hn::NearestInt(hn::Min(hn::Max(scaled, hn::Set(tag, -127.0f)), hn::Set(tag, 127.0f)));
  }
};

struct Sq4Levels {
  static constexpr int kLevelMax = 15;

  template <typename Floats>
  static HWY_INLINE auto Of(Floats tag, hn::Vec<Floats> scaled) {
    const auto steps = hn::Mul(hn::Add(scaled, hn::Set(tag, 15.0f)), hn::Set(tag, 0.5f));
    const auto rounded =
        hn::NearestInt(hn::Min(hn::Max(steps, hn::Zero(tag)), hn::Set(tag, 15.0f)));
    return hn::Sub(hn::Add(rounded, rounded), hn::Set(hn::RebindToSigned<Floats>(), 15));
  }
};

// As many components as there are whole vectors of them; gives how many that were.
template <typename Levels, typename Floats>
HWY_INLINE size_t RoundVectors(Floats tag, const float* vector, size_t count, float scale,
                               int8_t* rounded, RoundedComponents& all) {
  const hn::RebindToSigned<Floats> integers;
  const hn::Rebind<int8_t, Floats> bytes;
  const auto factor = hn::Set(tag, scale);
  const auto half_range = hn::Set(tag, Levels::kLevelMax / 2.0f);
  // A lane is at most 127^2 for each of its components; of 100,000 that would not overflow.
  auto squares = hn::Zero(integers), sums = hn::Zero(integers), upper = hn::Zero(integers);
  auto lost_squares = hn::Zero(tag);
  size_t at = 0;
  for (; at + hn::Lanes(tag) <= count; at += hn::Lanes(tag)) {
    const auto exact = hn::Mul(hn::LoadU(tag, vector + at), factor);
    const auto levels = Levels::Of(tag, exact);
    const auto lost = hn::Sub(exact, hn::ConvertTo(tag, levels));
    hn::StoreU(hn::DemoteTo(bytes, levels), bytes, rounded + at);
    squares = hn::Add(squares, hn::Mul(levels, levels));
    sums = hn::Add(sums, levels);
    lost_squares = hn::MulAdd(lost, lost, lost_squares);
    upper = hn::Sub(
        upper,
        hn::VecFromMask(integers, hn::RebindMask(integers, hn::Gt(hn::Abs(exact), half_range))));
  }
  all.squares += hn::GetLane(hn::SumOfLanes(integers, squares));
  all.sum += hn::GetLane(hn::SumOfLanes(integers, sums));
  all.lost_squares += hn::GetLane(hn::SumOfLanes(tag, lost_squares));
  all.in_upper_half += static_cast<size_t>(hn::GetLane(hn::SumOfLanes(integers, upper)));
  return at;
}

template <typename Levels>
HWY_INLINE RoundedComponents Round(const float* vector, size_t count, float scale,
                                   int8_t* rounded) {
  RoundedComponents all;
  const size_t done =
      RoundVectors<Levels>(hn::ScalableTag<float>(), vector, count, scale, rounded, all);
  RoundVectors<Levels>(hn::CappedTag<float, 1>(), vector + done, count - done, scale,
                       rounded + done, all);
  return all;
}

RoundedComponents RoundToSq8(const float* vector, size_t count, float scale, int8_t* rounded) {
  return Round<Sq8Levels>(vector, count, scale, rounded);
}

RoundedComponents RoundToSq4(const float* vector, size_t count, float scale, int8_t* rounded) {
  return Round<Sq4Levels>(vector, count, scale, rounded);
}

#define SIMILE_NEARER(name, format, euclidean)                                                   \
  size_t name(const CodeRows& rows, const QueryCode& query, const uint32_t* slots, size_t count, \
              uint32_t bound, uint32_t* near_slots, uint32_t* near_keys) {                       \
    return Nearer<format, euclidean>(rows, query, slots, count, bound, near_slots, near_keys);   \
  }
SIMILE_NEARER(NearerSq8Products, Sq8, false)
SIMILE_NEARER(NearerSq8Distances, Sq8, true)
SIMILE_NEARER(NearerSq4Products, Sq4, false)
SIMILE_NEARER(NearerSq4Distances, Sq4, true)
SIMILE_NEARER(NearerFloat32Products, Float32, false)
SIMILE_NEARER(NearerFloat32Distances, Float32, true)

}  // namespace HWY_NAMESPACE
}  // namespace simile::index_internal
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace simile::index_internal {

HWY_EXPORT(NearerSq8Products);
HWY_EXPORT(NearerSq8Distances);
HWY_EXPORT(NearerSq4Products);
HWY_EXPORT(NearerSq4Distances);
HWY_EXPORT(NearerFloat32Products);
HWY_EXPORT(NearerFloat32Distances);
HWY_EXPORT(RoundToSq8);
HWY_EXPORT(RoundToSq4);

namespace {

NearerFunction NearerOf(CodeFormat format, bool euclidean) {
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
  switch (format) {
    case CodeFormat::kFloat32:
      return euclidean ? HWY_DYNAMIC_DISPATCH(NearerFloat32Distances)
                       : HWY_DYNAMIC_DISPATCH(NearerFloat32Products);
    case CodeFormat::kSq8:
      return euclidean ? HWY_DYNAMIC_DISPATCH(NearerSq8Distances)
                       : HWY_DYNAMIC_DISPATCH(NearerSq8Products);
    case CodeFormat::kSq4:
      return euclidean ? HWY_DYNAMIC_DISPATCH(NearerSq4Distances)
                       : HWY_DYNAMIC_DISPATCH(NearerSq4Products);
  }
  return nullptr;
}

RoundFunction RoundOf(CodeFormat format) {
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
  switch (format) {
    case CodeFormat::kFloat32:
      return nullptr;
    case CodeFormat::kSq8:
      return HWY_DYNAMIC_DISPATCH(RoundToSq8);
    case CodeFormat::kSq4:
      return HWY_DYNAMIC_DISPATCH(RoundToSq4);
  }
  return nullptr;
}

}  // namespace

const CodeKernels* HighwayCodeKernels() {
  // Plain loops over bytes are what compilers turn into vectors by themselves.
  static const CodeKernels kernels{.level = "highway",
                                   .nearer = &NearerOf,
                                   .components = ScalarCodeKernels()->components,
                                   .round = &RoundOf};
  return &kernels;
}

}  // namespace simile::index_internal
#endif  // HWY_ONCE

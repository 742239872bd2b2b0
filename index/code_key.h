#ifndef SIMILE_INDEX_CODE_KEY_H_
#define SIMILE_INDEX_CODE_KEY_H_

#include <bit>
#include <cstdint>

namespace simile::index_internal {

// The largest key; nothing is that far.
inline constexpr uint32_t kFarthestKey = 0xFFFFFFFFu;

// The bits of a float in an order that agrees with that of the floats.
inline uint32_t OrderedBits(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  return bits ^ (static_cast<uint32_t>(static_cast<int32_t>(bits) >> 31) | 0x80000000u);
}

inline float FloatOfOrderedBits(uint32_t ordered) {
  return std::bit_cast<float>(ordered ^ ((ordered >> 31) != 0 ? 0x80000000u : 0xFFFFFFFFu));
}

// Of a product of integers; see NearerFunction.
inline uint32_t KeyOfProduct(int32_t product) {
  return 0x80000000u - static_cast<uint32_t>(product);
}

// Of a squared distance in units of integer codes. Far beyond anything that two rows can have, keys
// are equal.
inline constexpr float kSquaredDistanceMax = 4.0e9f;

inline uint32_t KeyOfSquaredDistance(float distance) {
  if (!(distance > 0)) return 0;
  return static_cast<uint32_t>(distance < kSquaredDistanceMax ? distance : kSquaredDistanceMax);
}

// Of one by float32 components, which may be as small as one likes.
inline uint32_t KeyOfFloatSquaredDistance(float distance) {
  return OrderedBits(distance > 0 ? distance : 0.0f);
}

}  // namespace simile::index_internal

#endif  // SIMILE_INDEX_CODE_KEY_H_

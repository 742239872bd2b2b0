// The kernels in plain loops: the oracle of the tests, and what runs where nothing else does.
#include <algorithm>
#include <cmath>

#include "index/code_kernels.h"
#include "index/code_key.h"

namespace simile::index_internal {
namespace {

constexpr size_t kLineBytes = 64;
constexpr size_t kChunkSlots = 65'536;

const int8_t* Int8Components(const QueryCode& query) {
  return reinterpret_cast<const int8_t*>(query.components.data());
}

uint32_t KeyOf(const QueryCode& query, int32_t product, float squares, bool euclidean) {
  if (!euclidean) return KeyOfProduct(product);
  return KeyOfSquaredDistance(squares + query.squares -
                              2 * query.ratio * static_cast<float>(product));
}

uint32_t Sq8Key(const uint8_t* row, size_t row_bytes, const QueryCode& query, float squares,
                bool euclidean) {
  int32_t raw = 0;
  for (size_t at = 0; at < row_bytes; ++at) raw += row[at] * Int8Components(query)[at];
  return KeyOf(query, raw - query.offset, squares, euclidean);
}

uint32_t Sq4Key(const uint8_t* row, size_t row_bytes, const QueryCode& query, float squares,
                bool euclidean) {
  int32_t raw = 0;
  for (size_t line = 0; line < row_bytes; line += kLineBytes) {
    const int8_t* components = Int8Components(query) + 2 * line;
    for (size_t at = 0; at < kLineBytes; ++at) {
      raw += (row[line + at] & 15) * components[at];
      raw += (row[line + at] >> 4) * components[at + kLineBytes];
    }
  }
  return KeyOf(query, 2 * raw - query.offset, squares, euclidean);
}

uint32_t Float32Key(const uint8_t* row, size_t row_bytes, const QueryCode& query, float squares,
                    bool euclidean) {
  const auto* components = reinterpret_cast<const float*>(query.components.data());
  const auto* values = reinterpret_cast<const float*>(row);
  float raw = 0;
  for (size_t at = 0; at < row_bytes / sizeof(float); ++at) raw += values[at] * components[at];
  if (!euclidean) return OrderedBits(-raw);
  return KeyOfFloatSquaredDistance(squares + query.squares - 2 * query.ratio * raw);
}

template <auto kKey, bool kEuclidean>
size_t Nearer(const CodeRows& rows, const QueryCode& query, const uint32_t* slots, size_t count,
              uint32_t bound, uint32_t* near_slots, uint32_t* near_keys) {
  size_t near = 0;
  for (size_t at = 0; at < count; ++at) {
    const std::byte* chunk = rows.chunks[slots[at] / kChunkSlots];
    const size_t place = slots[at] % kChunkSlots;
    const auto* row =
        reinterpret_cast<const uint8_t*>(chunk + rows.codes_offset + place * rows.row_bytes);
    const float squares = reinterpret_cast<const float*>(chunk + rows.squares_offset)[place];
    const uint32_t key = kKey(row, rows.row_bytes, query, squares, kEuclidean);
    if (key >= bound) continue;
    near_slots[near] = slots[at];
    near_keys[near++] = key;
  }
  return near;
}

NearerFunction NearerOf(CodeFormat format, bool euclidean) {
  switch (format) {
    case CodeFormat::kFloat32:
      return euclidean ? &Nearer<Float32Key, true> : &Nearer<Float32Key, false>;
    case CodeFormat::kSq8:
      return euclidean ? &Nearer<Sq8Key, true> : &Nearer<Sq8Key, false>;
    case CodeFormat::kSq4:
      return euclidean ? &Nearer<Sq4Key, true> : &Nearer<Sq4Key, false>;
  }
  return nullptr;
}

int32_t Sq8Components(const std::byte* row, size_t row_bytes, size_t dimension,
                      int8_t* components) {
  int32_t sum = 0;
  for (size_t at = 0; at < row_bytes; ++at) {
    const int code = std::to_integer<int>(row[at]) - 128;
    components[at] = static_cast<int8_t>(at < dimension ? code : 0);
    sum += components[at];
  }
  return sum;
}

int32_t Sq4Components(const std::byte* row, size_t row_bytes, size_t dimension,
                      int8_t* components) {
  int32_t sum = 0;
  for (size_t at = 0; at < 2 * row_bytes; ++at) {
    const int pair =
        std::to_integer<int>(row[at / (2 * kLineBytes) * kLineBytes + at % kLineBytes]);
    const int half = at % (2 * kLineBytes) < kLineBytes ? pair & 15 : pair >> 4;
    components[at] = static_cast<int8_t>(at < dimension ? 2 * half - 15 : 0);
    sum += components[at];
  }
  return sum;
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

int32_t Rounded(float value, float smallest, float largest) {
  return static_cast<int32_t>(std::lrintf(std::clamp(value, smallest, largest)));
}

int32_t Sq8Level(float scaled) { return Rounded(scaled, -127, 127); }

int32_t Sq4Level(float scaled) { return 2 * Rounded((scaled + 15) / 2, 0, 15) - 15; }

template <auto kLevel, int kLevelMax>
RoundedComponents Round(const float* vector, size_t count, float scale, int8_t* rounded) {
  RoundedComponents all;
  for (size_t at = 0; at < count; ++at) {
    const float exact = vector[at] * scale;
    const int32_t level = kLevel(exact);
    const float lost = exact - static_cast<float>(level);
    rounded[at] = static_cast<int8_t>(level);
    all.squares += level * level;
    all.sum += level;
    all.lost_squares += lost * lost;
    all.in_upper_half += 2 * std::fabs(exact) > kLevelMax ? 1 : 0;
  }
  return all;
}

RoundFunction RoundOf(CodeFormat format) {
  switch (format) {
    case CodeFormat::kFloat32:
      return nullptr;
    case CodeFormat::kSq8:
      return &Round<Sq8Level, 127>;
    case CodeFormat::kSq4:
      return &Round<Sq4Level, 15>;
  }
  return nullptr;
}

}  // namespace

const CodeKernels* ScalarCodeKernels() {
  static const CodeKernels kernels{
      .level = "scalar", .nearer = &NearerOf, .components = &ComponentsOf, .round = &RoundOf};
  return &kernels;
}

}  // namespace simile::index_internal

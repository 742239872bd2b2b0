#include "server/engine/ulid.h"

#include <array>
#include <chrono>
#include <cstdint>
#include <random>

namespace simile {
namespace {

constexpr char kAlphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
constexpr size_t kTimeCharacters = 10;    // 50 bits, of which the top two are zero.
constexpr size_t kRandomCharacters = 16;  // 80 bits.

}  // namespace

std::string NewUlid() {
  // Seeded from the system once per thread; 80 bits a call make collisions no concern.
  thread_local std::mt19937_64 generator = [] {
    std::random_device device;
    std::seed_seq seed{device(), device(), device(), device(), device(), device()};
    return std::mt19937_64(seed);
  }();
  const auto since_epoch = std::chrono::system_clock::now().time_since_epoch();
  auto time_ms = static_cast<uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(since_epoch).count());

  std::string ulid(kTimeCharacters + kRandomCharacters, '0');
  for (size_t position = kTimeCharacters; position-- > 0; time_ms >>= 5) {
    ulid[position] = kAlphabet[time_ms & 31];
  }
  std::array<uint64_t, 2> random = {generator(), generator()};
  for (size_t position = 0; position < kRandomCharacters; ++position) {
    uint64_t& bits = random[position / 8];
    ulid[kTimeCharacters + position] = kAlphabet[bits & 31];
    bits >>= 5;
  }
  return ulid;
}

}  // namespace simile

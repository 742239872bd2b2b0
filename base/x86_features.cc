#include "base/x86_features.h"

#if defined(__x86_64__)

#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>
#include <initializer_list>

namespace simile {
namespace {

struct Leaf {
  uint32_t eax = 0, ebx = 0, ecx = 0, edx = 0;
};

Leaf ReadLeaf(uint32_t leaf, uint32_t subleaf) {
  Leaf result;
  __get_cpuid_count(leaf, subleaf, &result.eax, &result.ebx, &result.ecx, &result.edx);
  return result;
}

constexpr bool HasBit(uint64_t bits, unsigned bit) { return (bits >> bit & 1) != 0; }

// XCR0: which registers the operating system saves and restores. 0 when it cannot be read.
uint64_t EnabledRegisters() {
  constexpr unsigned kOsxsave = 27;
  if (!HasBit(ReadLeaf(1, 0).ecx, kOsxsave)) return 0;
  uint32_t low = 0, high = 0;
  asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (static_cast<uint64_t>(high) << 32) | low;
}

constexpr unsigned kTileDataRegisters = 18;

// arch_prctl(2) of Linux 5.16 and later.
bool AskForTileData() {
  constexpr long kRequestPermission = 0x1023;
  return syscall(SYS_arch_prctl, kRequestPermission, kTileDataRegisters) == 0;
}

bool HasAvx512() {
  constexpr uint64_t kVectorRegisters = 0xe6;  // SSE, AVX, masks, both upper parts of AVX-512.
  if ((EnabledRegisters() & kVectorRegisters) != kVectorRegisters) return false;
  const Leaf features = ReadLeaf(7, 0);
  constexpr unsigned kFoundation = 16, kDoubleQuad = 17, kByteWord = 30, kVectorLength = 31;
  for (const unsigned bit : {kFoundation, kDoubleQuad, kByteWord, kVectorLength}) {
    if (!HasBit(features.ebx, bit)) return false;
  }
  return true;
}

// Tiles, and products of what `product_bit` stands for.
bool HasTiles(unsigned product_bit) {
  constexpr unsigned kTileConfigRegisters = 17;
  const uint64_t enabled = EnabledRegisters();
  if (!HasBit(enabled, kTileConfigRegisters) || !HasBit(enabled, kTileDataRegisters)) return false;
  const Leaf features = ReadLeaf(7, 0);
  constexpr unsigned kAmxTile = 24;
  return HasBit(features.edx, product_bit) && HasBit(features.edx, kAmxTile);
}

}  // namespace

bool HasAvx512Bfloat16() {
  constexpr unsigned kBfloat16 = 5;
  return HasAvx512() && HasBit(ReadLeaf(7, 1).eax, kBfloat16);
}

bool HasAmxBfloat16() {
  constexpr unsigned kAmxBfloat16 = 22;
  return HasAvx512Bfloat16() && HasTiles(kAmxBfloat16) && AskForTileData();
}

bool HasAmxInt8() {
  constexpr unsigned kAmxInt8 = 25;
  return HasAvx512() && HasTiles(kAmxInt8) && AskForTileData();
}

}  // namespace simile

#else

namespace simile {

bool HasAvx512Bfloat16() { return false; }
bool HasAmxBfloat16() { return false; }
bool HasAmxInt8() { return false; }

}  // namespace simile

#endif

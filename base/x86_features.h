#ifndef SIMILE_BASE_X86_FEATURES_H_
#define SIMILE_BASE_X86_FEATURES_H_

namespace simile {

// Whether the processor has the instructions and the operating system keeps their registers (Intel
// 64 and IA-32 Architectures Software Developer's Manual, volume 1, sections 13 to 15, 18). False
// on other processors than x86-64.

// AVX-512 F, BW, DQ, VL and BF16.
bool HasAvx512Bfloat16();

// AMX-TILE and AMX-BF16 beside these, and this process may use tiles: Linux gives their 8 KiB of
// registers to processes that ask for it, once, for all threads.
bool HasAmxBfloat16();

// AMX-TILE and AMX-INT8 beside AVX-512 F, BW, DQ, VL, as above.
bool HasAmxInt8();

}  // namespace simile

#endif  // SIMILE_BASE_X86_FEATURES_H_

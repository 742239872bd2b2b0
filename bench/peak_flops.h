#ifndef SIMILE_BENCH_PEAK_FLOPS_H_
#define SIMILE_BENCH_PEAK_FLOPS_H_

#include <string>

namespace simile {

// Floating-point operations per second (a multiply-add is two) that this thread's core reaches when
// it does nothing but the instruction in which a level of the encoder multiplies, on registers
// only: TDPBF16PS, VDPBF16PS or FMA. Takes about 20 ms. 0 for a level without a known instruction.
// The level must be one that this machine has; see EncoderLevels.
double MeasurePeakFlops(const std::string& level);

}  // namespace simile

#endif  // SIMILE_BENCH_PEAK_FLOPS_H_

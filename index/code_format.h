#ifndef SIMILE_INDEX_CODE_FORMAT_H_
#define SIMILE_INDEX_CODE_FORMAT_H_

namespace simile {

// How a graph keeps the components that it walks by. The nearest it finds are compared again by
// their float32 components, so a smaller format costs recall only where it hides a neighbour.
//   sq8      a byte: c = round(x * scale), -127 to 127, kept as c + 128.
//   sq4      half a byte: v = 0 to 15, where x is about (2 v - 15) / scale. The low halves of a
//            cache line are components 0 to 63 of a block of 128, the high halves 64 to 127.
//   float32  as they are.
// Rows are padded with zeros to whole cache lines.
enum class CodeFormat { kSq8, kSq4, kFloat32 };

}  // namespace simile

#endif  // SIMILE_INDEX_CODE_FORMAT_H_

#ifndef SIMILE_BASE_VALUE_H_
#define SIMILE_BASE_VALUE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <variant>
#include <vector>

namespace simile {

struct Null {
  bool operator==(const Null&) const = default;
};

// Arbitrary bytes, apart from String so that the two never compare equal.
struct Bytes {
  std::string data;
  bool operator==(const Bytes&) const = default;
};

// A point in time, as google.protobuf.Timestamp has it.
struct Timestamp {
  int64_t seconds = 0;  // Since 1970-01-01T00:00:00Z.
  int32_t nanos = 0;    // 0 to 999,999,999, counting forward.
  bool operator==(const Timestamp&) const = default;
};

struct Value;
using ValueList = std::vector<Value>;
using ValueMap = std::map<std::string, Value, std::less<>>;  // libstdc++ asks for no whole Value.

// One typed metadata value. An int64 keeps all its bits; lists and maps may hold each other up to
// kMetadataDepthMax deep.
struct Value {
  std::variant<Null, bool, int64_t, double, std::string, Bytes, Timestamp, ValueList, ValueMap>
      kind;
  bool operator==(const Value&) const = default;
};

using Metadata = ValueMap;

}  // namespace simile

#endif  // SIMILE_BASE_VALUE_H_

#ifndef SIMILE_SERVER_RPC_CONVERT_VALUE_H_
#define SIMILE_SERVER_RPC_CONVERT_VALUE_H_

#include <google/protobuf/map.h>

#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/engine/requests.h"
#include "simile/v1/common.pb.h"

namespace simile {

using MetadataMap = google::protobuf::Map<std::string, v1::Value>;

// InvalidArgument: a value without kind, lists and maps nested too deep, more than kMetadataKeysMax
// names at the top.
absl::StatusOr<Metadata> FromProto(const MetadataMap& metadata);
// InvalidArgument: a value without kind, lists and maps nested too deep.
absl::StatusOr<Value> FromProto(const v1::Value& value);
void ToProto(const Value& value, v1::Value& proto);
void ToProto(const Metadata& metadata, MetadataMap& proto);

// InvalidArgument when there is no data, when bytes are no whole number of floats, or when there
// are more than kDimensionMax components; refused before memory is taken.
absl::StatusOr<std::vector<float>> FromProto(const v1::Vector& vector);

// As little-endian bytes, the fast form.
void ToProto(std::span<const float> vector, v1::Vector& proto);
std::string FloatBytes(std::span<const float> vector);

Durability FromProto(v1::Durability durability);
v1::Durability ToProto(Durability durability);

// The parts of the timings that the engine knows.
void ToProto(const StageTimings& timings, v1::Timings& proto);

}  // namespace simile

#endif  // SIMILE_SERVER_RPC_CONVERT_VALUE_H_

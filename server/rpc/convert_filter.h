#ifndef SIMILE_SERVER_RPC_CONVERT_FILTER_H_
#define SIMILE_SERVER_RPC_CONVERT_FILTER_H_

#include "absl/status/statusor.h"
#include "filter/filter.h"
#include "simile/v1/filter.pb.h"

namespace simile {

// InvalidArgument with the path of the condition when it has no kind, a value has none, or a limit
// on depth or values is passed, before memory is taken; the engine checks the rest.
absl::StatusOr<Filter> FromProto(const v1::Filter& proto);

}  // namespace simile

#endif  // SIMILE_SERVER_RPC_CONVERT_FILTER_H_

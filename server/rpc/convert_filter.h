#ifndef SIMILE_SERVER_RPC_CONVERT_FILTER_H_
#define SIMILE_SERVER_RPC_CONVERT_FILTER_H_

#include "absl/status/statusor.h"
#include "filter/filter.h"
#include "server/engine/requests.h"
#include "simile/v1/filter.pb.h"

namespace simile {

// InvalidArgument with the path of the condition when it has no kind, a value has none, or a limit
// on depth or values is passed, before memory is taken; the engine checks the rest.
absl::StatusOr<Filter> FromProto(const v1::Filter& proto);

// InvalidArgument with the path of the facet: too many of them or of their ranges, or a bound
// without kind; the engine checks the rest.
absl::StatusOr<std::vector<Facet>> FromProto(
    const google::protobuf::RepeatedPtrField<v1::Facet>& proto);

void ToProto(const FilterReport& report, v1::FilterInfo& proto);
void ToProto(const FacetReport& report, v1::FacetCounts& proto);

}  // namespace simile

#endif  // SIMILE_SERVER_RPC_CONVERT_FILTER_H_

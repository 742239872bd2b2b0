#ifndef SIMILE_SERVER_RPC_CONVERT_SEARCH_H_
#define SIMILE_SERVER_RPC_CONVERT_SEARCH_H_

#include "absl/status/statusor.h"
#include "server/engine/requests.h"
#include "simile/v1/search_service.pb.h"

namespace simile {

// InvalidArgument when a term has no source or a vector cannot be converted; the engine checks the
// rest.
absl::StatusOr<QueryInput> FromProto(const v1::Query& proto);

// `query` says which fields were asked for.
v1::SearchPlan ToProto(SearchStrategy strategy);

void ToProto(const SearchReport& report, const v1::Query& query, v1::SearchResponse& proto);

}  // namespace simile

#endif  // SIMILE_SERVER_RPC_CONVERT_SEARCH_H_

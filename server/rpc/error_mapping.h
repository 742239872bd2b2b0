#ifndef SIMILE_SERVER_RPC_ERROR_MAPPING_H_
#define SIMILE_SERVER_RPC_ERROR_MAPPING_H_

#include <grpcpp/support/status.h>

#include "absl/status/status.h"
#include "simile/v1/common.pb.h"

namespace simile {

// The one place where an error of ours becomes one of the wire: same code, same message, and
// google.rpc details: ErrorInfo always, BadRequest when a field is named, RetryInfo when waiting
// helps. What a client sent and a message quotes is cut, so that every status fits into trailing
// metadata.
grpc::Status ToGrpcStatus(const absl::Status& status);

// The same for one item of a batch.
v1::ItemStatus ToItemStatus(const absl::Status& status);

}  // namespace simile

#endif  // SIMILE_SERVER_RPC_ERROR_MAPPING_H_

#ifndef SIMILE_SERVER_RPC_CONVERT_CHECK_H_
#define SIMILE_SERVER_RPC_CONVERT_CHECK_H_

#include "simile/v1/admin_service.pb.h"
#include "storage/live_check.h"

namespace simile {

void ToProto(const LiveCheck& check, v1::VerifyDataResponse& proto);

}  // namespace simile

#endif  // SIMILE_SERVER_RPC_CONVERT_CHECK_H_

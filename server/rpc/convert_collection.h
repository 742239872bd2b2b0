#ifndef SIMILE_SERVER_RPC_CONVERT_COLLECTION_H_
#define SIMILE_SERVER_RPC_CONVERT_COLLECTION_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "server/engine/database.h"
#include "simile/v1/collection_service.pb.h"

namespace simile {

// InvalidArgument for a metric or engine this server does not know.
absl::StatusOr<CollectionSettings> FromProto(const v1::CreateCollectionRequest& proto);

// The same for a change.
absl::StatusOr<CollectionChanges> FromProto(const v1::UpdateCollectionRequest& proto);

// The collection of that name. The error names `field` of the request; InvalidArgument when there
// cannot be such a name, NotFound when there is none.
absl::StatusOr<std::shared_ptr<Collection>> FindCollection(const Database& database,
                                                           const std::string& name,
                                                           const std::string& field);

void ToProto(const CollectionDescription& description, v1::Collection& proto);

}  // namespace simile

#endif  // SIMILE_SERVER_RPC_CONVERT_COLLECTION_H_

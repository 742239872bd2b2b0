#ifndef SIMILE_CLIENT_CLI_VALUE_JSON_H_
#define SIMILE_CLIENT_CLI_VALUE_JSON_H_

#include <nlohmann/json.hpp>

#include "absl/status/statusor.h"
#include "client/cli/output.h"
#include "simile/v1/common.pb.h"

namespace simile::cli {

using MetadataFields = google::protobuf::Map<std::string, v1::Value>;

// Metadata values as JSON, both ways without loss. What JSON has no kind for is an object with one
// key: {"$timestamp": "2026-01-02T03:04:05Z"}, {"$bytes": "<base64>"}, {"$double": "NaN"}, and a
// map with one name that begins with $: {"$map": {"$bytes": 1}}. Any other object is a map.

Json ToJson(const v1::Value& value);
Json ToJson(const MetadataFields& fields);

// InvalidArgument for an object of one key with $ that is none of the above and for numbers between
// int64 and uint64; larger ones have become doubles before they get here.
absl::StatusOr<v1::Value> ValueFromJson(const Json& json);

// Adds the members of an object. InvalidArgument names the member.
absl::Status FieldsFromJson(const Json& json, MetadataFields& fields);

// {"id", "text", "metadata", "vector"?} as `get`, `list` and `import` have it.
Json ToJson(const v1::Document& document, bool with_text, bool with_metadata, bool with_vector);

// InvalidArgument names the field that is wrong.
absl::StatusOr<v1::Document> DocumentFromJson(const Json& json);

// The components, whichever form they have on the wire.
Json VectorJson(const v1::Vector& vector);
Json VectorJson(const std::string& float32_le);

// InvalidArgument unless it is an array of numbers.
absl::StatusOr<v1::Vector> VectorFromJson(const Json& json);

}  // namespace simile::cli

#endif  // SIMILE_CLIENT_CLI_VALUE_JSON_H_

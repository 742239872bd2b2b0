#ifndef SIMILE_SERVER_ENGINE_VALIDATION_H_
#define SIMILE_SERVER_ENGINE_VALIDATION_H_

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "embedder/encoder.h"
#include "index/metric.h"
#include "server/engine/database.h"
#include "server/engine/requests.h"

namespace simile {

// What a collection asks of the vectors and texts it is given.
struct CollectionShape {
  size_t dimension = 0;
  Metric metric = Metric::kCosine;
  bool has_model = false;
};

// Each returns OK or InvalidArgument with the field, the number that was wrong and the limit.

// [A-Za-z0-9_-], 1 to 64 characters.
absl::Status CheckCollectionName(std::string_view name);
absl::Status CheckSnapshotName(std::string_view name);

// Fixed ranges of server/engine/limits.h; zeros stand for defaults and pass.
absl::Status CheckCollectionSettings(const CollectionSettings& settings);

// UTF-8, 1 to kIdBytesMax bytes.
absl::Status CheckId(std::string_view id);
absl::Status CheckIds(std::span<const std::string> ids);

// UTF-8, 1 to kTextBytesMax bytes. Documents and queries may not be white space alone either.
absl::Status CheckText(std::string_view text);

// UTF-8, at most kPromptBytesLimit bytes, and short enough that the model reads text after it.
absl::Status CheckPrompt(std::string_view prompt, const Encoder& model);

absl::Status CheckMetadata(const Metadata& metadata);

// Size, finite components and, for cosine, a length above zero.
absl::Status CheckVector(std::span<const float> vector, const CollectionShape& shape);

// A document without id passes: one will be minted.
absl::Status CheckDocument(const DocumentInput& document, const CollectionShape& shape);

absl::Status CheckQuery(const QueryInput& query, const CollectionShape& shape);

}  // namespace simile

#endif  // SIMILE_SERVER_ENGINE_VALIDATION_H_

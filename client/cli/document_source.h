#ifndef SIMILE_CLIENT_CLI_DOCUMENT_SOURCE_H_
#define SIMILE_CLIENT_CLI_DOCUMENT_SOURCE_H_

#include <cstdint>
#include <optional>

#include "absl/status/statusor.h"
#include "simile/v1/common.pb.h"

namespace simile::cli {

struct ReadDocument {
  uint64_t number = 0;  // From 1: of the line where it begins, or of the item; see unit().
  absl::StatusOr<v1::Document> document;
};

// Where an import takes its documents from, one after the other.
//
// Thread safety: none.
class DocumentSource {
 public:
  virtual ~DocumentSource() = default;

  // The next document, or an error in its place; nullopt at the end.
  virtual std::optional<ReadDocument> Next() = 0;

  virtual uint64_t bytes_read() const = 0;

  // What the numbers count, for messages.
  virtual const char* unit() const = 0;
};

}  // namespace simile::cli

#endif  // SIMILE_CLIENT_CLI_DOCUMENT_SOURCE_H_

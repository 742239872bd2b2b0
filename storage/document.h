#ifndef SIMILE_STORAGE_DOCUMENT_H_
#define SIMILE_STORAGE_DOCUMENT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "base/value.h"

namespace simile {

// Where a document's vector came from. The values are on disk: never change them.
enum class VectorSource : uint8_t {
  kClient = 1,   // Given with the document.
  kEncoder = 2,  // Made from its text by the collection's model.
};

// A document as the store keeps it.
struct StoredDocument {
  uint64_t label = 0;  // Names the document inside its collection for as long as it lives; labels
                       // grow in order of first insertion and are never used again.
  uint64_t sequence = 0;  // The commit that wrote this version.
  std::string id;         // UTF-8, 1 to 512 bytes.
  std::string text;       // Empty when the document has a vector only.
  Metadata metadata;
  std::vector<float> vector;
  VectorSource vector_source = VectorSource::kClient;
  uint32_t token_count = 0;  // Tokens of the text that the model saw; 0 without model.
  bool truncated = false;    // True when the text was longer than the model reads.
  size_t bytes_read = 0;     // Of its records, as far as they were asked for.
};

}  // namespace simile

#endif  // SIMILE_STORAGE_DOCUMENT_H_

#ifndef SIMILE_STORAGE_COLLECTION_RECORD_H_
#define SIMILE_STORAGE_COLLECTION_RECORD_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace simile {

// Begins the name of a collection that is still being put together and that nobody sees: no
// collection that a client made has it.
inline constexpr char kUnpublishedMark = '~';

// What the catalog keeps of a collection. Enumerations of other folders travel as their number:
// storage keeps them without knowing what they mean.
struct CollectionRecord {
  uint32_t id = 0;  // Given by the store; never used again.
  std::string name;
  std::string model_name;         // Empty: vectors come from the client.
  std::string model_fingerprint;  // 64 hex digits, or empty.
  uint32_t dimension = 0;         // Of its vectors; at most the model's, whose vectors are cut.
  uint32_t metric = 0;
  uint32_t index_engine = 0;
  uint32_t index_m = 0;
  uint32_t index_ef_construction = 0;
  uint32_t index_ef_search = 0;
  int64_t created_unix_ms = 0;
  // Put before each text. None: the model's default prompt, as in records of version 1.
  std::optional<std::string> query_prompt;
  std::optional<std::string> document_prompt;
  // What the model's products were rounded to when the collection was made, e.g. "bfloat16"; empty
  // without a model and in records of version 1.
  std::string model_precision;
  uint32_t index_codes = 0;  // In records of version 1: 0.
  // Indexed for filters; none: all. In records before version 3: none.
  std::vector<std::string> filter_fields;

  bool is_published() const { return name.empty() || name.front() != kUnpublishedMark; }

  bool operator==(const CollectionRecord&) const = default;
};

// What becomes of a collection that was put together: what it is called from now on, and whose
// place it takes.
struct Publication {
  uint32_t collection_id = 0;
  std::string name;
  std::optional<uint32_t> replaced_id;
};

}  // namespace simile

#endif  // SIMILE_STORAGE_COLLECTION_RECORD_H_

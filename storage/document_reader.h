#ifndef SIMILE_STORAGE_DOCUMENT_READER_H_
#define SIMILE_STORAGE_DOCUMENT_READER_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "storage/database_files.h"
#include "storage/document.h"
#include "storage/store.h"

namespace simile {

// Reads documents. Each method is one consistent view; a damaged record is DataLoss naming the
// document, never a document that is silently not there.
//
// Thread safety: immutable; all methods may be called together.
class DocumentReader {
 public:
  explicit DocumentReader(const DatabaseFiles& files) : files_(files) {}

  // As Store's methods of these names.
  absl::StatusOr<std::vector<std::optional<StoredDocument>>> GetById(
      uint32_t collection_id, std::span<const std::string> ids, DocumentFields fields) const;
  absl::StatusOr<std::vector<std::optional<StoredDocument>>> GetByLabel(
      uint32_t collection_id, std::span<const uint64_t> labels, DocumentFields fields) const;
  absl::StatusOr<std::vector<StoredDocument>> List(uint32_t collection_id, uint64_t after_label,
                                                   size_t limit, DocumentFields fields) const;
  absl::Status ScanVectors(
      uint32_t collection_id, uint64_t first_label, uint64_t end_label,
      const std::function<absl::Status(uint64_t, std::span<const float>)>& visit) const;
  absl::Status ReadVectors(
      uint32_t collection_id, std::span<const uint64_t> labels,
      const std::function<absl::Status(uint64_t, std::span<const float>)>& visit) const;

 private:
  class Snapshot;

  // Nothing when there is neither record nor vector.
  absl::StatusOr<std::optional<StoredDocument>> Read(uint32_t collection_id, uint64_t label,
                                                     DocumentFields fields,
                                                     Snapshot& snapshot) const;
  absl::StatusOr<StoredDocument> Decode(uint32_t collection_id, uint64_t label,
                                        std::string_view record, DocumentFields fields,
                                        Snapshot& snapshot) const;

  const DatabaseFiles& files_;
};

}  // namespace simile

#endif  // SIMILE_STORAGE_DOCUMENT_READER_H_

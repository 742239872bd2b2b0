#ifndef SIMILE_STORAGE_SNAPSHOT_READER_H_
#define SIMILE_STORAGE_SNAPSHOT_READER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "storage/collection_record.h"
#include "storage/document.h"

namespace simile {

// The collections of a snapshot, to read them while it stays as it is. It believes the files:
// whoever opens it has verified them.
//
// Thread safety: all methods may be called together.
class SnapshotReader {
 public:
  // `path` is the snapshot's directory. DataLoss when the database in it is damaged.
  static absl::StatusOr<std::unique_ptr<SnapshotReader>> Open(const std::string& path);
  ~SnapshotReader();
  SnapshotReader(const SnapshotReader&) = delete;
  SnapshotReader& operator=(const SnapshotReader&) = delete;

  // By name.
  std::vector<CollectionRecord> Collections() const;
  uint64_t DocumentCount(uint32_t collection_id) const;

  // At most `limit` documents whose label is above `after_label`, by label, with their vectors.
  absl::StatusOr<std::vector<StoredDocument>> List(uint32_t collection_id, uint64_t after_label,
                                                   size_t limit) const;

 private:
  class State;
  explicit SnapshotReader(std::unique_ptr<State> state);

  const std::unique_ptr<State> state_;
};

}  // namespace simile

#endif  // SIMILE_STORAGE_SNAPSHOT_READER_H_

#include "storage/snapshot_reader.h"

#include <utility>

#include "storage/catalog.h"
#include "storage/database_files.h"
#include "storage/document_reader.h"

namespace simile {

class SnapshotReader::State {
 public:
  State(std::unique_ptr<DatabaseFiles> opened_files, std::unique_ptr<Catalog> loaded_catalog)
      : files(std::move(opened_files)), catalog(std::move(loaded_catalog)), reader(*files) {}

  const std::unique_ptr<DatabaseFiles> files;
  const std::unique_ptr<Catalog> catalog;
  const DocumentReader reader;
};

absl::StatusOr<std::unique_ptr<SnapshotReader>> SnapshotReader::Open(const std::string& path) {
  auto files = DatabaseFiles::OpenReadOnly(path + "/rocksdb");
  if (!files.ok()) return files.status();
  auto catalog = Catalog::Load(**files);
  if (!catalog.ok()) return catalog.status();
  return std::unique_ptr<SnapshotReader>(
      new SnapshotReader(std::make_unique<State>(*std::move(files), *std::move(catalog))));
}

SnapshotReader::SnapshotReader(std::unique_ptr<State> state) : state_(std::move(state)) {}

SnapshotReader::~SnapshotReader() = default;

std::vector<CollectionRecord> SnapshotReader::Collections() const {
  return state_->catalog->Published();
}

uint64_t SnapshotReader::DocumentCount(uint32_t collection_id) const {
  return state_->catalog->Counters(collection_id).document_count;
}

absl::StatusOr<std::vector<StoredDocument>> SnapshotReader::List(uint32_t collection_id,
                                                                 uint64_t after_label,
                                                                 size_t limit) const {
  return state_->reader.List(collection_id, after_label, limit, {.vector = true});
}

}  // namespace simile

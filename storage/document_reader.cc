#include "storage/document_reader.h"

#include <limits>
#include <memory>
#include <utility>

#include "fmt/format.h"
#include "storage/catalog_codec.h"
#include "storage/document_codec.h"
#include "storage/keys.h"
#include "storage/rocksdb_status.h"

namespace simile {
namespace {

absl::Status Damaged(const std::string& what, const std::string& reason) {
  return absl::DataLossError(fmt::format("{} is damaged: {}", what, reason));
}

std::string Named(const char* what, uint32_t collection_id, uint64_t label) {
  return fmt::format("the {} of label {} in collection {}", what, label, collection_id);
}

}  // namespace

// A RocksDB snapshot that is released with its life, and what was read from it.
class DocumentReader::Snapshot {
 public:
  explicit Snapshot(const DatabaseFiles& files)
      : files_(files), snapshot_(files.db().GetSnapshot()) {}
  ~Snapshot() { files_.db().ReleaseSnapshot(snapshot_); }
  Snapshot(const Snapshot&) = delete;
  Snapshot& operator=(const Snapshot&) = delete;

  const rocksdb::Snapshot* get() const { return snapshot_; }

  absl::Status CountBytes(size_t bytes, size_t bytes_max) {
    bytes_read_ += bytes;
    if (bytes_read_ <= bytes_max) return absl::OkStatus();
    return absl::ResourceExhaustedError(fmt::format(
        "the documents have more than {} bytes together: ask for fewer documents", bytes_max));
  }

 private:
  const DatabaseFiles& files_;
  const rocksdb::Snapshot* const snapshot_;
  size_t bytes_read_ = 0;
};

absl::StatusOr<std::vector<std::optional<StoredDocument>>> DocumentReader::GetById(
    uint32_t collection_id, std::span<const std::string> ids, DocumentFields fields) const {
  Snapshot snapshot(files_);
  std::vector<std::optional<StoredDocument>> documents;
  documents.reserve(ids.size());
  for (const std::string& id : ids) {
    const auto stored = files_.Get(files_.ids(), IdKey(collection_id, id), snapshot.get());
    if (stored.status().code() == absl::StatusCode::kNotFound) {
      documents.emplace_back();
      continue;
    }
    if (!stored.ok()) return stored.status();
    const auto label = DecodeLabel(*stored);
    if (!label.ok()) {
      return Damaged(fmt::format("the label of document '{}'", id),
                     std::string(label.status().message()));
    }
    auto document = Read(collection_id, *label, fields, snapshot);
    if (!document.ok()) return document.status();
    if (!document->has_value()) {
      return Damaged(fmt::format("document '{}'", id), "its id is stored, but its record is not");
    }
    documents.push_back(*std::move(document));
  }
  return documents;
}

absl::StatusOr<std::vector<std::optional<StoredDocument>>> DocumentReader::GetByLabel(
    uint32_t collection_id, std::span<const uint64_t> labels, DocumentFields fields) const {
  Snapshot snapshot(files_);
  std::vector<std::optional<StoredDocument>> documents;
  documents.reserve(labels.size());
  for (const uint64_t label : labels) {
    auto document = Read(collection_id, label, fields, snapshot);
    if (!document.ok()) return document.status();
    documents.push_back(*std::move(document));
  }
  return documents;
}

absl::StatusOr<std::optional<StoredDocument>> DocumentReader::Read(uint32_t collection_id,
                                                                   uint64_t label,
                                                                   DocumentFields fields,
                                                                   Snapshot& snapshot) const {
  const auto record =
      files_.Get(files_.documents(), LabelKey(collection_id, label), snapshot.get());
  if (record.status().code() == absl::StatusCode::kNotFound) {
    // A removal takes the two together.
    const auto vector =
        files_.Get(files_.vectors(), LabelKey(collection_id, label), snapshot.get());
    if (vector.status().code() == absl::StatusCode::kNotFound) return std::nullopt;
    if (!vector.ok()) return vector.status();
    return Damaged(Named("document", collection_id, label),
                   "its vector is stored, but its record is not");
  }
  if (!record.ok()) return record.status();
  auto document = Decode(collection_id, label, *record, fields, snapshot);
  if (!document.ok()) return document.status();
  return *std::move(document);
}

absl::StatusOr<StoredDocument> DocumentReader::Decode(uint32_t collection_id, uint64_t label,
                                                      std::string_view record,
                                                      DocumentFields fields,
                                                      Snapshot& snapshot) const {
  auto document = DecodeDocument(record);
  if (!document.ok()) {
    return Damaged(Named("document", collection_id, label),
                   std::string(document.status().message()));
  }
  document->label = label;
  if (fields.text_and_metadata) {
    document->bytes_read = record.size();
  } else {
    document->text.clear();
    document->metadata.clear();
  }
  if (absl::Status s = snapshot.CountBytes(document->bytes_read, fields.bytes_max); !s.ok()) {
    return s;
  }
  if (!fields.vector) return document;
  const auto stored = files_.Get(files_.vectors(), LabelKey(collection_id, label), snapshot.get());
  if (stored.status().code() == absl::StatusCode::kNotFound) {
    return Damaged(Named("document", collection_id, label), "its vector is missing");
  }
  if (!stored.ok()) return stored.status();
  if (absl::Status s = snapshot.CountBytes(stored->size(), fields.bytes_max); !s.ok()) return s;
  auto vector = DecodeVector(*stored);
  if (!vector.ok()) {
    return Damaged(Named("vector", collection_id, label), std::string(vector.status().message()));
  }
  document->vector = *std::move(vector);
  document->bytes_read += stored->size();
  return document;
}

absl::StatusOr<std::vector<StoredDocument>> DocumentReader::List(uint32_t collection_id,
                                                                 uint64_t after_label, size_t limit,
                                                                 DocumentFields fields) const {
  // Nothing lies above the highest label, and one more would begin at the lowest again.
  if (after_label == std::numeric_limits<uint64_t>::max()) return std::vector<StoredDocument>{};
  Snapshot snapshot(files_);
  const std::string end = CollectionPrefix(collection_id + 1);
  const rocksdb::Slice end_slice(end);
  rocksdb::ReadOptions options = DatabaseFiles::ScanOptions();
  options.snapshot = snapshot.get();
  options.iterate_upper_bound = &end_slice;
  const std::unique_ptr<rocksdb::Iterator> found(
      files_.db().NewIterator(options, files_.documents()));
  std::vector<StoredDocument> documents;
  for (found->Seek(LabelKey(collection_id, after_label + 1));
       found->Valid() && documents.size() < limit; found->Next()) {
    auto document = Decode(collection_id, LabelOfKey(found->key().ToStringView()),
                           found->value().ToStringView(), fields, snapshot);
    if (!document.ok()) return document.status();
    documents.push_back(*std::move(document));
  }
  if (!found->status().ok()) return FromRocksDb(found->status(), "listing documents");
  return documents;
}

absl::Status DocumentReader::ScanVectors(
    uint32_t collection_id, uint64_t first_label, uint64_t end_label,
    const std::function<absl::Status(uint64_t, std::span<const float>)>& visit) const {
  const KeyRange range{.first = LabelKey(collection_id, first_label),
                       .end = LabelKey(collection_id, end_label)};
  return files_.Scan(files_.vectors(), range, [&](std::string_view key, std::string_view value) {
    const uint64_t label = LabelOfKey(key);
    const auto vector = DecodeVector(value);
    if (!vector.ok()) {
      return Damaged(Named("vector", collection_id, label), std::string(vector.status().message()));
    }
    return visit(label, *vector);
  });
}

absl::Status DocumentReader::ReadVectors(
    uint32_t collection_id, std::span<const uint64_t> labels,
    const std::function<absl::Status(uint64_t, std::span<const float>)>& visit) const {
  for (const uint64_t label : labels) {
    const auto stored = files_.Get(files_.vectors(), LabelKey(collection_id, label));
    absl::StatusOr<std::vector<float>> vector = std::vector<float>();
    if (stored.ok()) {
      vector = DecodeVector(*stored);
      if (!vector.ok()) {
        return Damaged(Named("vector", collection_id, label),
                       std::string(vector.status().message()));
      }
    } else if (stored.status().code() != absl::StatusCode::kNotFound) {
      return stored.status();
    }
    if (absl::Status s = visit(label, *vector); !s.ok()) return s;
  }
  return absl::OkStatus();
}

}  // namespace simile

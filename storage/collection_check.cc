#include "storage/collection_check.h"

#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "fmt/format.h"
#include "storage/catalog_codec.h"
#include "storage/document_codec.h"
#include "storage/keys.h"

namespace simile {
namespace {

// What was found under a label.
enum : uint8_t {
  kId = 1,
  kDocument = 2,
  kVector = 4,
  kUnreadable = 8,
  kWhole = kId | kDocument | kVector
};

class Check {
 public:
  Check(const DatabaseFiles& files, const CollectionRecord& record,
        const CollectionCountersRecord& counters, const rocksdb::Snapshot* snapshot)
      : files_(files),
        record_(record),
        snapshot_(snapshot),
        found_(counters.next_label),
        id_hashes_(counters.next_label) {
    result_.name = record.name;
    result_.document_count = counters.document_count;
  }

  CollectionCheck Run() {
    ReadLabels(files_.documents(), kDocument);
    ReadLabels(files_.vectors(), kVector);
    ReadIds();
    Count();
    return std::move(result_);
  }

 private:
  void Unreadable(uint64_t label, const std::string& what, const absl::Status& status) {
    if (label < found_.size()) found_[label] |= kUnreadable;
    if (first_error_.empty()) {
      first_error_ = fmt::format("{}: {}", what, std::string(status.message()));
    }
  }

  // False when some of it cannot be read.
  bool Scan(rocksdb::ColumnFamilyHandle* family, const DatabaseFiles::Visit& visit) const {
    return files_.Scan(family, CollectionRange(record_.id), visit, snapshot_).ok();
  }

  void ReadLabels(rocksdb::ColumnFamilyHandle* family, uint8_t bit) {
    const bool is_whole = Scan(family, [&](std::string_view key, std::string_view value) {
      Take(LabelOfKey(key), value, bit);
      return absl::OkStatus();
    });
    if (is_whole) return;
    for (uint64_t label = 1; label < found_.size(); ++label) {
      if ((found_[label] & bit) != 0) continue;
      const auto value = files_.Get(family, LabelKey(record_.id, label), snapshot_);
      if (value.ok()) {
        Take(label, *value, bit);
      } else if (value.status().code() != absl::StatusCode::kNotFound) {
        Unreadable(label, fmt::format("label {} in {}", label, family->GetName()), value.status());
      }
    }
  }

  void Take(uint64_t label, std::string_view value, uint8_t bit) {
    if (label >= found_.size()) {
      ++beyond_;
      return;
    }
    absl::Status status;
    if (bit == kDocument) {
      const auto document = DecodeDocument(value);
      status = document.status();
      if (document.ok()) id_hashes_[label] ^= std::hash<std::string>()(document->id);
    } else {
      const auto vector = DecodeVector(value);
      status = vector.status();
      if (vector.ok() && vector->size() != record_.dimension) {
        status = absl::DataLossError(fmt::format("the vector has {} components and not {}",
                                                 vector->size(), record_.dimension));
      }
    }
    found_[label] |= bit;
    if (!status.ok()) {
      Unreadable(label,
                 fmt::format("the {} of label {}", bit == kDocument ? "document" : "vector", label),
                 status);
    }
  }

  void TakeId(std::string_view id, const absl::StatusOr<std::string>& value) {
    const absl::StatusOr<uint64_t> label = value.ok() ? DecodeLabel(*value) : value.status();
    if (!label.ok()) return Unreadable(0, fmt::format("the label of id '{}'", id), label.status());
    if (*label >= found_.size()) {
      ++beyond_;
      return;
    }
    found_[*label] |= kId;
    id_hashes_[*label] ^= std::hash<std::string_view>()(id);
  }

  void ReadIds() {
    const size_t prefix = CollectionPrefix(record_.id).size();
    if (Scan(files_.ids(), [&](std::string_view key, std::string_view value) {
          TakeId(key.substr(prefix), std::string(value));
          return absl::OkStatus();
        })) {
      return;
    }
    // An id whose entry was not come to is asked for by the document that has it.
    for (uint64_t label = 1; label < found_.size(); ++label) {
      if ((found_[label] & kWhole) == kWhole || (found_[label] & kDocument) == 0) continue;
      const auto record = files_.Get(files_.documents(), LabelKey(record_.id, label), snapshot_);
      if (!record.ok()) continue;
      const auto document = DecodeDocument(*record);
      if (!document.ok()) continue;
      const auto value = files_.Get(files_.ids(), IdKey(record_.id, document->id), snapshot_);
      if (value.status().code() == absl::StatusCode::kNotFound) continue;
      TakeId(document->id, value);
    }
  }

  void Count() {
    uint64_t whole = 0, unreadable = 0, no_document = 0, no_vector = 0, no_id = 0, mixed = 0;
    for (uint64_t label = 1; label < found_.size(); ++label) {
      const uint8_t found = found_[label];
      if (found == 0) continue;
      if ((found & kUnreadable) != 0) {
        ++unreadable;
      } else if (found != kWhole) {
        no_document += (found & kDocument) == 0 ? 1 : 0;
        no_vector += (found & kVector) == 0 ? 1 : 0;
        no_id += (found & kId) == 0 ? 1 : 0;
      } else if (id_hashes_[label] != 0) {
        ++mixed;
      } else {
        ++whole;
      }
    }
    const auto tell = [this](uint64_t count, const char* what) {
      if (count > 0) result_.findings.push_back(fmt::format("{} {}", count, what));
    };
    if (!first_error_.empty()) result_.findings.push_back(first_error_);
    tell(unreadable, "labels have a record that cannot be read");
    tell(no_document, "labels have an id or a vector, and no document");
    tell(no_vector, "labels have no vector");
    tell(no_id, "labels have no id that can be read");
    tell(mixed, "labels have a document of another id");
    tell(beyond_, "records have a label that was never given");
    if (whole > result_.document_count) {
      result_.findings.push_back(fmt::format("{} documents are whole, and the counter says {}",
                                             whole, result_.document_count));
    } else {
      // Not what was found: a removed label in a block that cannot be read looks like a loss.
      result_.affected_count = result_.document_count - whole;
      tell(result_.affected_count, "documents are counted and not whole");
    }
  }

  const DatabaseFiles& files_;
  const CollectionRecord& record_;
  const rocksdb::Snapshot* const snapshot_;
  std::vector<uint8_t> found_;       // By label.
  std::vector<uint64_t> id_hashes_;  // Those of the document and of its id together: 0 if equal.
  uint64_t beyond_ = 0;
  std::string first_error_;
  CollectionCheck result_;
};

}  // namespace

CollectionCheck CheckCollection(const DatabaseFiles& files, const CollectionRecord& record,
                                const CollectionCountersRecord& counters,
                                const rocksdb::Snapshot* snapshot) {
  return Check(files, record, counters, snapshot).Run();
}

}  // namespace simile

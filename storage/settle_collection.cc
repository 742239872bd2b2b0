#include "storage/settle_collection.h"

#include <algorithm>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "storage/catalog_codec.h"
#include "storage/document_codec.h"
#include "storage/keys.h"
#include "storage/rocksdb_status.h"

namespace simile {
namespace {

class Settlement {
 public:
  Settlement(const DatabaseFiles& files, const Catalog& catalog, uint32_t collection_id,
             const LoggedWrites& dropped)
      : files_(files),
        collection_id_(collection_id),
        dropped_(dropped),
        counters_(catalog.Counters(collection_id)),
        last_sequence_(catalog.State().last_sequence),
        labels_(counters_.next_label) {}

  absl::StatusOr<SettledDocuments> Run() {
    if (!ReadAll()) {
      CollectionCountersRecord kept = counters_;
      kept.last_sequence = std::max(kept.last_sequence, newest_sequence_);
      if (absl::Status s = PutCounters(kept); !s.ok()) return s;
      return SettledDocuments();
    }
    const SettledDocuments documents{
        .removed = Count(
            [](const Label& one) { return (one.has_id || one.has_document) && !one.IsWhole(); }),
        .newer_kept = Count([](const Label& one) { return one.is_newer && one.IsWhole(); })};
    CollectionCountersRecord settled{
        .next_label = std::max<uint64_t>(counters_.next_label, labels_.size()),
        .document_count = Count([](const Label& one) { return one.IsWhole(); }),
        .last_sequence = std::max(counters_.last_sequence, newest_sequence_)};
    for (rocksdb::ColumnFamilyHandle* family : {files_.documents(), files_.vectors()}) {
      if (absl::Status s = RemoveHalves(family); !s.ok()) return s;
    }
    if (absl::Status s = RemoveIds(); !s.ok()) return s;
    if (absl::Status s = PutCounters(settled); !s.ok()) return s;
    return documents;
  }

 private:
  // What is there under a label.
  struct Label {
    bool has_id = false;  // The one that its document has.
    bool has_document = false;
    bool has_vector = false;
    bool is_newer = false;  // Its document is of a dropped request.
    bool is_mixed = false;
    size_t id_hash = 0;
    size_t content_hash = 0;

    bool IsWhole() const { return has_id && has_document && has_vector && !is_mixed; }
  };

  template <typename Is>
  uint64_t Count(Is is) const {
    return static_cast<uint64_t>(std::ranges::count_if(labels_, is));
  }

  absl::Status Scan(rocksdb::ColumnFamilyHandle* family, const DatabaseFiles::Visit& visit) const {
    return files_.Scan(family, CollectionRange(collection_id_), visit);
  }

  Label& At(uint64_t label) {
    if (label >= labels_.size()) labels_.resize(label + 1);
    return labels_[label];
  }

  // False when a table, or a record, cannot be read.
  bool ReadAll() {
    const auto take_document = [&](std::string_view key, std::string_view value) {
      const auto document = DecodeDocument(value);
      if (!document.ok()) return document.status();
      Label& label = At(LabelOfKey(key));
      label.has_document = true;
      label.id_hash = std::hash<std::string>()(document->id);
      label.is_newer = document->sequence > last_sequence_;
      newest_sequence_ = std::max(newest_sequence_, document->sequence);
      label.content_hash = ContentHash(*document);
      return absl::OkStatus();
    };
    const auto take_vector = [&](std::string_view key, std::string_view value) {
      const uint64_t number = LabelOfKey(key);
      Label& label = At(number);
      label.has_vector = true;
      label.is_mixed =
          label.has_document && !dropped_.MayBelongTogether(collection_id_, number, label.is_newer,
                                                            label.content_hash, VectorHash(value));
      return absl::OkStatus();
    };
    const auto take_id = [&](std::string_view key, std::string_view value) {
      const auto number = DecodeLabel(value);
      if (!number.ok()) return number.status();
      if (IsIdOf(key, At(*number))) At(*number).has_id = true;
      return absl::OkStatus();
    };
    return Scan(files_.documents(), take_document).ok() &&
           Scan(files_.vectors(), take_vector).ok() && Scan(files_.ids(), take_id).ok();
  }

  // A label that was given to a document whose requests are dropped may be given again.
  static bool IsIdOf(std::string_view key, const Label& label) {
    const std::string_view id = key.substr(sizeof(uint32_t));
    return label.has_document && label.id_hash == std::hash<std::string_view>()(id);
  }

  absl::Status PutCounters(const CollectionCountersRecord& counters) const {
    return FromRocksDb(
        files_.db().Put({}, files_.meta(), CountersKey(collection_id_), EncodeCounters(counters)),
        "writing the counters of a collection");
  }

  absl::Status Remove(rocksdb::ColumnFamilyHandle* family, std::string_view key) const {
    return FromRocksDb(files_.db().Delete({}, family, key), "removing half of a document");
  }

  absl::Status RemoveHalves(rocksdb::ColumnFamilyHandle* family) {
    return Scan(family, [&](std::string_view key, std::string_view) {
      return At(LabelOfKey(key)).IsWhole() ? absl::OkStatus() : Remove(family, key);
    });
  }

  absl::Status RemoveIds() {
    return Scan(files_.ids(), [&](std::string_view key, std::string_view value) {
      const auto number = DecodeLabel(value);
      if (!number.ok()) return number.status();
      const Label& label = At(*number);
      return label.IsWhole() && IsIdOf(key, label) ? absl::OkStatus() : Remove(files_.ids(), key);
    });
  }

  const DatabaseFiles& files_;
  const uint32_t collection_id_;
  const LoggedWrites& dropped_;
  const CollectionCountersRecord counters_;
  const uint64_t last_sequence_;
  uint64_t newest_sequence_ = 0;  // Of any document: no other request may have it.
  std::vector<Label> labels_;
};

}  // namespace

absl::StatusOr<SettledDocuments> SettleCollection(const DatabaseFiles& files,
                                                  const Catalog& catalog, uint32_t collection_id,
                                                  const LoggedWrites& dropped) {
  return Settlement(files, catalog, collection_id, dropped).Run();
}

}  // namespace simile
